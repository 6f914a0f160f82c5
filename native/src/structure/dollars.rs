//! TeX between dollar signs, and dollar signs that would be read as its delimiters. Twins:
//! `refinery.kernels.reference.markdown_inline`, `refinery.kernels.reference.markdown_escape`.

use super::escape::add_at_start;
use super::pieces::{blank, trimmed};

/// The lines of a formula, none of them empty, with parentheses of TeX in place of dollar signs in it.
pub fn tex_lines(value: &str) -> Vec<String> {
    let (mut out, mut opens, mut escaped) = (String::with_capacity(value.len()), true, false);
    for character in value.chars() {
        if character == '$' && !escaped {
            out.push_str(if opens { "\\(" } else { "\\)" });
            opens = !opens;
        } else {
            out.push(character);
        }
        escaped = character == '\\' && !escaped;
    }
    out.split('\n').map(trimmed).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// A line of TeX without its comment.
pub fn without_comment(part: &str) -> &str {
    let mut escaped = false;
    for (at, character) in part.char_indices() {
        if character == '%' && !escaped {
            return part[..at].trim_end_matches(blank);
        }
        escaped = character == '\\' && !escaped;
    }
    part
}

/// The Markdown of a text without formulas, in which dollar signs that would enclose one are escaped.
pub fn without_formulas(markdown: String) -> String {
    if memchr::memchr_iter(b'$', markdown.as_bytes()).nth(1).is_none() {
        return markdown;
    }
    let (mut end, mut escapes, mut between) = (markdown.len(), Vec::new(), Between::before(None));
    for (at, is_code) in dollars(markdown.as_bytes()).into_iter().rev() {
        between.add(&markdown, at + 1, end);
        let is_double = markdown[..at].ends_with('$') || markdown[at + 1..].starts_with('$');
        if !is_code && (is_double || between.is_formula(&markdown, at)) {
            escapes.push(at);
            between.changed = true;
        } else {
            between = Between::before(Some(at));
        }
        end = at;
    }
    let (mut out, mut start) = (String::with_capacity(markdown.len() + escapes.len()), 0);
    for at in escapes.into_iter().rev() {
        out.push_str(&markdown[start..at]);
        out.push('\\');
        start = at;
    }
    out.push_str(&markdown[start..]);
    out
}

/// The places of dollar signs that are not escaped, and whether each is in code.
fn dollars(markdown: &[u8]) -> Vec<(usize, bool)> {
    let (mut found, mut at, mut code_end) = (Vec::new(), 0, 0);
    while let Some(length) = markdown[at.min(markdown.len())..].iter().position(|byte| b"\\`$".contains(byte)) {
        at += length;
        match markdown[at] {
            b'\\' => at += 2,
            b'$' => {
                found.push((at, at < code_end));
                at += 1;
            }
            _ => {
                let run = markdown[at..].iter().take_while(|byte| **byte == b'`').count();
                let ticks = &markdown[at..at + run];
                if at >= code_end {
                    let close = memchr::memmem::find(&markdown[at + run..], ticks);
                    code_end = close.map_or(0, |length| at + run + length + run);
                }
                at += run;
            }
        }
    }
    found
}

/// What stands before the dollar sign at `close`; it is `changed` if a formula would show it otherwise.
struct Between {
    close: Option<usize>,
    filled: bool,
    changed: bool,
    has_tex: bool,
}

impl Between {
    fn before(close: Option<usize>) -> Self {
        Between { close, filled: false, changed: false, has_tex: false }
    }

    /// Add what is before it.
    fn add(&mut self, markdown: &str, start: usize, end: usize) {
        let part = &markdown[start..end];
        self.filled |= !trimmed(part).is_empty();
        self.has_tex |= part.contains(['^', '_', '{', '}', '=']);
        let begins = |newline: usize| {
            let line = &markdown[start + newline + 1..];
            begins_block(trimmed(&line[..memchr::memchr(b'\n', line.as_bytes()).unwrap_or(line.len())]))
        };
        self.changed |= part.contains(['\\', '`', '*']) || memchr::memchr_iter(b'\n', part.as_bytes()).any(begins);
    }

    /// True if a parser could read a formula between the sign at a place and this one.
    fn is_formula(&self, markdown: &str, at: usize) -> bool {
        let Some(close) = self.close.filter(|_| self.filled) else { return false };
        let is_tight = !markdown[at + 1..].starts_with(blank) && !markdown[..close].ends_with(blank);
        let before_digit = markdown[close + 1..].starts_with(|after: char| after.is_ascii_digit());
        self.changed || ((is_tight || self.has_tex) && !before_digit)
    }
}

fn begins_block(line: &str) -> bool {
    let mut out = String::with_capacity(line.len() + 1);
    add_at_start(line, &mut out);
    out != line
}
