//! Character references, as the HTML standard decodes them in text.

use std::collections::HashMap;

/// The named references: from a name, with its `;` if it is required, to the characters.
pub struct Entities {
    named: HashMap<Vec<u8>, String>,
    longest: usize,
    /// Of the names that do without `;`.
    longest_bare: usize,
}

/// The characters of the numbers 128 to 159, which the standard reads as windows-1252.
const WINDOWS: [u16; 32] = [
    0x20AC, 0x81, 0x201A, 0x192, 0x201E, 0x2026, 0x2020, 0x2021, 0x2C6, 0x2030, 0x160, 0x2039, 0x152, 0x8D, 0x17D,
    0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x2DC, 0x2122, 0x161, 0x203A, 0x153, 0x9D,
    0x17E, 0x178,
];

impl Entities {
    pub fn new(named: impl IntoIterator<Item = (String, String)>) -> Self {
        let named: HashMap<_, _> = named.into_iter().map(|(name, value)| (name.into_bytes(), value)).collect();
        let longest = named.keys().map(Vec::len).max().unwrap_or(0);
        let longest_bare = named.keys().filter(|name| !name.ends_with(b";")).map(Vec::len).max().unwrap_or(0);
        Entities { named, longest, longest_bare }
    }

    /// The reference that `text`, which starts with `&`, begins with: its characters, and its length in bytes. None
    /// if the `&` is no reference.
    pub fn decode<'s>(&'s self, text: &[u8], buffer: &'s mut String) -> Option<(&'s str, usize)> {
        if text.get(1) == Some(&b'#') {
            let (character, size) = number(text)?;
            buffer.clear();
            buffer.push(character);
            return Some((buffer, size));
        }
        let rest = &text[1..];
        let size = rest
            .iter()
            .take(self.longest)
            .position(|byte| !byte.is_ascii_alphanumeric())
            .unwrap_or(self.longest.min(rest.len()));
        if rest.get(size) == Some(&b';') {
            if let Some(value) = self.named.get(&rest[..=size]) {
                return Some((value, size + 2));
            }
        }
        (2..=size.min(self.longest_bare))
            .rev()
            .find_map(|size| Some((self.named.get(&rest[..size])?.as_str(), size + 1)))
    }
}

fn number(text: &[u8]) -> Option<(char, usize)> {
    let hex = matches!(text.get(2), Some(b'x' | b'X'));
    let (base, start) = if hex { (16, 3) } else { (10, 2) };
    let mut value = 0_u32;
    let mut at = start;
    while let Some(digit) = text.get(at).and_then(|&byte| char::from(byte).to_digit(base)) {
        value = value.saturating_mul(base).saturating_add(digit);
        at += 1;
    }
    if at == start {
        return None;
    }
    let size = if text.get(at) == Some(&b';') { at + 1 } else { at };
    let value = match value {
        0x80..=0x9F => u32::from(WINDOWS[value as usize - 0x80]),
        _ => value,
    };
    let character = char::from_u32(value).filter(|&character| character != '\0').unwrap_or(char::REPLACEMENT_CHARACTER);
    Some((character, size))
}
