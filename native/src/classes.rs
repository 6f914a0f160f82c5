//! The results of Python's `str` methods for each code point.
//!
//! The Unicode version of Rust's standard library is not that of the interpreter, so the classes come from Python: one
//! byte for each code point, computed by `refinery.kernels.native_text` with the methods that the twins call.

use pyo3::exceptions::PyValueError;
use pyo3::PyErr;

/// `str.isspace`, which is also where `str.split` and `str.strip` cut.
pub const SPACE: u8 = 1;
/// `str.isalpha`.
pub const ALPHA: u8 = 2;
/// Unicode category P or S, and U+200B.
pub const MARK: u8 = 4;
/// `str.isupper`.
pub const UPPER: u8 = 8;
/// `str.isdigit`.
pub const DIGIT: u8 = 16;
/// Unicode category S.
pub const SYMBOL: u8 = 32;
/// In a table by byte: not ASCII, so that the character must be looked up.
pub const BEYOND: u8 = 128;

const CODE_POINTS: usize = char::MAX as usize + 1;

/// The classes of all code points.
#[derive(Clone, Copy)]
pub struct Classes<'a>(&'a [u8; CODE_POINTS]);

impl<'a> TryFrom<&'a [u8]> for Classes<'a> {
    type Error = PyErr;

    fn try_from(table: &'a [u8]) -> Result<Self, PyErr> {
        let wrong = || PyValueError::new_err(format!("{} classes given for {CODE_POINTS} code points", table.len()));
        table.try_into().map(Classes).map_err(|_| wrong())
    }
}

impl Classes<'_> {
    /// The bits of a character.
    #[inline]
    pub fn of(&self, character: char) -> u8 {
        self.0[character as usize]
    }

    /// The bits of the characters of ASCII by byte, and BEYOND for all other bytes.
    pub fn by_byte(&self) -> [u8; 256] {
        std::array::from_fn(|byte| if byte < 128 { self.0[byte] } else { BEYOND })
    }

    /// The character that starts at a byte of the text, with its bits.
    #[inline]
    pub fn at(&self, text: &str, at: usize) -> (char, u8) {
        text[at..].chars().next().map_or(('\0', 0), |character| (character, self.of(character)))
    }

    /// The word without the marks at its ends.
    #[inline]
    pub fn bare<'t>(&self, word: &'t str) -> &'t str {
        word.trim_matches(|character| self.of(character) & MARK != 0)
    }
}
