//! Units of texts: words in their plainest form, and characters of scripts without spaces.

use crate::segmenter::spaceless::{script_of, Script};

/// The form of a character that does not count in a word; 0 is that of one that is in no word.
pub const SKIPPED: u32 = 1;

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Word,
    Digits,
    Han,
    Letters,
}

#[derive(Clone, Copy)]
pub struct Unit {
    pub key: u64,
    pub start: u32,
    pub end: u32,
    pub kind: Kind,
    /// Letters before the unit that are part of it, in a script without spaces.
    pub before: u8,
}

/// Letters of a unit, in scripts that have an alphabet or syllables.
const LETTERS: usize = 3;

/// The marks in words that are no part of the letter before.
const APOSTROPHES: [char; 3] = ['\'', '\u{2019}', '\u{2bc}'];

const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

/// The key of a word, character by character.
#[inline]
pub fn extended(key: u64, form: u32) -> u64 {
    (key.rotate_left(5) ^ u64::from(form)).wrapping_mul(MIX)
}

/// The key of a number.
pub fn number_key(value: u64) -> u64 {
    value.to_string().bytes().fold(0, |key, digit| extended(key, u32::from(digit)))
}

/// The form of a character, and what it is if it is a unit of its own.
#[inline]
fn form_of(character: char, folds: &[u32]) -> (u32, Option<Kind>) {
    let code = character as u32;
    let script = script_of(character);
    let form = folds.get(code as usize).copied().unwrap_or(if script.is_some() { code } else { 0 });
    let kind = script.map(|script| if script == Script::Han { Kind::Han } else { Kind::Letters });
    (form, kind.filter(|_| form > SKIPPED && !is_digit(form)))
}

/// Append the units of a text. `,` and `.` between digits in groups of three do not divide a number.
pub fn append_units(text: &str, folds: &[u32], units: &mut Vec<Unit>) {
    let Some(ascii) = folds.first_chunk::<128>() else { return };
    let bytes = text.as_bytes();
    let mut word = Unit { key: 0, start: 0, end: 0, kind: Kind::Digits, before: 0 };
    let mut before = [0; LETTERS - 1];
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let (form, size, alone) = if byte < 0x80 {
            (ascii[usize::from(byte)], 1, None)
        } else {
            let Some(character) = text[at..].chars().next() else { break };
            let (form, alone) = form_of(character, folds);
            (form, character.len_utf8(), alone)
        };
        if form > SKIPPED && alone.is_none() {
            if word.key == 0 {
                (word.start, word.kind) = (at as u32, Kind::Digits);
            }
            let mut other = !is_digit(form);
            let mut key = extended(word.key, form);
            at += size;
            let mut next = SKIPPED; // the form of the character after the word, if it is ASCII
            while let Some(&form) = bytes.get(at).and_then(|&byte| ascii.get(usize::from(byte))) {
                next = form;
                if form <= SKIPPED {
                    break;
                }
                key = extended(key, form);
                other |= !is_digit(form);
                at += 1;
            }
            (word.key, word.end) = (key, at as u32);
            if other {
                word.kind = Kind::Word;
            }
            if next == 0 && word.kind == Kind::Word {
                units.push(word);
                word.key = 0;
                at += 1;
            }
            before = [0; LETTERS - 1];
            continue;
        }
        if form != SKIPPED {
            if word.key != 0 && !(word.kind == Kind::Digits && groups_digits(bytes, at)) {
                units.push(word);
                word.key = 0;
            }
            if let Some(kind) = alone {
                let (start, end) = (at as u32, (at + size) as u32);
                let letters = before.iter().filter(|form| kind == Kind::Letters && **form != 0);
                let key = letters.clone().fold(0, |key, form| extended(key, *form));
                units.push(Unit { key: extended(key, form), start, end, kind, before: letters.count() as u8 });
            }
            before = if alone == Some(Kind::Letters) { [before[1], form] } else { [0; LETTERS - 1] };
        } else if !text[at..].starts_with(APOSTROPHES) {
            let open = Some(&mut word).filter(|word| word.key != 0);
            let last = open.or_else(|| units.last_mut()).filter(|last| last.end as usize == at);
            last.into_iter().for_each(|last| last.end += size as u32);
        }
        at += size;
    }
    if word.key != 0 {
        units.push(word);
    }
}

/// True for the form of a digit.
#[inline]
fn is_digit(form: u32) -> bool {
    form.wrapping_sub(48) < 10
}

/// True for a `,` or `.` with a digit before and exactly three after.
fn groups_digits(bytes: &[u8], at: usize) -> bool {
    let is_digit = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_digit);
    matches!(bytes[at], b',' | b'.')
        && at > 0
        && is_digit(at - 1)
        && (1..4).all(|step| is_digit(at + step))
        && !is_digit(at + 4)
}
