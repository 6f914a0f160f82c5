//! Line-wise corrections of texts, with all that is removed. Twin: `refinery.kernels.reference.linewise`.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array, StringArray, StructArray, UInt32Array, UInt64Array};
use arrow_schema::{Field, Fields};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::classes::Classes;
use crate::lists::{lists_of, offset, Structs};
use crate::segmenter::cuts::{Cuts, TextCuts};
use crate::strings::{strings, text, StringsBuilder};
use crate::text::lines::{Cut, LineMatcher, Outcome, PreparedLineRules};
use crate::text::reason::Reason;
use crate::text::statistics::share;
use crate::text::word_list::Undecided;

/// The kind of a line.
#[derive(Clone, Copy, PartialEq)]
enum Line {
    Blank,
    Text,
    Discarded(Reason),
}

/// A line and its ends: of its text, in bytes, and of its cuts.
struct Ruled {
    line: Line,
    end: u32,
    cuts: u32,
}

/// Counts of a text.
#[derive(Default)]
struct Counts {
    words: u64,
    removed: u64,
    flagged: u64,
    lines: [u32; Reason::COUNTED], // by reason
}

impl Counts {
    fn add(&mut self, words: u32, outcome: &Outcome, cuts: &[Cut]) {
        self.words += u64::from(words);
        let (removed, reasons) = match outcome {
            Outcome::Stays => return,
            Outcome::Cut(removed) => (*removed, cuts.iter().fold(0, |all, (_, reason)| all | reason.bit())),
            Outcome::Discarded(reason) => (words, reason.bit()),
        };
        self.removed += u64::from(removed);
        self.flagged += u64::from(words);
        for (reason, lines) in self.lines.iter_mut().enumerate() {
            *lines += u32::from(reasons & 1 << reason != 0);
        }
    }
}

/// Spans of a text that stay as they are, in order, in bytes.
#[derive(Clone, Copy, Default)]
struct Protected<'a> {
    starts: &'a [u64],
    ends: &'a [u64],
}

impl Protected<'_> {
    /// True if a line shares a byte with a span, or is empty and lies within one. Lines are passed in order.
    fn covers(&mut self, line: &Range<usize>) -> bool {
        while let ([_, starts @ ..], [end, ends @ ..]) = (self.starts, self.ends) {
            if *end > line.start as u64 {
                break;
            }
            *self = Protected { starts, ends };
        }
        self.starts.first().is_some_and(|&start| start < line.end.max(line.start + 1) as u64)
    }
}

/// Corrects one text after another.
struct Corrector<'a> {
    matcher: LineMatcher<'a>,
    lines: Vec<Ruled>,
    cuts: Vec<Cut>, // inside lines
    made: Corrected,
}

impl<'a> Corrector<'a> {
    fn correct(&mut self, text: &str, cuts: Cuts<'a>, protected: Protected<'_>) -> PyResult<()> {
        match self.apply_rules(text, cuts, protected) {
            Ok(counts) => {
                self.made.count(&counts);
                self.discard_breaks();
                self.cut(text)?;
            }
            Err(Undecided) => {
                self.made.undecided.push(self.made.removed_words.len() as u64);
                self.made.count(&Counts::default());
            }
        }
        self.made.end_text()
    }

    fn apply_rules(
        &mut self,
        text: &str,
        mut cuts: Cuts<'a>,
        mut protected: Protected<'_>,
    ) -> Result<Counts, Undecided> {
        self.lines.clear();
        self.cuts.clear();
        let mut counts = Counts::default();
        let mut start = 0;
        while start <= text.len() {
            let end = self.matcher.read(text, start, &mut cuts);
            let mut line = Line::Blank;
            if protected.covers(&(start..end)) {
                counts.words += u64::from(self.matcher.words);
                line = Line::Text;
            } else if self.matcher.words > 0 {
                let before = self.cuts.len();
                let outcome = self.matcher.apply(text, start..end, &mut self.cuts)?;
                counts.add(self.matcher.words, &outcome, &self.cuts[before..]);
                line = if let Outcome::Discarded(reason) = outcome { Line::Discarded(reason) } else { Line::Text };
            }
            self.lines.push(Ruled { line, end: end as u32, cuts: self.cuts.len() as u32 });
            start = end + 1;
        }
        Ok(counts)
    }

    /// Discard blank lines that would follow a blank line or stand at either end of the text, beside discarded lines.
    fn discard_breaks(&mut self) {
        let (mut beside, mut blank) = (false, true); // is the line before discarded, and the last kept one blank
        let mut last_text = 0;
        for (place, ruled) in self.lines.iter_mut().enumerate() {
            match ruled.line {
                Line::Blank if beside && blank => ruled.line = Line::Discarded(Reason::Break),
                Line::Discarded(_) => beside = true,
                line => (beside, blank) = (false, line == Line::Blank),
            }
            if ruled.line == Line::Text {
                last_text = place + 1;
            }
        }
        if beside {
            for ruled in &mut self.lines[last_text..] {
                if ruled.line == Line::Blank {
                    ruled.line = Line::Discarded(Reason::Break);
                }
            }
        }
    }

    /// Write the text without its cuts. A discarded line goes with its newline; after the last line that stays it is
    /// the newline before.
    fn cut(&mut self, text: &str) -> PyResult<()> {
        let last_kept = self.lines.iter().rposition(|ruled| !matches!(ruled.line, Line::Discarded(_)));
        let last = self.lines.len() - 1;
        let (mut start, mut first_cut, mut kept) = (0, 0, 0);
        for (place, ruled) in self.lines.iter().enumerate() {
            let end = ruled.end as usize;
            if let Line::Discarded(reason) = ruled.line {
                let before = usize::from(last_kept.is_some_and(|kept| place > kept));
                let after = usize::from(place < last_kept.unwrap_or(last));
                self.made.remove(text, &mut kept, start - before..end + after, reason)?;
            }
            for (range, reason) in &self.cuts[first_cut..ruled.cuts as usize] {
                self.made.remove(text, &mut kept, range.clone(), *reason)?;
            }
            first_cut = ruled.cuts as usize;
            start = end + 1;
        }
        self.made.text.data.extend_from_slice(&text.as_bytes()[kept..]);
        Ok(())
    }
}

/// The columns of all texts.
#[derive(Default)]
struct Corrected {
    text: StringsBuilder,
    removed_words: Vec<f64>,
    flagged_words: Vec<f64>,
    lines: [Vec<u32>; Reason::COUNTED],
    offsets: Vec<u64>,
    lengths: Vec<u64>,
    reasons: StringsBuilder,
    removed: StringsBuilder,
    list_ends: Vec<i32>,
    undecided: Vec<u64>,
}

impl Corrected {
    fn new() -> Self {
        Corrected { list_ends: vec![0], ..Corrected::default() }
    }

    fn count(&mut self, counts: &Counts) {
        self.removed_words.push(share(counts.removed, counts.words));
        self.flagged_words.push(share(counts.flagged, counts.words));
        self.lines.iter_mut().zip(counts.lines).for_each(|(column, lines)| column.push(lines));
    }

    /// Keep the text from `kept` to the range, and remove the range.
    fn remove(&mut self, text: &str, kept: &mut usize, range: Range<usize>, reason: Reason) -> PyResult<()> {
        self.text.data.extend_from_slice(&text.as_bytes()[*kept..range.start]);
        *kept = range.end;
        self.offsets.push(range.start as u64);
        self.lengths.push(range.len() as u64);
        self.reasons.data.extend_from_slice(reason.name().as_bytes());
        self.reasons.end()?;
        self.removed.data.extend_from_slice(&text.as_bytes()[range]);
        self.removed.end()
    }

    fn end_text(&mut self) -> PyResult<()> {
        self.text.end()?;
        self.list_ends.push(offset(self.offsets.len())?);
        Ok(())
    }

    fn spans(&mut self) -> PyResult<ArrayRef> {
        let columns: [(&str, ArrayRef); 4] = [
            ("offset", Arc::new(UInt64Array::from(std::mem::take(&mut self.offsets)))),
            ("length", Arc::new(UInt64Array::from(std::mem::take(&mut self.lengths)))),
            ("reason", Arc::new(std::mem::take(&mut self.reasons).finish()?)),
            ("text", Arc::new(std::mem::take(&mut self.removed).finish()?)),
        ];
        let fields: Fields = columns.iter().map(|(name, c)| Field::new(*name, c.data_type().clone(), true)).collect();
        let spans = StructArray::try_new(fields, columns.map(|(_, column)| column).into(), None);
        Ok(Arc::new(spans.map_err(|error| PyValueError::new_err(error.to_string()))?))
    }

    /// The columns of the twin's `CORRECTIONS`, and the rows that are left to the twin.
    fn finish(mut self) -> PyResult<(Vec<OutputArray>, OutputArray)> {
        let removed = lists_of(self.spans()?, std::mem::take(&mut self.list_ends))?;
        let mut columns = vec![
            OutputArray::new(self.text.finish()?),
            OutputArray::new(Float64Array::from(self.removed_words)),
            OutputArray::new(Float64Array::from(self.flagged_words)),
        ];
        columns.extend(self.lines.into_iter().map(|lines| OutputArray::new(UInt32Array::from(lines))));
        columns.push(OutputArray::new(removed));
        Ok((columns, OutputArray::new(UInt64Array::from(self.undecided))))
    }
}

fn corrected(
    texts: &StringArray,
    cuts: &TextCuts<'_>,
    protected: Option<&ArrayRef>,
    rules: &PreparedLineRules,
    classes: Classes<'_>,
) -> PyResult<(Vec<OutputArray>, OutputArray)> {
    let protected = protected.map(|spans| Structs::of(spans, ["start", "end"])).transpose()?;
    if protected.as_ref().is_some_and(|spans| spans.len() != texts.len()) {
        return Err(PyValueError::new_err("protected spans and texts are of different numbers"));
    }
    let mut spans = protected.iter().flat_map(Structs::iter).map(|[starts, ends]| Protected { starts, ends });
    let matcher = LineMatcher::new(rules, classes);
    let mut corrector = Corrector { matcher, lines: Vec::new(), cuts: Vec::new(), made: Corrected::new() };
    for row in 0..texts.len() {
        let text = text(texts, row)?;
        corrector.correct(text, cuts.row(row, text.as_bytes())?, spans.next().unwrap_or_default())?;
    }
    corrector.made.finish()
}

#[pyfunction]
pub fn correct_lines(
    py: Python<'_>,
    texts: InputArray,
    protected: Option<InputArray>,
    cuts: Option<InputArray>,
    rules: &Bound<'_, PreparedLineRules>,
    classes: &[u8],
) -> PyResult<(Vec<OutputArray>, OutputArray)> {
    let rules = rules.get();
    let classes = Classes::try_from(classes)?;
    let texts = strings(&texts)?;
    py.allow_threads(|| {
        let cuts = TextCuts::of(cuts.as_ref(), texts.len())?;
        corrected(texts, &cuts, protected.as_ref().map(|spans| &spans.0), rules, classes)
    })
}
