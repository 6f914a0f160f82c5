//! Formulas: their TeX, from MathML, scripts, attributes, pictures and delimiters in texts.

mod atoms;
mod delimited;
mod evidence;
mod flattened;
mod images;
mod markup;
mod mathml;
mod presentation;
mod scripts;
mod symbols;
mod tokens;

pub use delimited::{delimited, may_contain, Delimited};
pub use evidence::{shows_ascii, shows_tex, Evidence};
pub use flattened::tex_of_flattened;
pub use images::tex_of_image;
pub use mathml::tex_of_mathml;
pub use scripts::{formula_of_script, tex_of_attributes, Formula};
