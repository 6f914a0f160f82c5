//! Ordinary records of an archive to rows of the source stage. Twin: `refinery.kernels.reference.pages`, which leaves
//! every record to the stage's own reader.
//!
//! A record is ordinary if it fills a gzip member of its own, both are sound, its header is plain, its length agrees,
//! and nothing about it but its status or media type keeps it from being a page. At the first that is not, reading
//! stops.

mod charset;
mod headers;
pub mod inflate;
mod label;
mod payload;
mod rows;

use std::collections::BTreeMap;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use xxhash_rust::xxh3::xxh3_128;

use crate::boundary::OutputArray;
pub use charset::Charsets;
use charset::{decode, No};
use headers::{address, http, media_type, rights, seconds, uuid, warc, Http, Warc};
use inflate::{inflate, Stream, Wrapper};
use rows::{Columns, Page, Row};

// As in the stage's reader.
const RESPONSE: &str = "response";
const HTTP_HEADER: usize = 1 << 18;
const HTML: [&str; 2] = ["text/html", "application/xhtml+xml"];
const JUNK: usize = 20;
const NOTE: usize = 500;

/// Bytes of a member besides the payload and the HTTP header: those of the WARC header and of line ends.
const FRAME: usize = 1 << 16;

/// Memory for pages beyond the size at which the rows are full.
const BEYOND: usize = 1 << 20;

/// Rows of the source stage.
#[pyclass]
pub struct PageRows {
    types: Vec<String>,
    most: usize,
    full_rows: usize,
    full_bytes: usize,
    columns: Columns,
    member: Vec<u8>,
}

/// The progress of reading: the place, the unpacked bytes, a label whose meaning is needed, and true if the bytes ran
/// out.
type Read = (usize, u64, Option<String>, bool);

#[pymethods]
impl PageRows {
    #[new]
    fn new(types: Vec<String>, most: usize, full_rows: usize, full_bytes: usize) -> Self {
        let columns = Columns::new();
        PageRows { types, most: most.min(1 << 40), full_rows, full_bytes, columns, member: Vec::new() }
    }

    #[getter]
    fn full(&self) -> bool {
        self.columns.rows() >= self.full_rows || self.columns.bytes() >= self.full_bytes
    }

    /// Read ordinary records from `at` on; `base` is the place of the bytes in the file.
    fn read(
        &mut self,
        py: Python<'_>,
        data: &Bound<'_, PyBytes>,
        at: usize,
        base: u64,
        charsets: &Charsets,
    ) -> PyResult<Read> {
        let data = data.as_bytes();
        py.allow_threads(|| self.run(data, at, base, charsets))
    }

    fn add(&mut self, page: Page) -> PyResult<()> {
        let row = page.row();
        self.columns.stage(row.html.unwrap_or(b""), 0);
        self.columns.add(&row).inspect_err(|_| self.columns.unstage())
    }

    fn skip(&mut self, kind: &str) {
        self.columns.skip(kind);
    }

    /// The rows so far as columns, and the records skipped by kind; nothing is left.
    fn finish(&mut self) -> PyResult<(Vec<OutputArray>, BTreeMap<String, u64>)> {
        let mut columns = std::mem::replace(&mut self.columns, Columns::new());
        let skipped = std::mem::take(&mut columns.skipped);
        Ok((columns.made()?, skipped))
    }
}

impl PageRows {
    fn run(&mut self, data: &[u8], start: usize, base: u64, charsets: &Charsets) -> PyResult<Read> {
        if self.columns.rows() == 0 {
            self.columns.reserve(self.full_bytes + BEYOND);
        }
        let most = self.most + HTTP_HEADER + FRAME;
        let mut member = std::mem::take(&mut self.member);
        let (mut at, mut unpacked, mut label, mut short) = (start, 0, None, false);
        while at < data.len() && !self.full() {
            match inflate(&data[at..], Wrapper::Gzip, &mut member, most) {
                Stream::Odd => break,
                Stream::Short => {
                    short = true;
                    break;
                }
                Stream::Whole { used, made } => {
                    match self.record(&member[..made], base + at as u64, used as u64, charsets) {
                        Ok(()) => {}
                        Err(No::Label(unknown)) => {
                            label = Some(unknown);
                            break;
                        }
                        Err(No::Odd) => break,
                    }
                    at += used;
                    unpacked += made as u64;
                }
            }
        }
        self.member = member;
        Ok((at, unpacked, label, short))
    }

    /// Add the record that fills a member, if it is ordinary.
    fn record(&mut self, data: &[u8], offset: u64, length: u64, charsets: &Charsets) -> Result<(), No> {
        let (header, begin) = warc(data).ok_or(No::Odd)?;
        let block = data[begin..].get(..header.length).ok_or(No::Odd)?;
        let behind = &data[begin + header.length..];
        if behind.iter().any(|byte| !matches!(byte, b'\r' | b'\n')) {
            return Err(No::Odd);
        }
        if header.kind == RESPONSE {
            return self.response(&header, block, offset, length, charsets);
        }
        if !self.types.contains(&header.kind) {
            return Err(No::Odd);
        }
        self.columns.skip(&header.kind);
        Ok(())
    }

    fn response(
        &mut self,
        header: &Warc,
        block: &[u8],
        offset: u64,
        length: u64,
        charsets: &Charsets,
    ) -> Result<(), No> {
        if header.segment.is_some() {
            return Err(No::Odd);
        }
        let response = http(block, HTTP_HEADER).filter(|_| block.len() <= self.most + HTTP_HEADER).ok_or(No::Odd)?;
        let id = header.id.and_then(uuid).ok_or(No::Odd)?;
        let media_type = media_type(header, &response);
        let row = Row {
            id: &id,
            url: Some(address(header).ok_or(No::Odd)?),
            date: Some(header.date.and_then(seconds).ok_or(No::Odd)?),
            offset,
            length,
            status: Some(response.status),
            media_type: media_type.as_deref(),
            ..Row::default()
        };
        let notes = oddities(header);
        if response.status != 200 {
            return self.add_row(Row { outcome: "status", ..row }, &notes);
        }
        match row.media_type {
            Some(found) if HTML.contains(&found) => self.page(row, &response, notes, charsets),
            Some(_) => self.add_row(Row { outcome: "media_type", ..row }, &notes),
            None => Err(No::Odd),
        }
    }

    fn page(&mut self, row: Row, response: &Http, mut notes: Vec<String>, charsets: &Charsets) -> Result<(), No> {
        let (transfer, content) = (&response.transfer_codings, &response.content_codings);
        let (data, unpack_notes) = payload::unpack(response.body, transfer, content, self.most).ok_or(No::Odd)?;
        notes.extend(unpack_notes);
        if data.iter().all(|byte| matches!(byte, b' ' | b'\t'..=b'\r')) {
            return Err(No::Odd);
        }
        let mut labels = response.content_types.iter().rev().map(|value| label::header_label(value));
        let label = labels.find(|label| !label.is_empty()).unwrap_or("");
        let text = decode(&data, label, charsets)?;
        let nuls = memchr::memchr_iter(0, &text.utf8).count();
        if text.junk * JUNK > text.utf8.len() - nuls {
            return Err(No::Odd);
        }
        if text.junk > 0 {
            notes.push(format!("{} characters are no text", text.junk));
        }
        if nuls > 0 {
            notes.push(format!("{nuls} NUL characters dropped"));
        }
        let rights = rights(response);
        let digest = xxh3_128(self.columns.stage(&text.utf8, nuls)).to_be_bytes();
        let row = Row {
            outcome: "ok",
            html: Some(b""),
            payload: Some(data.len() as u64),
            charset: Some(text.charset()),
            charset_found: Some(text.found),
            charset_declared: Some(text.declared.as_str()).filter(|label| !label.is_empty()),
            digest: Some(&digest),
            rights: rights.as_deref(),
            ..row
        };
        self.add_row(row, &notes)
    }

    fn add_row(&mut self, row: Row, notes: &[String]) -> Result<(), No> {
        let mut note = notes.join("; ");
        note.truncate(NOTE);
        let row = Row { note: Some(note.as_str()).filter(|note| !note.is_empty()), ..row };
        self.columns.add(&row).map_err(|_| {
            self.columns.unstage();
            No::Odd
        })
    }
}

/// Notes on a record's header.
fn oddities(header: &Warc) -> Vec<String> {
    header.truncated.map(|value| format!("warc-truncated: {value}")).into_iter().collect()
}

/// A body without its codings, and notes; `None` if the twin must process it.
#[pyfunction]
pub fn unpacked<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyBytes>,
    transfer: Vec<String>,
    content: Vec<String>,
    most: usize,
) -> Option<(Bound<'py, PyBytes>, Vec<String>)> {
    let bytes = data.as_bytes();
    if transfer.iter().chain(&content).any(|value| !value.is_ascii()) {
        return None;
    }
    let transfer: Vec<_> = transfer.iter().map(String::as_str).collect();
    let content: Vec<_> = content.iter().map(String::as_str).collect();
    let (made, notes) = py.allow_threads(|| payload::unpack(bytes, &transfer, &content, most))?;
    Some((given_or_new(py, data, &made), notes))
}

/// A page as the values of the twin's `Text`; a label whose meaning is needed; `None` if the twin must process it.
#[pyfunction]
pub fn decoded<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyBytes>,
    header: &str,
    charsets: &Charsets,
) -> PyResult<Bound<'py, PyAny>> {
    let bytes = data.as_bytes();
    match py.allow_threads(|| decode(bytes, header, charsets)) {
        Ok(text) => {
            let nuls = memchr::memchr_iter(0, &text.utf8).count();
            let utf8 = if nuls == 0 {
                given_or_new(py, data, &text.utf8)
            } else {
                PyBytes::new(py, &text.utf8.iter().copied().filter(|byte| *byte != 0).collect::<Vec<_>>())
            };
            (utf8, text.charset(), text.found, &text.declared, text.broken, nuls, text.junk)
                .into_pyobject(py)
                .map(Bound::into_any)
        }
        Err(No::Label(label)) => Ok(label.into_pyobject(py)?.into_any()),
        Err(No::Odd) => Ok(py.None().into_bound(py)),
    }
}

/// The given object if these are its bytes, else a new one.
fn given_or_new<'py>(py: Python<'py>, given: &Bound<'py, PyBytes>, made: &[u8]) -> Bound<'py, PyBytes> {
    let same = given.as_bytes().len() == made.len() && given.as_bytes().as_ptr() == made.as_ptr();
    if same {
        given.clone()
    } else {
        PyBytes::new(py, made)
    }
}
