//! The options of an extraction.

use super::comments::Comments;

/// How to extract the main text of a page.
pub struct Options {
    /// The beta of the F-score whose expectation is maximised.
    pub beta: f64,
    /// Put blank lines between paragraphs.
    pub paragraphs: bool,
    pub comments: Comments,
    /// Mark the structure of the text.
    pub structure: bool,
    /// Mark links, with their targets.
    pub links: bool,
}
