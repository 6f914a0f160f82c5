//! A text as models of letters read it: letters in lower case, spaces in place of marks, digits and white space.
//!
//! Lines stay lines. Twin: `plain` in `refinery.kernels.reference.langid`.

use std::collections::HashMap;

use crate::classes::{Classes, DIGIT, MARK, SPACE};

const OTHER: u8 = 0;
const BLANK: u8 = 1;
const CASED: u8 = 2;

pub struct Letters {
    /// What is written for a byte of ASCII.
    ascii: [u8; 128],
    /// By code point.
    kinds: Vec<u8>,
    lower: HashMap<char, String>,
}

impl Letters {
    /// `lower` has the lower case of all characters beyond ASCII that differ from it.
    pub fn new(classes: Classes<'_>, lower: HashMap<char, String>) -> Self {
        let mut kinds = vec![OTHER; char::MAX as usize + 1];
        for character in '\0'..=char::MAX {
            if classes.of(character) & (SPACE | MARK | DIGIT) != 0 {
                kinds[character as usize] = BLANK;
            }
        }
        for &character in lower.keys().filter(|&&character| classes.of(character) & (SPACE | MARK | DIGIT) == 0) {
            kinds[character as usize] = CASED;
        }
        let ascii = std::array::from_fn(|byte| match byte as u8 {
            b'\n' => b'\n',
            byte if kinds[usize::from(byte)] == BLANK => b' ',
            byte => byte.to_ascii_lowercase(),
        });
        Letters { ascii, kinds, lower }
    }

    /// Write what is read of a text.
    pub fn write(&self, text: &str, plain: &mut Vec<u8>) {
        plain.clear();
        plain.reserve(text.len());
        for character in text.chars() {
            if character.is_ascii() {
                plain.push(self.ascii[character as usize]);
                continue;
            }
            match self.kinds[character as usize] {
                BLANK => plain.push(b' '),
                CASED => plain.extend_from_slice(self.lower.get(&character).map_or("", String::as_str).as_bytes()),
                _ => plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }
}
