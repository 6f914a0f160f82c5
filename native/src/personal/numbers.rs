//! Shapes of decimal digits: numbers in groups, IPv4 addresses, pairs of coordinates.

use memchr::memchr_iter;

use super::places::{follows, is_word, next_digit, run, scan, word_at, Ranges};

const LEAST_DIGITS: usize = 7;
const MOST_DIGITS: usize = 60;
/// Separators between two groups of digits, at most.
const GAPS: usize = 3;
/// Signs before a number, at most.
const SIGNS: usize = 3;

/// The length of a separator of groups at a place; 0 for another character.
#[inline]
fn gap(data: &[u8], place: usize) -> usize {
    match data.get(place..).unwrap_or_default() {
        [b' ' | b'.' | b'(' | b')' | b'/' | b'-', ..] => 1,
        [0xc2, 0xa0, ..] => 2,
        [0xe2, 0x80, 0x90..=0x95 | 0xaf, ..] | [0xef, 0xbc, 0x88 | 0x89 | 0x8d, ..] => 3,
        _ => 0,
    }
}

/// The end of at most three separators.
#[inline]
fn after_gaps(data: &[u8], start: usize) -> usize {
    (0..GAPS).fold(start, |at, _| at + gap(data, at))
}

fn digits(data: &[u8], start: usize, most: usize) -> usize {
    run(data, start, most, |byte| byte.is_ascii_digit())
}

/// Where a number starts whose first digit is at a place: with up to three signs before it, but after `least`.
fn beginning(data: &[u8], first: usize, least: usize) -> usize {
    let sign = |place: &usize| matches!(data[*place], b'+' | b'(');
    let spaced = first > least && data[first - 1] == b' ';
    let last = first - usize::from(spaced);
    let signs = (least..last).rev().take(SIGNS).take_while(sign).count();
    let start = last - signs;
    match signs {
        0 => first,
        1 if follows(data, start, |_| false) => first,
        _ => start + usize::from(follows(data, start, |_| false)),
    }
}

/// The end of a number with its first digit here, and how many digits it has.
fn number(data: &[u8], first: usize) -> (usize, usize) {
    let mut end = digits(data, first, usize::MAX);
    let mut count = end - first;
    loop {
        let next = after_gaps(data, end);
        let last = digits(data, next, usize::MAX);
        if next == end || last == next {
            return (end, count);
        }
        count += last - next;
        end = last;
    }
}

/// True if what is behind a number is no word: or one capital letter, or an extension.
fn ends(data: &[u8], end: usize) -> bool {
    let next = data.get(end).copied().unwrap_or(b' ');
    let digit = data.get(end + 1).is_some_and(u8::is_ascii_digit);
    !is_word(next) || (next.is_ascii_uppercase() && !word_at(data, end + 1)) || (matches!(next, b'x' | b'X') && digit)
}

/// Groups of digits with at most three separators between any two, and enough digits for a phone number.
pub fn numbers(data: &[u8], found: &mut Ranges) {
    let (mut at, mut least) = (0, 0);
    while let Some(first) = next_digit(data, at) {
        at = first + 1;
        if follows(data, first, |_| false) {
            continue;
        }
        let (end, count) = number(data, first);
        if (LEAST_DIGITS..=MOST_DIGITS).contains(&count) && ends(data, end) {
            found.push((beginning(data, first, least), end));
        }
        (at, least) = (end, end);
    }
}

/// How many digits are directly before a dot; none if they are more than three.
fn before_dot(data: &[u8], dot: usize) -> Option<usize> {
    let size = data[dot.saturating_sub(4)..dot].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    (1..=3).contains(&size).then_some(size)
}

/// Four groups of digits with dots between them.
pub fn addresses(data: &[u8], found: &mut Ranges) {
    let matched = |start| {
        if follows(data, start, |byte| byte == b'.') {
            return None;
        }
        let mut end = digits(data, start, 3);
        for _ in 0..3 {
            let next = (data.get(end) == Some(&b'.')).then_some(end + 1)?;
            end = digits(data, next, 3);
            (end > next).then_some(())?;
        }
        let longer = data.get(end) == Some(&b'.') && data.get(end + 1).is_some_and(u8::is_ascii_digit);
        (!word_at(data, end) && !longer).then_some(end)
    };
    scan(memchr_iter(b'.', data), |dot| before_dot(data, dot), matched, found);
}

/// The end of a decimal number with at least four places.
fn decimal(data: &[u8], start: usize) -> Option<usize> {
    let point = digits(data, start, 3);
    let end = digits(data, point + 1, 16);
    (point > start && data.get(point) == Some(&b'.') && end >= point + 5).then_some(end)
}

/// Two decimal numbers with many places, close to each other in a line.
pub fn coordinates(data: &[u8], found: &mut Ranges) {
    let matched = |start| {
        if follows(data, start, |byte| byte == b'.') {
            return None;
        }
        let first = decimal(data, start)?;
        let second = run(data, first, 24, |byte| !byte.is_ascii_digit() && byte != b'\n');
        let end = (second > first).then(|| decimal(data, second)).flatten()?;
        (!data.get(end).is_some_and(u8::is_ascii_digit)).then_some(end)
    };
    scan(memchr_iter(b'.', data), |dot| before_dot(data, dot), matched, found);
}
