//! The text of blocks as it is written: white space collapsed, character references decoded, characters that nobody
//! sees left out.

use super::entities::Entities;

/// Text that is being written, block after block.
pub struct Cleaner<'a> {
    entities: &'a Entities,
    decoded: String,
    pub text: String,
    /// Where the block that is being written begins.
    start: usize,
    blank: bool,
    /// Newlines that were asked for since the last character.
    newlines: u8,
}

impl<'a> Cleaner<'a> {
    pub fn new(entities: &'a Entities) -> Self {
        Cleaner { entities, decoded: String::new(), text: String::new(), start: 0, blank: false, newlines: 0 }
    }

    /// Whether the block has no text yet.
    pub fn is_empty(&self) -> bool {
        self.text.len() == self.start
    }

    /// Newlines at the end that are not written yet.
    pub fn newlines(&self) -> u8 {
        self.newlines
    }

    /// End the line.
    pub fn newline(&mut self) {
        self.newlines = self.newlines.saturating_add(1);
    }

    /// End the block and give its place.
    pub fn finish(&mut self) -> (usize, usize) {
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
            let run = bytes[at..].iter().take_while(|&&byte| byte > b' ' && byte < 0x7F && byte != b'&').count();
            if run > 0 {
                self.begin();
                self.text.push_str(&source[at..at + run]);
                at += run;
                continue;
            }
            match bytes[at] {
                b'&' => at += self.reference(&source[at..], kept),
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
            self.space(b' ', kept);
        } else if !is_invisible(character) {
            self.begin();
            self.text.push(character);
        }
    }

    fn space(&mut self, byte: u8, kept: bool) {
        match byte {
            b'\n' | b'\r' | b'\t' | b' ' | b'\x0c' | b'\x0b' if !kept => self.blank = true,
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

    /// Take blanks off the end of the line, which a preformatted one may have.
    fn end_line(&mut self) {
        while self.text.len() > self.start && self.text.ends_with(' ') {
            self.text.pop();
        }
    }

    /// Take white space off the end of the block, which a preformatted one may have.
    pub fn trim(&mut self) {
        while self.text.len() > self.start && self.text.ends_with([' ', '\n']) {
            self.text.pop();
        }
    }
}

/// Characters that are not shown: controls, soft hyphens, and what only directs breaking, order or shape. The joiners
/// U+200C and U+200D stay: they spell words in Persian and the scripts of India.
pub fn is_invisible(character: char) -> bool {
    matches!(character,
        '\0'..='\x1F' | '\x7F'..='\u{9F}' | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
        | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
        | '\u{FFFE}' | '\u{FFFF}')
}
