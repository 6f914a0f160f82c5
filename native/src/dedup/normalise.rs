//! Text as deduplication compares it, and its alignment with the original. Twin:
//! `refinery.kernels.reference.normalise`.
//!
//! The properties of characters come from Python, so that both have one version of Unicode: 256 code points at a time,
//! when a text first has one of them.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use arrow_array::types::UInt32Type;
use arrow_array::{Array, ListArray, StringArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::lists::{offset, structs_of, ListsBuilder, Structs};
use crate::segmenter::cuts::{Cuts, TextCuts};
use crate::strings::{strings, text, total_bytes, StringsBuilder};

const ASCII: usize = 128;
const BLOCK: usize = 256;
const BLOCKS: usize = 0x11_0000 / BLOCK;

/// The kind of a character, with the numbers of the twin.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Kept,
    Space,
    Mark,
    Punctuation,
}

/// One character: its kind, and the place of its normal form among the bytes of its block.
#[derive(Clone, Copy)]
struct Entry {
    start: u16,
    size: u8,
    kind: Kind,
}

struct Block {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    /// For each of the first 128 characters the byte that it becomes, and true if it becomes one.
    plain: Vec<(u8, bool)>,
}

impl Block {
    /// Append normalised ASCII, without a branch for each byte. `blank`: a space would be the second one.
    fn append_ascii(&self, text: &[u8], made: &mut Vec<u8>, blank: &mut bool) {
        let mut end = made.len();
        made.resize(end + text.len(), 0);
        let mut second = *blank;
        for &byte in text {
            let (becomes, shown) = self.plain[usize::from(byte & 0x7F)];
            let space = becomes == b' ';
            made[end] = becomes;
            end += usize::from(shown & !(space & second));
            second = if shown { space } else { second };
        }
        *blank = second;
        made.truncate(end);
    }
}

/// The normal form of each character.
#[pyclass(frozen)]
pub struct Pieces {
    blocks: Vec<OnceLock<Block>>,
}

/// An array, or the blocks of characters that must be added first.
type Attempt = (Option<OutputArray>, Vec<usize>);

#[pymethods]
impl Pieces {
    #[new]
    fn new() -> Self {
        Pieces { blocks: (0..BLOCKS).map(|_| OnceLock::new()).collect() }
    }

    /// Set the kinds and normal forms of a block's characters. An existing block is not changed.
    fn add(&self, block: usize, kinds: Vec<u8>, pieces: Vec<String>) -> PyResult<()> {
        let wrong = || PyValueError::new_err(format!("not the characters of block {block}"));
        let place = self.blocks.get(block).ok_or_else(wrong)?;
        if kinds.len() != BLOCK || pieces.len() != BLOCK {
            return Err(wrong());
        }
        let mut made = Block { entries: Vec::with_capacity(BLOCK), bytes: Vec::new(), plain: Vec::new() };
        for (&kind, piece) in kinds.iter().zip(&pieces) {
            let kind = match kind {
                0 => Kind::Kept,
                1 => Kind::Space,
                2 => Kind::Mark,
                3 => Kind::Punctuation,
                _ => return Err(wrong()),
            };
            let start = u16::try_from(made.bytes.len()).map_err(|_| wrong())?;
            made.entries.push(Entry { start, size: u8::try_from(piece.len()).map_err(|_| wrong())?, kind });
            made.bytes.extend_from_slice(piece.as_bytes());
        }
        if block == 0 {
            if pieces[..ASCII].iter().any(|piece| piece.len() > 1) {
                return Err(wrong());
            }
            let becomes = |piece: &String| piece.bytes().next().map_or((0, false), |byte| (byte, true));
            made.plain = pieces[..ASCII].iter().map(becomes).collect();
        }
        place.get_or_init(|| made);
        Ok(())
    }

    fn normalise(&self, py: Python<'_>, texts: InputArray) -> PyResult<Attempt> {
        py.allow_threads(|| {
            let texts = strings(&texts)?;
            let mut normal = StringsBuilder::with_capacity(total_bytes(texts));
            let mut missing = BTreeSet::new();
            for row in 0..texts.len() {
                self.append(text(texts, row)?, &mut normal.data, &mut missing);
                normal.end()?;
            }
            if !missing.is_empty() {
                return Ok((None, missing.into_iter().collect()));
            }
            Ok((Some(OutputArray::new(normal.finish()?)), Vec::new()))
        })
    }

    /// The places in the normalised texts of cuts of the texts.
    fn normalised_cuts(&self, py: Python<'_>, texts: InputArray, cuts: InputArray) -> PyResult<Attempt> {
        py.allow_threads(|| {
            let texts = strings(&texts)?;
            let cuts = TextCuts::of(Some(&cuts), texts.len())?;
            let mut moved = ListsBuilder::<UInt32Type>::with_capacity(0, texts.len());
            let (mut made, mut missing) = (Vec::new(), BTreeSet::new());
            for row in 0..texts.len() {
                let text = text(texts, row)?;
                made.clear();
                self.move_cuts(text, cuts.row(row, text.as_bytes())?, &mut made, &mut moved.values, &mut missing);
                moved.end()?;
            }
            if !missing.is_empty() {
                return Ok((None, missing.into_iter().collect()));
            }
            Ok((Some(OutputArray::new(moved.finish()?)), Vec::new()))
        })
    }

    /// The ranges of the texts for ranges of bytes of the normalised texts.
    fn original_spans(&self, py: Python<'_>, texts: InputArray, ranges: InputArray) -> PyResult<Attempt> {
        py.allow_threads(|| {
            let texts = strings(&texts)?;
            let (mut units, mut missing) = (Vec::new(), BTreeSet::new());
            let found = located(texts, &ranges, |reach, text, from, to| {
                if let Some(reach) = reach {
                    units.clear();
                    self.align(text, reach, &mut units, &mut missing);
                }
                inside(&units, from, to)
            })?;
            match missing.is_empty() {
                true => Ok((Some(OutputArray::new(found)), Vec::new())),
                false => Ok((None, missing.into_iter().collect())),
            }
        })
    }
}

impl Pieces {
    /// Append a normalised text.
    fn append(&self, text: &str, made: &mut Vec<u8>, missing: &mut BTreeSet<usize>) {
        let Some(latin) = self.blocks[0].get() else {
            missing.insert(0);
            return;
        };
        let begin = made.len();
        // A space is written when white space begins. True if a space was written last, or nothing yet.
        let mut blank = true;
        self.append_piece(latin, text, made, &mut blank, missing);
        if blank && made.len() > begin {
            made.pop();
        }
    }

    /// Append a normalised text to an empty buffer, up to the last cut, and to `moved` where its cuts are then.
    fn move_cuts(
        &self,
        text: &str,
        cuts: Cuts<'_>,
        made: &mut Vec<u8>,
        moved: &mut Vec<u32>,
        missing: &mut BTreeSet<usize>,
    ) {
        let Some(latin) = self.blocks[0].get() else {
            missing.insert(0);
            return;
        };
        let (mut blank, mut start) = (true, 0);
        for cut in cuts.iter() {
            self.append_piece(latin, &text[start..cut], made, &mut blank, missing);
            moved.push((made.len() - usize::from(blank && !made.is_empty())) as u32);
            start = cut;
        }
    }

    /// Append a piece of a text, after what was appended of it before.
    fn append_piece(
        &self,
        latin: &Block,
        text: &str,
        made: &mut Vec<u8>,
        blank: &mut bool,
        missing: &mut BTreeSet<usize>,
    ) {
        let mut rest = text;
        while !rest.is_empty() {
            let (plain, other) = rest.split_at(ascii_prefix(rest.as_bytes()));
            latin.append_ascii(plain.as_bytes(), made, blank);
            let mut read = 0;
            for character in other.chars().take_while(|character| !character.is_ascii()) {
                read += character.len_utf8();
                let Some((entry, piece)) = self.find(character, missing) else { continue };
                if entry.kind != Kind::Space {
                    made.extend_from_slice(piece);
                    *blank &= piece.is_empty();
                } else if !*blank {
                    made.push(b' ');
                    *blank = true;
                }
            }
            rest = &other[read..];
        }
    }

    /// Append the units of a text: all that end in the first `reach` bytes of the normalised text, and perhaps one
    /// more.
    fn align(&self, text: &str, reach: u64, units: &mut Vec<Unit>, missing: &mut BTreeSet<usize>) {
        let Some(latin) = self.blocks[0].get() else {
            missing.insert(0);
            return;
        };
        let mut normal = 0u32;
        // True if the last unit is white space, and if the last character except marks is in the last unit.
        let (mut blank, mut open) = (true, false);
        for (at, character) in text.char_indices() {
            let entry = match character.is_ascii() {
                true => latin.entries[character as usize],
                false => match self.find(character, missing) {
                    Some((entry, _)) => entry,
                    None => continue,
                },
            };
            if entry.kind == Kind::Mark {
                continue;
            }
            if open {
                close(units, at);
            }
            let space = entry.kind == Kind::Space;
            open = entry.kind != Kind::Punctuation && !(space && units.is_empty());
            if open && !(space && blank) {
                normal = normal.saturating_add(u32::from(entry.size));
                units.push(Unit { normal, start: at as u32, end: at as u32 });
                if u64::from(normal) > reach {
                    return;
                }
            }
            if entry.kind != Kind::Punctuation {
                blank = space;
            }
        }
        if open {
            close(units, text.len());
        }
        if blank {
            units.pop();
        }
    }

    #[inline(always)]
    fn find(&self, character: char, missing: &mut BTreeSet<usize>) -> Option<(Entry, &[u8])> {
        let (block, place) = (character as usize / BLOCK, character as usize % BLOCK);
        let Some(block) = self.blocks[block].get() else {
            missing.insert(block);
            return None;
        };
        let entry = block.entries[place];
        let start = usize::from(entry.start);
        Some((entry, &block.bytes[start..start + usize::from(entry.size)]))
    }
}

/// The smallest part that can be cut: its end in the normalised text, and its range in the original. No text of an
/// array has more than 2^31 bytes, neither the one nor the other.
#[derive(Clone, Copy)]
struct Unit {
    normal: u32,
    start: u32,
    end: u32,
}

/// The last unit reaches at least to here.
#[inline(always)]
fn close(units: &mut [Unit], end: usize) {
    if let Some(last) = units.last_mut() {
        last.end = end as u32;
    }
}

/// From the first unit that lies wholly between two bytes of the normalised text to the last one.
fn inside(units: &[Unit], from: u64, to: u64) -> Option<(u64, u64)> {
    let first = match (from, units.split_last()) {
        (1.., Some((_, before))) => 1 + before.partition_point(|unit| u64::from(unit.normal) < from),
        _ => 0,
    };
    let count = units.partition_point(|unit| u64::from(unit.normal) <= to);
    (first < count).then(|| (units[first].start.into(), units[count - 1].end.into()))
}

/// The ranges of texts for ranges of other texts. `find` receives a text with each of its ranges in turn, and with the
/// first of them also the end of the last one.
fn located(
    texts: &StringArray,
    ranges: &InputArray,
    mut find: impl FnMut(Option<u64>, &str, u64, u64) -> Option<(u64, u64)>,
) -> PyResult<ListArray> {
    let ranges = Structs::of(&ranges.0, ["start", "end"])?;
    if ranges.len() != texts.len() {
        return Err(PyValueError::new_err("ranges and texts are of different numbers"));
    }
    let (mut starts, mut ends, mut offsets) = (Vec::new(), Vec::new(), vec![0]);
    for (row, [first, last]) in ranges.iter().enumerate() {
        let text = if first.is_empty() { "" } else { text(texts, row)? };
        for (place, (&from, &to)) in first.iter().zip(last).enumerate() {
            let reach = last.iter().max().copied().filter(|_| place == 0);
            if let Some((start, end)) = find(reach, text, from, to) {
                starts.push(start);
                ends.push(end);
            }
        }
        offsets.push(offset(starts.len())?);
    }
    structs_of(vec![("start", starts), ("end", ends)], offsets)
}

/// The whole characters between two bytes of a text.
fn whole_characters(text: &str, from: u64, to: u64) -> Option<(u64, u64)> {
    let (from, to) = (usize::try_from(from).ok()?, usize::try_from(to).map_or(text.len(), |to| to.min(text.len())));
    let start = (from..to).find(|&place| text.is_char_boundary(place))?;
    let end = (start..=to).rev().find(|&place| text.is_char_boundary(place))?;
    (start < end).then_some((start as u64, end as u64))
}

/// Ranges of bytes of texts, made smaller so that they cut no character in two.
#[pyfunction]
pub fn character_spans(py: Python<'_>, texts: InputArray, ranges: InputArray) -> PyResult<OutputArray> {
    py.allow_threads(|| {
        let texts = strings(&texts)?;
        located(texts, &ranges, |_, text, from, to| whole_characters(text, from, to)).map(OutputArray::new)
    })
}

/// The number of bytes before the first that is not ASCII.
fn ascii_prefix(text: &[u8]) -> usize {
    let whole = text.chunks_exact(16).take_while(|chunk| chunk.is_ascii()).count() * 16;
    whole + text[whole..].iter().take_while(|byte| byte.is_ascii()).count()
}
