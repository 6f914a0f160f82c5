//! The texts of a page's data, collected as markup.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64;

use super::json::unescape;

/// So many values are looked at in any case, and one more for so many bytes of the page.
const MOST_VALUES: usize = 10_000;
const BYTES_A_VALUE: usize = 32;

/// The number of values of a page's data that may still be read.
pub struct Limit(usize);

impl Limit {
    pub fn of(source: &str) -> Self {
        Limit(MOST_VALUES + source.len() / BYTES_A_VALUE)
    }

    /// True if one more value may be kept.
    pub fn take(&mut self) -> bool {
        let left = self.0 > 0;
        self.0 -= usize::from(left);
        left
    }
}

/// The texts of a page's data.
#[derive(Default)]
pub struct Data {
    pub markup: String,
    /// True if a limit was met.
    pub cut: bool,
    seen: HashSet<u64>,
    text: String,
}

impl Data {
    /// Write a text as paragraphs, unless it was there before.
    pub fn push(&mut self, raw: &str, title: bool) {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        unescape(raw, &mut text);
        if self.seen.insert(xxh3_64(text.as_bytes())) {
            self.write(&text, title);
        }
        self.text = text;
    }

    fn write(&mut self, text: &str, title: bool) {
        if !is_markup(text) && text.contains("&lt;") {
            let decoded = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
            if is_markup(&decoded) {
                return self.write_markup(&decoded);
            }
        }
        if is_markup(text) {
            return self.write_markup(text);
        }
        for line in text.split('\n').filter(|line| !line.trim().is_empty()) {
            self.markup.push_str(if title { "<h2>" } else { "<p>" });
            let mut rest = line;
            while let Some(at) = opens_markup(rest) {
                self.markup.push_str(&rest[..at]);
                self.markup.push_str("&lt;");
                rest = &rest[at + 1..];
            }
            self.markup.push_str(rest);
        }
        self.markup.push_str(if title { "</h2>" } else { "" });
    }

    fn write_markup(&mut self, text: &str) {
        self.markup.push_str("<div>");
        self.markup.push_str(text);
        self.markup.push_str("</div>");
    }
}

/// True if a text has tags.
fn is_markup(text: &str) -> bool {
    let last = memchr::memrchr(b'>', text.as_bytes()).unwrap_or(0);
    text.get(..last).and_then(opens_markup).is_some()
}

/// The first `<` that a tag, a comment or a declaration may begin with.
fn opens_markup(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'<', bytes).find(|&at| {
        let next = bytes.get(at + 1).copied().unwrap_or(b' ');
        next.is_ascii_alphabetic() || matches!(next, b'/' | b'!' | b'?')
    })
}
