//! Bytes of a page to UTF-8. Twin: `refinery.kernels.reference.charset`.
//!
//! The meaning of labels, and the characters of single-byte charsets, come from Python at run time. Texts
//! in other sets of several bytes, and such as must be guessed, are left to the twin.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use pyo3::prelude::*;

use super::label::meta_labels;

/// Labels that are remembered; pages can make up any number of them.
const LABELS: usize = 4096;

const UTF8: &str = "utf-8";
const BOM: &[u8] = b"\xef\xbb\xbf";
const REPLACEMENT: char = '\u{fffd}';

// As in the twin.
const SOUND: i64 = 8;
const TOLERABLE: usize = 50;
const NOT_ASCII: [&str; 3] = ["utf-16", "iso2022", "hz"];
const DEFAULT: &str = "cp1252";
const RUN: usize = 4;
const NO_BREAK_SPACE: u8 = 0xA0;

/// The codec of Python that a label names, or none.
struct Codec {
    name: String,
    /// The character of each byte, in single-byte charsets; `REPLACEMENT` for none.
    table: Option<[char; 256]>,
    /// True if bytes that are ASCII are decoded as ASCII.
    ascii_stays: bool,
}

/// The codecs of the labels read so far.
#[pyclass(frozen)]
#[derive(Default)]
pub struct Charsets(RwLock<HashMap<String, Arc<Codec>>>);

#[pymethods]
impl Charsets {
    #[new]
    fn new() -> Self {
        Charsets::default()
    }

    /// Set the meaning of a label: the name of a codec, "" for none; the characters of the 256 bytes if every character
    /// is one byte; and true if ASCII is decoded as ASCII.
    fn add(&self, label: String, name: String, table: Option<&str>, ascii_stays: bool) {
        let table = table.and_then(|table| table.chars().collect::<Vec<_>>().try_into().ok());
        if let Ok(mut known) = self.0.write() {
            if known.len() >= LABELS {
                known.clear();
            }
            known.insert(label, Arc::new(Codec { name, table, ascii_stays }));
        }
    }
}

impl Charsets {
    fn find(&self, label: &str) -> Option<Arc<Codec>> {
        self.0.read().ok()?.get(label).cloned()
    }
}

/// A charset that a page may have, the source of its label, and the label.
#[derive(Clone)]
struct Label {
    codec: Arc<Codec>,
    found: &'static str,
    declared: String,
}

impl Label {
    fn utf8(found: &'static str, declared: &str) -> Label {
        let codec = Arc::new(Codec { name: UTF8.to_owned(), table: None, ascii_stays: true });
        Label { codec, found, declared: declared.to_owned() }
    }

    fn is(&self, beginning: &str) -> bool {
        self.codec.name.starts_with(beginning)
    }
}

/// A page in UTF-8, its NUL characters still in it; fields as in the twin's `Text`.
pub struct Text<'a> {
    pub utf8: Cow<'a, [u8]>,
    pub found: &'static str,
    pub declared: String,
    pub broken: usize,
    pub junk: usize,
    codec: Arc<Codec>,
}

impl Text<'_> {
    pub fn charset(&self) -> &str {
        &self.codec.name
    }
}

/// Why there is no text.
pub enum No {
    /// The meaning of this label must be asked for first.
    Label(String),
    /// The twin must see to it.
    Odd,
}

/// A page's bytes as text; `header` is the label in its HTTP header ("" for none).
pub fn decode<'a>(data: &'a [u8], header: &str, charsets: &Charsets) -> Result<Text<'a>, No> {
    let wide = data.len() > 1 && data[..2].contains(&0); // UTF-16 without a mark, perhaps
    if wide || data.starts_with(b"\xff\xfe") || data.starts_with(b"\xfe\xff") {
        return Err(No::Odd);
    }
    let mut labels = labels(data, header, charsets)?;
    let stripped = data.strip_prefix(BOM);
    if stripped.is_some() {
        labels.insert(0, Label::utf8("bom", UTF8));
    }
    let data = stripped.unwrap_or(data);
    let declared = labels.first().map_or(header, |label| &label.declared).to_owned();
    let shifts = memchr::memmem::find(data, b"\x1b$").is_some(); // ISO-2022-JP, perhaps
    if shifts || labels.first().is_some_and(|label| NOT_ASCII.iter().any(|name| label.is(name))) {
        return Err(No::Odd);
    }
    match as_utf8(data, &labels, &declared)? {
        Some(text) => Ok(text),
        None => legacy(data, &labels),
    }
}

fn labels(data: &[u8], header: &str, charsets: &Charsets) -> Result<Vec<Label>, No> {
    if !header.is_ascii() {
        return Err(No::Odd);
    }
    let ask = |label: &str| charsets.find(label).ok_or_else(|| No::Label(label.to_owned()));
    let mut found = Vec::with_capacity(3);
    if !header.is_empty() {
        let codec = ask(header)?;
        let wide = codec.name.starts_with("utf-16");
        if !codec.name.is_empty() && (!wide || memchr::memchr(0, data).is_some()) {
            found.push(Label { codec, found: "header", declared: header.to_owned() });
        }
    }
    for label in meta_labels(data) {
        let Some(label) = std::str::from_utf8(label).ok().filter(|label| label.is_ascii()) else { continue };
        let codec = ask(label)?;
        if codec.name.starts_with("utf-16") {
            found.push(Label::utf8("meta", label));
        } else if !codec.name.is_empty() {
            found.push(Label { codec, found: "meta", declared: label.to_owned() });
        } else {
            continue;
        }
        break;
    }
    Ok(found)
}

/// The bytes as UTF-8 if they are that; ASCII is whatever it is labelled.
fn as_utf8<'a>(data: &'a [u8], labels: &[Label], declared: &str) -> Result<Option<Text<'a>>, No> {
    let content = Label::utf8("content", declared);
    let first = labels.first().unwrap_or(&content);
    let known = first.codec.name == UTF8 || data.is_ascii();
    let text = read(data, if known { first } else { &content })?;
    if text.broken == 0 {
        return Ok(Some(text));
    }
    let sound = data.iter().filter(|byte| **byte >= 0xC0).count() as i64 - text.broken as i64;
    let named = labels.iter().any(|label| label.codec.name == UTF8);
    let enough = text.broken as i64 * if named { 1 } else { SOUND } <= sound;
    Ok(enough.then_some(text))
}

/// The bytes in the first encoding of those named that suits them.
fn legacy<'a>(data: &'a [u8], labels: &[Label]) -> Result<Text<'a>, No> {
    let beyond = data.iter().filter(|byte| !byte.is_ascii()).count();
    if in_doubt(data, labels, beyond) {
        return Err(No::Odd);
    }
    let mut tried = Vec::with_capacity(labels.len());
    for label in labels {
        tried.push(read(data, label)?);
        if tried.last().is_some_and(|text: &Text| text.broken * TOLERABLE <= beyond) {
            let mut best = tried.into_iter().rev().min_by_key(|text| text.broken).ok_or(No::Odd)?;
            best.junk += data.iter().filter(|byte| control(**byte)).count();
            return Ok(best);
        }
    }
    Err(No::Odd)
}

/// True if detection, which the twin does, decides about the first label: see its `_ordered`.
fn in_doubt(data: &[u8], labels: &[Label], beyond: usize) -> bool {
    let Some(first) = labels.first().filter(|label| label.codec.name == DEFAULT) else { return false };
    let other = |label: &Label| label.codec.name != DEFAULT && label.codec.name != UTF8;
    let alone = first.found == "header" && labels[1..].iter().all(|label| label.codec.name == UTF8);
    alone || labels.iter().any(other) || 2 * in_runs(data) > beyond
}

/// The bytes beyond ASCII that are in runs of such bytes.
fn in_runs(data: &[u8]) -> usize {
    let runs = data.split(|byte| byte.is_ascii() || *byte == NO_BREAK_SPACE);
    runs.map(<[u8]>::len).filter(|size| *size >= RUN).sum()
}

fn control(byte: u8) -> bool {
    byte < 0x20 && !b"\t\n\x0c\r\x1b".contains(&byte)
}

fn read<'a>(data: &'a [u8], label: &Label) -> Result<Text<'a>, No> {
    let (utf8, broken) = if label.codec.ascii_stays && data.is_ascii() {
        (Cow::Borrowed(data), 0)
    } else if label.codec.name == UTF8 {
        of_utf8(data)
    } else {
        of_single_bytes(data, label.codec.table.as_ref().ok_or(No::Odd)?)
    };
    let (found, declared, codec) = (label.found, label.declared.clone(), label.codec.clone());
    Ok(Text { utf8, found, declared, broken, junk: broken, codec })
}

fn of_utf8(data: &[u8]) -> (Cow<'_, [u8]>, usize) {
    if std::str::from_utf8(data).is_ok() {
        return (Cow::Borrowed(data), 0);
    }
    let mut made = String::with_capacity(data.len() + data.len() / 16);
    let mut broken = 0;
    for chunk in data.utf8_chunks() {
        made.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            made.push(REPLACEMENT);
            broken += 1;
        }
    }
    (Cow::Owned(made.into_bytes()), broken)
}

fn of_single_bytes<'a>(data: &[u8], table: &[char; 256]) -> (Cow<'a, [u8]>, usize) {
    let mut made = String::with_capacity(data.len() + data.len() / 4);
    let mut broken = 0;
    for byte in data {
        let character = table[usize::from(*byte)];
        broken += usize::from(character == REPLACEMENT);
        made.push(character);
    }
    (Cow::Owned(made.into_bytes()), broken)
}
