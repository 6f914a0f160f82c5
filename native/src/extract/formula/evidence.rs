//! Programs that show formulas, by their names in a page.

use std::sync::OnceLock;

use aho_corasick::AhoCorasick;

/// What a page says about its formulas.
#[derive(Clone, Copy, Default, Debug)]
pub struct Evidence {
    /// It loads a program that shows TeX.
    pub tex: bool,
    /// It loads a program that shows AsciiMath.
    pub ascii: bool,
}

impl Evidence {
    /// The evidence of a page's source.
    pub fn of(source: &str) -> Self {
        static NAMES: OnceLock<Option<AhoCorasick>> = OnceLock::new();
        let names = NAMES.get_or_init(|| {
            AhoCorasick::new([
                "athJax",
                "athjax",
                "katex",
                "KaTeX",
                "math-renderer",
                "SCIIMath",
                "sciiMath",
                "sciimath",
            ])
            .ok()
        });
        let mut evidence = Evidence::default();
        for found in names.iter().flat_map(|names| names.find_iter(source)) {
            if found.pattern().as_usize() < 5 {
                evidence.tex = true;
            } else {
                evidence.ascii = true;
            }
            if evidence.tex && evidence.ascii {
                break;
            }
        }
        evidence
    }
}
