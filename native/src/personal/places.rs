//! Places in bytes: words, runs, ranges.

/// Byte ranges of one shape.
pub type Ranges = Vec<(usize, usize)>;

/// True for ASCII letters, digits and the underscore.
#[inline]
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// True if a place has a byte of a word; outside of the text is none.
#[inline]
pub fn word_at(data: &[u8], place: usize) -> bool {
    data.get(place).copied().is_some_and(is_word)
}

/// True if a byte of a word, or one for which `also` is true, is before a place.
#[inline]
pub fn follows(data: &[u8], place: usize, also: impl Fn(u8) -> bool) -> bool {
    place.checked_sub(1).and_then(|before| data.get(before)).is_some_and(|byte| is_word(*byte) || also(*byte))
}

/// The end of the run of bytes from a place on that are wanted, at most `most` of them.
#[inline]
pub fn run(data: &[u8], start: usize, most: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let end = data.len().min(start.saturating_add(most));
    data.get(start..end).map_or(start, |some| start + some.iter().position(|byte| !wanted(*byte)).unwrap_or(some.len()))
}

/// Emit the ranges that start `before` bytes ahead of a place, in order and without overlap, where `matched` returns
/// the end of one.
pub fn scan(
    places: impl Iterator<Item = usize>,
    before: impl Fn(usize) -> Option<usize>,
    matched: impl Fn(usize) -> Option<usize>,
    found: &mut Ranges,
) {
    let mut at = 0;
    for place in places {
        let start = before(place).and_then(|size| place.checked_sub(size)).filter(|start| *start >= at);
        if let Some((start, end)) = start.and_then(|start| matched(start).map(|end| (start, end))) {
            found.push((start, end));
            at = end;
        }
    }
}

/// The next digit from a place on.
pub fn next_digit(data: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    for chunk in data.get(from..)?.chunks(32) {
        // For speed: without a branch for each byte.
        if chunk.iter().fold(false, |any, byte| any | byte.is_ascii_digit()) {
            return chunk.iter().position(u8::is_ascii_digit).map(|place| at + place);
        }
        at += chunk.len();
    }
    None
}
