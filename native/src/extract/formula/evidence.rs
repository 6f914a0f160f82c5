//! Programs that show formulas, by their names in a page.

use memchr::memmem::find;

/// The programs that a page loads for its formulas.
#[derive(Clone, Copy, Default, Debug)]
pub struct Evidence {
    /// One that shows TeX.
    pub tex: bool,
    /// One that shows AsciiMath.
    pub ascii: bool,
}

/// True if a page names a program that shows TeX.
pub fn shows_tex(source: &str) -> bool {
    ["athJax", "KaTeX", "katex", "athjax"].iter().any(|name| find(source.as_bytes(), name.as_bytes()).is_some())
}

/// True if a page names a program that shows AsciiMath.
pub fn shows_ascii(source: &str) -> bool {
    ["ASCIIMath", "AsciiMath", "asciimath"].iter().any(|name| find(source.as_bytes(), name.as_bytes()).is_some())
}
