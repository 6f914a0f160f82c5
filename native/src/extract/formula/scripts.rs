//! Formulas in scripts that MathJax reads, and in attributes.

use super::markup::{attribute, clean, decoded, is_plausible};
use super::mathml::tex_of_mathml;
use crate::extract::entities::Entities;

/// The source of a formula.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Formula {
    /// TeX, or AsciiMath.
    pub tex: String,
    pub display: bool,
    pub ascii: bool,
}

/// The formula of a script of a type: `math/tex`, `math/asciimath` or `math/mml`; none for other types.
pub fn formula_of_script(kind: &str, text: &str, entities: &Entities) -> Option<Formula> {
    let kind = kind.trim().to_ascii_lowercase();
    let (base, mode) = kind.split_once(';').unwrap_or((&kind, ""));
    let display = mode.split(['=', ' ']).any(|word| word == "display");
    let (tex, display, ascii) = match base.trim_end() {
        "math/tex" | "math/latex" | "text/tex" | "text/latex" | "application/x-tex" => (clean(text), display, false),
        "math/asciimath" | "text/asciimath" => (clean(text), display, true),
        "math/mml" => {
            let (tex, block) = tex_of_mathml(text.trim(), entities)?;
            (tex, display || block, false)
        }
        _ => return None,
    };
    (!tex.is_empty()).then_some(Formula { tex, display, ascii })
}

/// The TeX in an attribute of an element that shows it.
pub fn tex_of_attributes(tag: &str, entities: &Entities) -> Option<String> {
    const NAMES: [&str; 7] =
        ["data-tex", "data-latex", "data-math", "data-expr", "data-formula", "data-equation", "data-katex"];
    NAMES.iter().find_map(|name| {
        let tex = clean(&decoded(attribute(tag, name)?, entities));
        is_plausible(&tex).then_some(tex)
    })
}

#[cfg(test)]
mod tests {
    use super::{formula_of_script, tex_of_attributes};
    use crate::extract::entities::Entities;

    #[test]
    fn scripts_and_attributes_have_formulas() {
        let entities = Entities::new([("lt;".to_owned(), "<".to_owned())]);
        let of = |kind: &str, text: &str| formula_of_script(kind, text, &entities).map(|f| (f.tex, f.display, f.ascii));
        assert_eq!(of("math/tex", " x<y "), Some(("x<y".to_owned(), false, false)));
        assert_eq!(of("math/tex; mode=display", "% <![CDATA[\nx % ]]>"), Some(("x".to_owned(), true, false)));
        assert_eq!(of("math/asciimath", "sqrt x"), Some(("sqrt x".to_owned(), false, true)));
        assert_eq!(of("math/mml", "<math display='block'><mi>x</mi></math>"), Some(("x".to_owned(), true, false)));
        assert_eq!(of("text/javascript", "x"), None);
        assert_eq!(of("math/tex", " "), None);
        assert_eq!(tex_of_attributes(" class=a data-tex='a &lt; b'", &entities).as_deref(), Some("a < b"));
        assert_eq!(tex_of_attributes(" data-math='a long story about something'", &entities), None);
    }
}
