//! The pieces into which GPT-2 splits a text before it merges bytes. Twin: the pattern of
//! `refinery.kernels.reference.bpe`.
//!
//! A piece is a contraction (`'s 't 'm 'd 're 've 'll`), or a run of letters, of numbers or of other signs, each with
//! at most one space before it, or white space. White space before anything else leaves its last character to the next
//! piece: a space goes with the next run, any other is a piece of its own.
//!
//! Every character is in a piece, and no character is looked at more than three times.

/// The class of a character, with the numbers of `refinery.kernels.native_bpe`.
type Class = u8;

const LETTER: Class = 1;
const SPACE: Class = 3;
const CLASSES: Class = 4;
/// Of a byte that is not ASCII: the class is that of the character.
const BEYOND: Class = CLASSES;

const CODE_POINTS: usize = char::MAX as usize + 1;

/// The classes of all code points.
pub struct Classes {
    table: Vec<Class>,
    bytes: [Class; 256],
}

impl Classes {
    /// From one byte for each code point. None if they are not that.
    pub fn new(table: Vec<u8>) -> Option<Self> {
        if table.len() != CODE_POINTS || table.iter().any(|class| *class >= CLASSES) {
            return None;
        }
        let as_words = |byte: u8| (table[usize::from(byte)] == LETTER) == byte.is_ascii_alphabetic();
        if !(0..128).all(as_words) || table[usize::from(b' ')] != SPACE {
            return None; // `words::plain_word` knows these
        }
        let bytes = std::array::from_fn(|byte| if byte < 128 { table[byte] } else { BEYOND });
        Some(Classes { table, bytes })
    }

    /// The class of the character at a place, and the place of the next one; none at the end.
    #[inline]
    fn look(&self, text: &str, at: usize) -> Option<(Class, usize)> {
        let class = self.bytes[usize::from(*text.as_bytes().get(at)?)];
        if class != BEYOND {
            return Some((class, at + 1));
        }
        let character = text[at..].chars().next()?;
        Some((self.table[character as usize], at + character.len_utf8()))
    }

    /// The end of the run of characters of a class that reaches at least to `at`.
    #[inline]
    fn run_end(&self, text: &str, mut at: usize, class: Class) -> usize {
        loop {
            let plain =
                text.as_bytes()[at..].iter().take_while(|byte| self.bytes[usize::from(**byte)] == class).count();
            at += plain;
            match self.look(text, at) {
                Some((found, next)) if found == class => at = next,
                _ => return at,
            }
        }
    }

    /// The end of the piece that begins here; none at the end of the text.
    #[inline]
    pub fn piece_end(&self, text: &str, start: usize) -> Option<usize> {
        let (class, next) = self.look(text, start)?;
        if class == SPACE {
            return Some(self.space_end(text, start, next));
        }
        let rest = &text.as_bytes()[start..];
        if rest[0] == b'\'' {
            if let Some(size) = contraction(&rest[1..]) {
                return Some(next + size);
            }
        }
        Some(self.run_end(text, next, class))
    }

    /// The end of the piece that begins with the white space from `start` to `next`.
    #[inline]
    fn space_end(&self, text: &str, start: usize, next: usize) -> usize {
        match self.look(text, next) {
            None => next,
            Some((SPACE, second)) => {
                let end = self.run_end(text, second, SPACE);
                if end == text.len() {
                    return end;
                }
                let last = text[start..end].char_indices().next_back();
                last.map_or(end, |(at, _)| start + at)
            }
            Some((class, second)) if text.as_bytes()[start] == b' ' => self.run_end(text, second, class),
            Some(_) => next,
        }
    }
}

/// The number of letters of a contraction after an apostrophe.
#[inline]
fn contraction(rest: &[u8]) -> Option<usize> {
    match rest {
        [b's' | b't' | b'm' | b'd', ..] => Some(1),
        [b'r' | b'v', b'e', ..] | [b'l', b'l', ..] => Some(2),
        _ => None,
    }
}
