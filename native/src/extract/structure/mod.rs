//! The structure of a text: headings, lists, tables, code, formulas, images and more, as marks over it.
//!
//! The walk over the tree notes marks within blocks (`inline`). Once blocks are chosen, `outline` adds those of the
//! elements around them. Nothing here changes the text.

pub mod attributes;
pub mod columns;
pub mod delimiters;
mod elements;
pub mod formulas;
pub mod headings;
pub mod inline;
pub mod language;
pub mod links;
pub mod mark;
pub mod objects;
pub mod outline;
pub mod roles;
pub mod tables;
