//! Rows of the source stage as columns. Twin: `refinery.kernels.reference.pages.PageRows`.

use std::collections::BTreeMap;

use arrow_array::builder::{FixedSizeBinaryBuilder, Int64Builder, StringBuilder, UInt16Builder, UInt64Builder};
use arrow_array::BinaryArray;
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};

use crate::boundary::OutputArray;

const ID: usize = 16;

/// A row from the stage.
#[derive(FromPyObject)]
pub struct Page {
    id: PyBackedBytes,
    url: Option<PyBackedStr>,
    date: Option<i64>,
    offset: u64,
    length: u64,
    outcome: PyBackedStr,
    html: Option<PyBackedBytes>,
    payload: Option<u64>,
    status: Option<u16>,
    media_type: Option<PyBackedStr>,
    charset: Option<PyBackedStr>,
    charset_found: Option<PyBackedStr>,
    charset_declared: Option<PyBackedStr>,
    digest: Option<PyBackedBytes>,
    note: Option<PyBackedStr>,
    rights: Option<PyBackedStr>,
}

/// A row. `date` is in seconds.
#[derive(Default)]
pub struct Row<'a> {
    pub id: &'a [u8],
    pub url: Option<&'a str>,
    pub date: Option<i64>,
    pub offset: u64,
    pub length: u64,
    pub outcome: &'a str,
    pub html: Option<&'a [u8]>,
    pub payload: Option<u64>,
    pub status: Option<u16>,
    pub media_type: Option<&'a str>,
    pub charset: Option<&'a str>,
    pub charset_found: Option<&'a str>,
    pub charset_declared: Option<&'a str>,
    pub digest: Option<&'a [u8]>,
    pub note: Option<&'a str>,
    pub rights: Option<&'a str>,
}

impl Page {
    pub fn row(&self) -> Row<'_> {
        Row {
            id: &self.id,
            url: self.url.as_deref(),
            date: self.date,
            offset: self.offset,
            length: self.length,
            outcome: &self.outcome,
            html: self.html.as_deref(),
            payload: self.payload,
            status: self.status,
            media_type: self.media_type.as_deref(),
            charset: self.charset.as_deref(),
            charset_found: self.charset_found.as_deref(),
            charset_declared: self.charset_declared.as_deref(),
            digest: self.digest.as_deref(),
            note: self.note.as_deref(),
            rights: self.rights.as_deref(),
        }
    }
}

/// The columns, in the order of the twin's `ROWS`, and the records that are no rows, by kind.
pub struct Columns {
    ids: FixedSizeBinaryBuilder,
    urls: StringBuilder,
    dates: Int64Builder,
    offsets: UInt64Builder,
    lengths: UInt64Builder,
    outcomes: StringBuilder,
    html: Vec<u8>,
    html_ends: Vec<i32>,
    has_html: Vec<bool>,
    payloads: UInt64Builder,
    statuses: UInt16Builder,
    media_types: StringBuilder,
    charsets: StringBuilder,
    charsets_found: StringBuilder,
    charsets_declared: StringBuilder,
    digests: FixedSizeBinaryBuilder,
    notes: StringBuilder,
    rights: StringBuilder,
    pub skipped: BTreeMap<String, u64>,
}

impl Columns {
    /// No rows.
    pub fn new() -> Self {
        Columns {
            ids: FixedSizeBinaryBuilder::new(ID as i32),
            urls: StringBuilder::new(),
            dates: Int64Builder::new(),
            offsets: UInt64Builder::new(),
            lengths: UInt64Builder::new(),
            outcomes: StringBuilder::new(),
            html: Vec::new(),
            html_ends: vec![0],
            has_html: Vec::new(),
            payloads: UInt64Builder::new(),
            statuses: UInt16Builder::new(),
            media_types: StringBuilder::new(),
            charsets: StringBuilder::new(),
            charsets_found: StringBuilder::new(),
            charsets_declared: StringBuilder::new(),
            digests: FixedSizeBinaryBuilder::new(ID as i32),
            notes: StringBuilder::new(),
            rights: StringBuilder::new(),
            skipped: BTreeMap::new(),
        }
    }

    /// Have memory for so many bytes of pages.
    pub fn reserve(&mut self, bytes: usize) {
        self.html.reserve(bytes);
    }

    pub fn rows(&self) -> usize {
        self.has_html.len()
    }

    /// Bytes of pages.
    pub fn bytes(&self) -> usize {
        self.html.len()
    }

    pub fn skip(&mut self, kind: &str) {
        match self.skipped.get_mut(kind) {
            Some(count) => *count += 1,
            None => drop(self.skipped.insert(kind.to_owned(), 1)),
        }
    }

    /// Write a page's bytes, except NUL characters, to the place of the next row's, and return them.
    pub fn stage(&mut self, utf8: &[u8], nuls: usize) -> &[u8] {
        let begin = self.html.len();
        if nuls == 0 {
            self.html.extend_from_slice(utf8);
        } else {
            self.html.extend(utf8.iter().filter(|byte| **byte != 0));
        }
        &self.html[begin..]
    }

    /// Drop the staged bytes.
    pub fn unstage(&mut self) {
        self.html.truncate(self.html_ends.last().map_or(0, |end| *end as usize));
    }

    /// Add a row whose page was staged, if it has one; `row.html` is present if it does.
    pub fn add(&mut self, row: &Row) -> PyResult<()> {
        let end = i32::try_from(self.html.len()).map_err(|_| PyOverflowError::new_err("over 2 GiB of pages"))?;
        self.ids.append_value(row.id).map_err(|error| PyValueError::new_err(error.to_string()))?;
        self.digests.append_option(row.digest.filter(|digest| digest.len() == ID));
        self.urls.append_option(row.url);
        self.dates.append_option(row.date.map(|seconds| seconds.saturating_mul(1000)));
        self.offsets.append_value(row.offset);
        self.lengths.append_value(row.length);
        self.outcomes.append_value(row.outcome);
        self.html_ends.push(end);
        self.has_html.push(row.html.is_some());
        self.payloads.append_option(row.payload);
        self.statuses.append_option(row.status);
        self.media_types.append_option(row.media_type);
        self.charsets.append_option(row.charset);
        self.charsets_found.append_option(row.charset_found);
        self.charsets_declared.append_option(row.charset_declared);
        self.notes.append_option(row.note);
        self.rights.append_option(row.rights);
        Ok(())
    }

    /// The columns as arrays.
    pub fn made(mut self) -> PyResult<Vec<OutputArray>> {
        let ends = OffsetBuffer::new(ScalarBuffer::from(self.html_ends));
        let valid = Some(NullBuffer::from(self.has_html));
        let html = BinaryArray::try_new(ends, Buffer::from_vec(self.html), valid);
        Ok(vec![
            OutputArray::new(self.ids.finish()),
            OutputArray::new(self.urls.finish()),
            OutputArray::new(self.dates.finish()),
            OutputArray::new(self.offsets.finish()),
            OutputArray::new(self.lengths.finish()),
            OutputArray::new(html.map_err(|error| PyValueError::new_err(error.to_string()))?),
            OutputArray::new(self.outcomes.finish()),
            OutputArray::new(self.payloads.finish()),
            OutputArray::new(self.statuses.finish()),
            OutputArray::new(self.media_types.finish()),
            OutputArray::new(self.charsets.finish()),
            OutputArray::new(self.charsets_found.finish()),
            OutputArray::new(self.charsets_declared.finish()),
            OutputArray::new(self.digests.finish()),
            OutputArray::new(self.notes.finish()),
            OutputArray::new(self.rights.finish()),
        ])
    }
}

/// FixedSizeBinaryBuilder has no `append_option`.
trait AppendOption {
    fn append_option(&mut self, value: Option<&[u8]>);
}

impl AppendOption for FixedSizeBinaryBuilder {
    fn append_option(&mut self, value: Option<&[u8]>) {
        let failed = value.is_none_or(|value| self.append_value(value).is_err());
        if failed {
            self.append_null();
        }
    }
}
