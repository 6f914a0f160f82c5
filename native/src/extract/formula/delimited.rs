//! Formulas in a text between the delimiters of TeX and AsciiMath.
//!
//! A dollar sign is a delimiter only where the page has TeX, and where it is no price. Each part of a text is looked at
//! a fixed number of times, whatever delimiters it has.

use std::collections::HashMap;
use std::ops::Range;

use super::evidence::Evidence;
use super::markup::{escaped, find, has_command, is_marked};

/// A formula in a text: its range with the delimiters, and that of its source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delimited {
    pub whole: Range<usize>,
    pub source: Range<usize>,
    pub display: bool,
    pub ascii: bool,
}

/// Bytes of a formula, at most.
const LONGEST: usize = 10_000;
const LONGEST_INLINE: usize = 1_000;

/// The ends of environments of TeX that are formulas without delimiters.
const ENVIRONMENTS: [&str; 14] = [
    "\\end{equation}",
    "\\end{equation*}",
    "\\end{align}",
    "\\end{align*}",
    "\\end{eqnarray}",
    "\\end{eqnarray*}",
    "\\end{gather}",
    "\\end{gather*}",
    "\\end{multline}",
    "\\end{multline*}",
    "\\end{displaymath}",
    "\\end{alignat}",
    "\\end{alignat*}",
    "\\end{aligned}",
];

/// True if a text may contain formulas. A dollar sign that no other is before, or that follows a blank, ends none.
pub fn may_contain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut dollars, mut marked) = (0, None);
    memchr::memchr3_iter(b'$', b'\\', b'`', bytes).any(|at| match bytes[at] {
        b'$' => {
            dollars += 1;
            dollars > 1 && (!bytes[at - 1].is_ascii_whitespace() || *marked.get_or_insert_with(|| is_marked(text)))
        }
        b'\\' => matches!(bytes.get(at + 1), Some(b'(' | b'[' | b'b')),
        _ => true,
    })
}

/// The formulas of a text, in order. Inline formulas lie in one of its lines; others may go on over lines.
pub fn delimited(text: &str, evidence: Evidence) -> Vec<Delimited> {
    let mut search = Search { text, evidence, next: HashMap::new(), many: false };
    let dollars = search.all(&mut |search, at| search.dollar(at).filter(|_| !evidence.tex));
    search.many = dollars.len() >= MANY;
    search.all(&mut |search, at| search.formula(at))
}

/// So many formulas between dollar signs show that a page has TeX.
const MANY: usize = 3;

struct Search<'a> {
    text: &'a str,
    evidence: Evidence,
    /// The next places of delimiters, and the places from which on they are next; none if there is no other.
    next: HashMap<&'static str, (usize, Option<usize>)>,
    /// There are formulas between dollar signs that can be nothing else.
    many: bool,
}

impl Search<'_> {
    fn all(&mut self, found: &mut dyn FnMut(&mut Self, usize) -> Option<Delimited>) -> Vec<Delimited> {
        let bytes = self.text.as_bytes();
        let (mut made, mut at) = (Vec::new(), 0);
        while let Some(ahead) = memchr::memchr3(b'\\', b'$', b'`', bytes.get(at..).unwrap_or_default()) {
            at += ahead;
            match found(self, at) {
                Some(formula) => {
                    at = formula.whole.end;
                    made.push(formula);
                }
                // An escaped character begins nothing.
                None if bytes[at] == b'\\' => at += 2,
                None => at += 1,
            }
        }
        made
    }

    fn formula(&mut self, at: usize) -> Option<Delimited> {
        let rest = &self.text[at..];
        match rest.as_bytes() {
            [b'\\', b'(', ..] => self.bracket(at, ["\\(", "\\)"], LONGEST_INLINE, false),
            [b'\\', b'[', ..] => self.bracket(at, ["\\[", "\\]"], LONGEST, true),
            [b'\\', b'b', ..] => self.environment(at),
            [b'$', b'$', b'$', ..] => self.thrice(at),
            [b'$', b'$', ..] => self.bracket(at, ["$$", "$$"], LONGEST, true),
            [b'$', ..] => self.dollar(at),
            [b'`', ..] if self.evidence.ascii => self.quoted(at),
            _ => None,
        }
    }

    /// The next place of a delimiter, found once for all places before it.
    fn next(&mut self, mark: &'static str, from: usize) -> Option<usize> {
        match self.next.get(mark) {
            Some(&(first, next)) if first <= from && next.is_none_or(|next| from <= next) => next,
            _ => {
                let next = find(self.text, mark, from);
                self.next.insert(mark, (from, next));
                next
            }
        }
    }

    /// The place of a closing delimiter after a place.
    fn end(&mut self, mark: &'static str, from: usize, longest: usize) -> Option<usize> {
        self.next(mark, from).filter(|&end| end - from <= longest)
    }

    fn bracket(
        &mut self,
        at: usize,
        [open, close]: [&'static str; 2],
        longest: usize,
        display: bool,
    ) -> Option<Delimited> {
        let end = self.end(close, at + 2, longest)?;
        let inner = &self.text[at + 2..end];
        let nested = open != "$$" && self.next(open, at + 2).is_some_and(|next| next < end);
        if nested {
            return None;
        }
        let lines = display || !inner.contains('\n');
        let is_tex = is_marked(inner) || self.evidence.tex && (open != "\\[" || looks_short(inner));
        (lines && is_tex && !inner.trim().is_empty()).then(|| Delimited {
            whole: at..end + 2,
            source: at + 2..end,
            display,
            ascii: false,
        })
    }

    /// An inline formula between three dollar signs.
    fn thrice(&mut self, at: usize) -> Option<Delimited> {
        let end = self.end("$$$", at + 3, LONGEST_INLINE)?;
        let inner = &self.text[at + 3..end];
        (!inner.contains(['\n', '$']) && !inner.trim().is_empty()).then(|| Delimited {
            whole: at..end + 3,
            source: at + 3..end,
            display: false,
            ascii: false,
        })
    }

    fn environment(&mut self, at: usize) -> Option<Delimited> {
        let name = self.text[at..].strip_prefix("\\begin")?;
        let close = *ENVIRONMENTS.iter().find(|close| name.starts_with(&close["\\end".len()..]))?;
        let end = self.end(close, at + 8, LONGEST)? + close.len();
        Some(Delimited { whole: at..end, source: at..end, display: true, ascii: false })
    }

    fn dollar(&mut self, at: usize) -> Option<Delimited> {
        let bytes = self.text.as_bytes();
        if bytes[at] != b'$' || bytes.get(at + 1) == Some(&b'$') || escaped(self.text, at) {
            return None;
        }
        let window = &self.text.as_bytes()[at..self.text.len().min(at + LONGEST_INLINE)];
        let line = at + memchr::memchr(b'\n', window).unwrap_or(window.len());
        let end = (at + 1..line).find(|&end| self.text.as_bytes()[end] == b'$' && !escaped(self.text, end))?;
        let end = self.balanced(at + 1, end, line);
        let inner = &self.text[at + 1..end];
        let after = self.text[end + 1..].chars().next();
        self.is_formula(inner, after).then(|| Delimited {
            whole: at..end + 1,
            source: at + 1..end,
            display: false,
            ascii: false,
        })
    }

    /// The closing dollar sign outside of braces, if it is among the next few.
    fn balanced(&self, start: usize, end: usize, line: usize) -> usize {
        const TRIES: usize = 3;
        let bytes = self.text.as_bytes();
        let depth = |end: usize| {
            let inner = &bytes[start..end];
            let count = |wanted| memchr::memchr_iter(wanted, inner).count() as i64;
            count(b'{') - count(b'}')
        };
        let closing = (end..line).filter(|&at| bytes[at] == b'$' && !escaped(self.text, at)).take(TRIES);
        closing.into_iter().find(|&end| depth(end) <= 0).unwrap_or(end)
    }

    /// True if what is between two dollar signs is TeX.
    fn is_formula(&self, inner: &str, after: Option<char>) -> bool {
        const WORDS: usize = 2;
        let blank = inner.starts_with(char::is_whitespace) || inner.ends_with(char::is_whitespace);
        let follows = |is: fn(char) -> bool| after.is_some_and(is);
        let marked = has_command(inner) || inner.contains(['^', '_']);
        let prose = || inner.split(|c: char| !c.is_alphabetic()).filter(|word| word.len() > 3).count() > WORDS;
        match () {
            () if inner.trim().is_empty() || follows(|c| c.is_ascii_digit()) => false,
            () if !self.evidence.tex && !self.many => marked && !blank && (has_command(inner) || !prose()),
            () if blank => marked && (has_command(inner) || !prose()),
            () if marked => has_command(inner) || !prose(),
            () => looks_short(inner) && !(follows(char::is_alphabetic) && inner.len() > 2),
        }
    }

    fn quoted(&mut self, at: usize) -> Option<Delimited> {
        let end = self.end("`", at + 1, LONGEST_INLINE)?;
        let inner = &self.text[at + 1..end];
        (!inner.trim().is_empty() && !inner.contains('\n')).then(|| Delimited {
            whole: at..end + 1,
            source: at + 1..end,
            display: false,
            ascii: true,
        })
    }
}

const SIGNS: [char; 7] = ['=', '<', '>', '+', '-', '*', '/'];

/// True for a text of letters, digits and signs without a word of prose.
fn looks_short(inner: &str) -> bool {
    const WORD: usize = 4;
    let letters = |word: &str| word.chars().count();
    if inner.starts_with(|first: char| first.is_ascii_digit()) && inner.contains(' ') && !inner.contains(SIGNS) {
        return false; // an amount, with words up to the next
    }
    inner.split(|c: char| !c.is_alphabetic()).all(|word| letters(word) < WORD)
        || inner.contains('=')
        || letters(inner) <= WORD
}

#[cfg(test)]
mod tests {
    use super::delimited;
    use crate::extract::formula::Evidence;

    const TEX: Evidence = Evidence { tex: true, ascii: false };

    fn sources(text: &str, evidence: Evidence) -> Vec<&str> {
        delimited(text, evidence).into_iter().map(|found| &text[found.source]).collect()
    }

    #[test]
    fn formulas_are_between_delimiters() {
        for (text, found) in [
            (r"If \(x\) is \[y = 1\] then", &["x", "y = 1"][..]),
            (r"so $x_1$ and $$a$$, $2$ of $n$th", &["x_1", "a", "2", "n"]),
            (r"$\text{if $x$}$ ends", &[r"\text{if $x$}"]),
            ("it is $5 and $10 or ($3)/($4) or US$ and C$ here", &[]),
            (r"costs \$5, and \$x\$", &[]),
            (r"\begin{align}a&=b\\c&=d\end{align}.", &[r"\begin{align}a&=b\\c&=d\end{align}"]),
            ("one $a\nb$ two", &[]),
            ("$$\na\n$$ and $$$n$$$", &["\na\n", "n"]),
            (r"\(a \(b\)", &["b"]),
        ] {
            assert_eq!(sources(text, TEX), found, "{text}");
        }
    }

    #[test]
    fn a_page_without_tex_has_only_what_is_nothing_else() {
        let none = Evidence::default();
        assert_eq!(sources(r"$5$ \(see\) \[1\] $x$ $\alpha$ \(x^2\)", none), [r"\alpha", "x^2"]);
        assert_eq!(sources(r"$\alpha$ $\beta$ $\gamma$ $x$", none).len(), 4);
        assert_eq!(sources("`a` b", none).len(), 0);
        assert_eq!(sources("`a` b", Evidence { tex: false, ascii: true }), ["a"]);
    }

    #[test]
    fn hostile_texts_take_linear_time() {
        let many = 1_000_000;
        for part in ["$", "\\(", "\\[", "$a", "$$a", "$ a$b", "\\begin{align}", "${", "`", "\\", "$x^{\\$", "\\(\\)"] {
            delimited(&part.repeat(many / part.len()), Evidence { tex: true, ascii: true });
        }
    }
}
