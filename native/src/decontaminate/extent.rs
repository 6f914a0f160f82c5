//! The range of a text in which a copy of a piece of an item is. Twin: `refinery.kernels.reference.extent`.

use std::ops::Range;

use super::units::Unit;

/// At the ends of a copy: other words before the next one of the piece.
const BETWEEN: usize = 1;
/// At the ends of a copy: words of the piece that are not there.
const MISSING: usize = 2;
/// The most letters before a unit that are part of it.
const LETTERS_BEFORE: usize = 2;

/// A trigram of a text in a piece.
#[derive(Clone, Copy)]
pub struct Hit {
    pub unit: u32,
    pub at: u32,
    pub weight: u32,
}

/// The units of a copy; it is exact if the piece is there word by word.
pub struct Extent {
    pub first: usize,
    pub last: usize,
    pub is_exact: bool,
}

/// The copy of a piece in a window with some of its trigrams, sorted. `ids` are those of `units`, 0 where another copy is.
///
/// A copy with other words is the range of its trigrams, and what continues them in the order of the piece.
pub fn extent(units: &[Unit], ids: &[u32], piece: &[u32], hits: &[Hit], window: Range<usize>) -> Option<Extent> {
    let (left, right) = (hits.first()?, hits.last()?);
    let mut starts: Vec<usize> =
        hits.iter().filter_map(|hit| (hit.unit as usize).checked_sub(hit.at as usize)).collect();
    starts.sort_unstable();
    starts.dedup();
    if let Some(first) = starts.into_iter().find(|start| is_exact(units, ids, piece, *start)) {
        return Some(Extent { first, last: first + piece.len() - 1, is_exact: true });
    }
    let (mut first, mut last) = (left.unit as usize, right.unit as usize + 2);
    let before = ids.get(window.start..first).unwrap_or_default();
    first -= continued(before.iter().rev(), piece[..left.at as usize].iter().rev());
    let after = ids.get(last + 1..window.end).unwrap_or_default();
    last += continued(after.iter(), piece[right.at as usize + 3..].iter());
    Some(Extent { first: first.saturating_sub(usize::from(units[first].before)), last, is_exact: false })
}

/// True if a piece is at a place word by word. Its first letters are those that are part of the unit after them.
fn is_exact(units: &[Unit], ids: &[u32], piece: &[u32], start: usize) -> bool {
    let Some(some) = ids.get(start..start + piece.len()) else { return false };
    (0..=LETTERS_BEFORE.min(piece.len() - 1))
        .any(|skipped| some[skipped..] == piece[skipped..] && usize::from(units[start + skipped].before) == skipped)
}

/// How many words there are to the last one that continues a copy.
fn continued<'a>(words: impl Iterator<Item = &'a u32>, mut piece: impl Iterator<Item = &'a u32> + Clone) -> usize {
    let mut count = 0;
    for (number, word) in words.enumerate() {
        if number - count > BETWEEN {
            break;
        }
        if let Some(missing) = piece.clone().take(MISSING + 1).position(|next| next == word) {
            piece.nth(missing);
            count = number + 1;
        }
    }
    count
}
