//! The text of blocks as it is written: white space collapsed, character references decoded, characters that nobody
//! sees left out.

use super::entities::Entities;

/// Text that is being written, block after block.
pub struct Cleaner<'a> {
    entities: &'a Entities,
    decoded: String,
    pub text: String,
    /// The beginning of the block that is being written.
    start: usize,
    blank: bool,
    /// Newlines that were asked for since the last character.
    newlines: u8,
    /// Blanks that are no breaks stay as they are.
    pub indented: bool,
}

impl<'a> Cleaner<'a> {
    pub fn new(entities: &'a Entities) -> Self {
        let (decoded, text) = (String::new(), String::new());
        Cleaner { entities, decoded, text, start: 0, blank: false, newlines: 0, indented: false }
    }

    /// True if the block has no text yet.
    pub fn is_empty(&self) -> bool {
        self.text.len() == self.start
    }

    /// True if the next text is the first of a line.
    pub fn begins_line(&self) -> bool {
        self.is_empty() || self.text.ends_with('\n')
    }

    /// The beginning of the block that is being written.
    pub fn start(&self) -> usize {
        self.start
    }

    /// Newlines at the end that are not written yet.
    pub fn newlines(&self) -> u8 {
        self.newlines
    }

    /// The place where the next text will begin.
    pub fn next(&self) -> usize {
        let apart = (self.blank || self.newlines > 0) && !self.is_empty();
        self.text.len() + usize::from(apart)
    }

    /// End the line.
    pub fn newline(&mut self) {
        self.newlines = self.newlines.saturating_add(1);
    }

    /// End the block and return its place.
    pub fn finish(&mut self) -> (usize, usize) {
        self.end_word();
        self.blank = false;
        self.newlines = 0;
        let start = std::mem::replace(&mut self.start, self.text.len());
        (start, self.text.len())
    }

    /// Append text of the source. `kept`: white space stays as it is.
    pub fn push(&mut self, source: &str, kept: bool) {
        let bytes = source.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let run = plain(&bytes[at..]);
            if run > 0 {
                self.begin();
                self.text.push_str(&source[at..at + run]);
                at += run;
                continue;
            }
            match bytes[at] {
                b'&' => at += self.reference(&source[at..], kept),
                byte if !kept && is_blank(byte) => {
                    self.blank = true;
                    at += bytes[at..].iter().take_while(|&&byte| is_blank(byte)).count();
                }
                b'\r' if bytes.get(at + 1) == Some(&b'\n') => at += 1,
                byte if byte.is_ascii() => {
                    self.space(byte, kept);
                    at += 1;
                }
                _ => {
                    let Some(character) = source[at..].chars().next() else { return };
                    self.character(character, kept);
                    at += character.len_utf8();
                }
            }
        }
    }

    fn reference(&mut self, source: &str, kept: bool) -> usize {
        let mut buffer = std::mem::take(&mut self.decoded);
        let entities = self.entities;
        let size = match entities.decode(source.as_bytes(), &mut buffer) {
            Some((characters, size)) => {
                for character in characters.chars() {
                    self.character(character, kept);
                }
                size
            }
            None => {
                self.begin();
                self.text.push('&');
                1
            }
        };
        self.decoded = buffer;
        size
    }

    /// Write the white space that is due before a character.
    #[inline]
    fn begin(&mut self) {
        if self.newlines > 0 || self.blank {
            self.end_word();
            if self.newlines > 0 {
                self.end_line();
            }
            if self.text.len() > self.start {
                self.text.push(if self.newlines > 0 { '\n' } else { ' ' });
            }
            self.newlines = 0;
            self.blank = false;
        }
    }

    fn character(&mut self, character: char, kept: bool) {
        if character.is_ascii() && (character <= ' ' || character == '\x7F') {
            self.space(character as u8, kept);
        } else if character.is_whitespace() {
            self.space(b' ', kept || self.indented);
        } else if character == WORD_END {
            let due = !self.blank && self.newlines == 0;
            if due && self.text[self.start..].ends_with(is_spaceless) {
                self.text.push(WORD_END);
            }
        } else if !is_invisible(character) {
            self.begin();
            self.text.push(character);
        }
    }

    fn space(&mut self, byte: u8, kept: bool) {
        match byte {
            _ if !kept && is_blank(byte) => self.blank = true,
            b'\n' | b'\r' => {
                self.blank = false;
                self.end_line();
                if self.text.len() > self.start {
                    self.text.push('\n');
                }
            }
            b' ' | b'\t' => {
                self.begin();
                self.text.push_str(if byte == b' ' { " " } else { "    " });
            }
            _ => {}
        }
    }

    /// Take off the end of a word, where white space is one.
    fn end_word(&mut self) {
        if self.text[self.start..].ends_with(WORD_END) {
            self.text.pop();
        }
    }

    /// Take blanks off the end of the line, which a preformatted one may have.
    fn end_line(&mut self) {
        while self.text.len() > self.start && self.text.ends_with(' ') {
            self.text.pop();
        }
    }

    /// Take back the text of the block from a place on.
    pub fn cut(&mut self, at: usize) {
        self.blank |= self.text.get(at..).is_some_and(|text| text.starts_with([' ', '\n']));
        self.text.truncate(at);
    }

    /// Take white space off the end of the block, which a preformatted one may have.
    pub fn trim(&mut self) {
        while self.text.len() > self.start && self.text.ends_with([' ', '\n']) {
            self.text.pop();
        }
    }
}

/// True for white space of ASCII.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// The bytes of the plain characters at the start of a text: those that are written unchanged. A blank
/// between two of them is written as it is, too.
fn plain(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let size = match PLAIN[usize::from(byte)] {
            0 if byte == b' ' && at > 0 && bytes.get(at + 1).is_some_and(|&next| PLAIN[usize::from(next)] > 0) => 1,
            // U+3000 is white space, characters with its first byte and a greater second one are plain.
            0 if byte == 0xE3 && bytes.get(at + 1).is_some_and(|&next| next > 0x80) => 3,
            0 => break,
            size => usize::from(size),
        };
        at += size;
    }
    at.min(bytes.len())
}

/// The length of a plain character by its first byte; 0 if some characters with that byte are not plain.
const PLAIN: [u8; 256] = {
    let mut sizes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        sizes[byte] = match byte as u8 {
            b'&' => 0,
            b'!'..=b'~' => 1,
            0xC3..=0xCC | 0xCE..=0xD7 | 0xD9..=0xDF => 2,
            0xE0 | 0xE4..=0xEE => 3,
            _ => 0,
        };
        byte += 1;
    }
    sizes
};

/// The end of a word in a script without spaces, of Southeast Asia or Tibet, where it stands behind a letter of one.
const WORD_END: char = '\u{200B}';

/// True for characters of scripts of Southeast Asia, and Tibetan, that have no spaces between words.
pub fn is_spaceless(character: char) -> bool {
    matches!(character, '\u{E00}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{1950}'..='\u{1AAF}' | '\u{AA60}'..='\u{AADF}')
}

/// Characters that are not shown: controls, soft hyphens, and those that only control breaking, order or shape. The
/// joiners U+200C and U+200D stay: they spell words in Persian and the scripts of India.
pub fn is_invisible(character: char) -> bool {
    matches!(character,
        '\0'..='\x1F' | '\x7F'..='\u{9F}' | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
        | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
        | '\u{FFFE}' | '\u{FFFF}')
}

#[cfg(test)]
mod tests {
    use super::{is_invisible, plain, PLAIN};

    #[test]
    fn plain_characters_are_neither_blank_nor_invisible() {
        for character in '\0'..=char::MAX {
            let mut buffer = [0; 4];
            let bytes = character.encode_utf8(&mut buffer).as_bytes();
            let size = plain(bytes);
            assert!(size == 0 || size == bytes.len());
            if size > 0 {
                assert!(!character.is_whitespace() && !is_invisible(character) && character != '&');
            }
        }
        assert_eq!(PLAIN.iter().filter(|&&size| size > 0).count(), 93 + 27 + 12);
    }

    #[test]
    fn a_blank_between_plain_characters_is_one_of_them() {
        for (text, size) in
            [("a b", 3), ("a  b", 1), (" a", 0), ("a ", 1), ("a &", 1), ("a é漢ち b", 12), ("a\u{3000}", 1)]
        {
            assert_eq!(plain(text.as_bytes()), size, "{text}");
        }
    }
}
