//! Segments where UTF-8 may have been read as another charset. Twin: `refinery.kernels.reference.mojibake`.

use arrow_array::{Array, StringArray};
use memchr::{memchr3, memrchr, memrchr3};
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::lists::{numbers, offset, structs_of};
use crate::strings::{strings, text};

const WIDTH: u32 = 10;
const CONTROL: u64 = 1 << (4 * WIDTH);
const REACH: usize = 2_000;

/// The charsets, a bit each, in which a character is the decoding of a byte of a group.
#[inline]
fn bits(role: u64, group: u32) -> u64 {
    role >> (group * WIDTH) & ((1 << WIDTH) - 1)
}

/// Emit the place of each character that ends a run.
fn places(text: &str, roles: &[u64], mut found: impl FnMut(usize)) {
    let bytes = text.as_bytes();
    let (mut at, mut before) = (0, [0_u64; 3]);
    while at < bytes.len() {
        if bytes[at].is_ascii() {
            // Only a blank has a role, and only straight after a letter.
            if is_end(roles.get(usize::from(bytes[at])).copied().unwrap_or(0), before) {
                found(at);
            }
            at += ascii_prefix(&bytes[at..]);
            before = [0; 3];
            continue;
        }
        let Some(character) = text[at..].chars().next() else { return };
        let role = roles.get(character as usize).copied().unwrap_or(0);
        if is_end(role, before) {
            found(at);
        }
        before = [role, before[0], before[1]];
        at += character.len_utf8();
    }
}

/// True if a character ends a run of those before it.
#[inline]
fn is_end(role: u64, before: [u64; 3]) -> bool {
    let (second, third) = (bits(before[0], 3), bits(before[1], 3));
    let leads = bits(before[0], 0) | second & (bits(before[1], 1) | third & bits(before[2], 2));
    bits(role, 3) & leads != 0 || role >= CONTROL
}

/// The segments around runs, in order.
fn segments(text: &str, roles: &[u64], starts: &mut Vec<u64>, ends: &mut Vec<u64>) {
    let bytes = text.as_bytes();
    let mut end = 0;
    places(text, roles, |place| {
        if place < end {
            return;
        }
        let least = end.max(place.saturating_sub(REACH));
        let start = memrchr3(b'<', b'>', b'\n', &bytes[least..place]).map_or(least, |edge| least + edge + 1);
        let most = bytes.len().min(place + REACH);
        let edge = memchr3(b'<', b'>', b'\n', &bytes[place..most]).map(|edge| place + edge);
        end = edge.unwrap_or_else(|| match memrchr(b' ', &bytes[place..most]) {
            Some(blank) if most < bytes.len() => place + blank + 1,
            _ => boundary(text, most),
        });
        starts.push(boundary(text, start) as u64);
        ends.push(end as u64);
    });
}

/// The first character boundary from this place on.
fn boundary(text: &str, place: usize) -> usize {
    (place..text.len()).find(|&place| text.is_char_boundary(place)).unwrap_or(text.len())
}

/// The number of bytes before the first that is not ASCII.
fn ascii_prefix(bytes: &[u8]) -> usize {
    let whole = bytes.chunks_exact(32).take_while(|chunk| chunk.is_ascii()).count() * 32;
    whole + bytes[whole..].iter().take_while(|byte| byte.is_ascii()).count()
}

fn all_segments(texts: &StringArray, roles: &[u64]) -> PyResult<OutputArray> {
    let (mut starts, mut ends, mut offsets) = (Vec::new(), Vec::new(), vec![0]);
    for row in 0..texts.len() {
        segments(text(texts, row)?, roles, &mut starts, &mut ends);
        offsets.push(offset(starts.len())?);
    }
    structs_of(vec![("start", starts), ("end", ends)], offsets).map(OutputArray::new)
}

/// The segments of each text that may be damaged. `roles` are those of code points, from 0 on.
#[pyfunction]
pub fn mojibake_segments(py: Python<'_>, texts: InputArray, roles: InputArray) -> PyResult<OutputArray> {
    let texts = strings(&texts)?;
    let roles = numbers(&roles.0)?;
    py.allow_threads(|| all_segments(texts, roles))
}
