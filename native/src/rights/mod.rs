//! The tags of a page that may state rights. Twin: `refinery.kernels.reference.rights`.
//!
//! Few pages have such a tag. A search for words that all of them contain finds where the last one may be: nothing
//! beyond is read.

mod open;

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};
use arrow_array::{Array, StringArray, UInt32Array};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::extract::scanner::{Scanner, Span, Token};
use crate::strings::{strings, text, StringsBuilder};
use open::Open;

/// As in the twin.
const WORDS: [&str; 16] = [
    "ai.txt",
    "creativecommons.org/",
    "copyleft",
    ".rights",
    "license",
    "llms-full.txt",
    "llms.txt",
    "noai",
    "noarchive",
    "nocache",
    "noimageai",
    "noindex",
    "nosnippet",
    "robots",
    "rsl+xml",
    "tdm-",
];
const TAGS: [&[u8]; 4] = [b"a", b"area", b"link", b"meta"];
const RAW: [&[u8]; 9] =
    [b"script", b"style", b"textarea", b"title", b"xmp", b"iframe", b"noembed", b"noframes", b"plaintext"];
const DATA: [&[u8]; 2] = [b"ld+json", b"rsl+xml"];
const MOST: usize = 128;
const LONGEST: usize = 4096;
const BEFORE: usize = 400;
const AFTER: usize = 600;
const CONTENT: usize = 1 << 16;

/// A tag, the tags that it is in, and what is around it.
struct Found {
    path: String,
    tag: Span,
    before: Span,
    after: Span,
}

#[derive(Default)]
struct Columns {
    rows: Vec<u32>,
    texts: [StringsBuilder; 4],
}

/// The columns of the twin.
#[pyfunction]
pub fn rights_tags(py: Python<'_>, pages: InputArray) -> PyResult<Vec<OutputArray>> {
    let pages = strings(&pages)?;
    py.allow_threads(|| all(pages))
}

fn all(pages: &StringArray) -> PyResult<Vec<OutputArray>> {
    let mut columns = Columns::default();
    let mut lower = Vec::new();
    for row in 0..pages.len() {
        let page = text(pages, row)?;
        for found in tags(page, &mut lower)? {
            columns.rows.push(row as u32);
            let parts = [&found.path, part(page, found.before), part(page, found.tag), part(page, found.after)];
            for (column, part) in columns.texts.iter_mut().zip(parts) {
                column.data.extend_from_slice(part.as_bytes());
                column.end()?;
            }
        }
    }
    let mut made = vec![OutputArray::new(UInt32Array::from(columns.rows))];
    for column in columns.texts {
        made.push(OutputArray::new(column.finish()?));
    }
    Ok(made)
}

fn part(page: &str, span: Span) -> &str {
    page.get(span.start as usize..span.end as usize).unwrap_or("")
}

fn words() -> PyResult<&'static AhoCorasick> {
    static FOUND: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    // Of this kind, which finds whether a range has a word as well as others, the search is the fastest.
    let build = || AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(WORDS).ok();
    let found = FOUND.get_or_init(build);
    found.as_ref().ok_or_else(|| PyValueError::new_err("no automaton"))
}

/// The tags of a page, of many the first and the last ones. `lower` is room for the page in small letters.
fn tags(page: &str, lower: &mut Vec<u8>) -> PyResult<Vec<Found>> {
    lower.clear();
    lower.extend(page.bytes().map(|byte| byte.to_ascii_lowercase()));
    let hits: Vec<usize> = words()?.find_iter(lower.as_slice()).map(|found| found.start()).collect();
    let mut found = Vec::new();
    if let Some(&last) = hits.last() {
        read(page, lower, Hits { places: &hits, at: 0, last }, &mut found);
    }
    Ok(found)
}

/// The places of words, passed once from left to right.
struct Hits<'a> {
    places: &'a [usize],
    at: usize,
    last: usize,
}

impl Hits<'_> {
    /// True if a word begins in a range, which begins no sooner than the one before.
    fn any(&mut self, start: usize, end: usize) -> bool {
        while self.places.get(self.at).is_some_and(|&place| place < start) {
            self.at += 1;
        }
        self.places.get(self.at).is_some_and(|&place| place < end)
    }
}

fn read(page: &str, lower: &[u8], mut hits: Hits, found: &mut Vec<Found>) {
    let mut scanner = Scanner::new(lower);
    let mut open = Open::new(page);
    loop {
        match scanner.next() {
            Token::Text(_) => {}
            Token::End { name } => open.end(name.of(lower)),
            Token::EndOfFile => break,
            Token::Start { name } => {
                let (start, end) = (name.start as usize - 1, scanner.place() as usize);
                let name = name.of(lower);
                if start > hits.last {
                    break;
                }
                let its = &scanner.attributes;
                let may = TAGS.contains(&name) || its.rel.or(its.property).or(its.itemprop).is_some();
                let kind = its.kind.map_or(&b""[..], |kind| kind.of(lower));
                let data = name == b"script" && DATA.iter().any(|one| memchr::memmem::find(kind, one).is_some());
                if RAW.contains(&name) {
                    let content = match name {
                        b"plaintext" => scanner.rest(),
                        _ => scanner.raw_text(name, name == b"script"),
                    };
                    if data && hits.any(start, content.end as usize) && !open.inert() {
                        add(
                            found,
                            Found {
                                after: cut(page, end, content.end as usize, CONTENT),
                                ..around(page, &open, start, end)
                            },
                        );
                    }
                    continue;
                }
                if may && hits.any(start, end) && !open.inert() {
                    add(found, around(page, &open, start, end));
                }
                if !(matches!(name, b"svg" | b"math") && scanner.self_closing()) {
                    open.start(name, start, end);
                }
            }
        }
    }
}

fn add(found: &mut Vec<Found>, tag: Found) {
    if found.len() == MOST {
        found.remove(MOST / 2);
    }
    found.push(tag);
}

fn around(page: &str, open: &Open, start: usize, end: usize) -> Found {
    let mut from = start.saturating_sub(BEFORE);
    while !page.is_char_boundary(from) {
        from += 1;
    }
    Found {
        path: open.path(),
        tag: cut(page, start, end, LONGEST),
        before: span(from, start),
        after: cut(page, end, page.len(), AFTER),
    }
}

/// A range, of a long one the beginning.
fn cut(page: &str, start: usize, end: usize, most: usize) -> Span {
    let mut to = end.min(start + most);
    while !page.is_char_boundary(to) {
        to -= 1;
    }
    span(start, to)
}

fn span(start: usize, end: usize) -> Span {
    Span { start: start as u32, end: end as u32 }
}
