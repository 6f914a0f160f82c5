//! What of a text would be read as markup in Markdown. Twin: `refinery.kernels.reference.markdown_inline`.

use std::ops::RangeInclusive;

use super::pieces::blank;

/// Blocks of punctuation, symbols and spaces beyond ASCII.
const NO_LETTERS: [RangeInclusive<u32>; 15] = [
    0x80..=0xBF,
    0xD7..=0xD7,
    0xF7..=0xF7,
    0x2000..=0x206F,
    0x20A0..=0x20CF,
    0x2190..=0x2BFF,
    0x2E00..=0x2E7F,
    0x3000..=0x303F,
    0xFE10..=0xFE1F,
    0xFE30..=0xFE6F,
    0xFF00..=0xFF20,
    0xFF3B..=0xFF40,
    0xFF5B..=0xFF65,
    0xFFE0..=0xFFEF,
    0x1F000..=0x1FAFF,
];

/// True for a letter or digit; beyond ASCII for all that is not known to be something else.
pub fn is_letter(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric();
    }
    !NO_LETTERS.iter().any(|block| block.contains(&u32::from(character)))
}

fn edge(character: Option<char>) -> bool {
    character.is_none_or(blank)
}

/// True if a run of stars between these two characters belongs to the one inside.
pub fn flanks(inside: char, outside: Option<char>) -> bool {
    is_letter(inside) || edge(outside) || outside.is_some_and(|character| character.is_ascii_punctuation())
}

/// True unless both characters are blank or the end of the line.
pub fn touches(before: Option<char>, after: Option<char>) -> bool {
    !(edge(before) && edge(after))
}

/// True if underscores between these characters could begin or end emphasis.
pub fn stresses(before: Option<char>, after: Option<char>) -> bool {
    !(before.is_some_and(is_letter) && after.is_some_and(is_letter)) && touches(before, after)
}

/// True if a text starts with a reference to a character, such as `&amp;`.
pub fn is_entity(text: &str) -> bool {
    let bytes = text.as_bytes();
    let run = |from: usize, most: usize, is: fn(&u8) -> bool| {
        let length = bytes.iter().skip(from).take(most + 1).take_while(|byte| is(byte)).count();
        (1..=most).contains(&length) && bytes.get(from + length) == Some(&b';')
    };
    match bytes {
        [b'&', b'#', b'x' | b'X', ..] => run(3, 6, u8::is_ascii_hexdigit),
        [b'&', b'#', ..] => run(2, 7, u8::is_ascii_digit),
        [b'&', first, _, ..] => first.is_ascii_alphabetic() && run(2, 31, u8::is_ascii_alphanumeric),
        _ => false,
    }
}

/// Add a line as it stands at the start of a line: what would begin a block is escaped.
pub fn add_at_start(line: &str, out: &mut String) {
    let ends = |at: usize| line.as_bytes().get(at).is_none_or(|byte| matches!(byte, b' ' | b'\t'));
    let hashes = line.bytes().take_while(|byte| *byte == b'#').count();
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let marker = (1..=6).contains(&hashes) && ends(hashes)
        || line.starts_with(['-', '+', '*']) && ends(1)
        || line.starts_with('>')
        || line.starts_with("~~~")
        || line.starts_with('[') && line[1..].contains("]:")
        || line.chars().all(|character| "-=:|*_ \t".contains(character));
    if marker {
        out.push('\\');
    } else if (1..=9).contains(&digits) && matches!(line.as_bytes().get(digits), Some(b'.' | b')')) && ends(digits + 1)
    {
        out.push_str(&line[..digits]);
        out.push('\\');
        out.push_str(&line[digits..]);
        return;
    }
    out.push_str(line);
}

/// True each if a formula at an empty place needs a space before, and after: the text has one of those it would have.
pub fn spaces_around(before: Option<char>, after: Option<char>) -> (bool, bool) {
    let lead = after.is_none() && before.is_some_and(is_letter);
    let word = after.is_some_and(|after| after == '(' || is_letter(after));
    (lead, word && before.is_none_or(|before| before == ' '))
}

/// The length of the longest run of backticks.
pub fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}
