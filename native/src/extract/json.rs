//! A reader of JSON within a page, from left to right and without recursion.
//!
//! It takes what scripts take: names without quotes, commas too many, line breaks in strings. It stops at the end of
//! the value, and fails where there is no value: then it was code.

use super::scanner::Span;
use memchr::memchr2;

/// So many values may be open.
const MAX_DEPTH: usize = 64;

pub enum Event {
    /// An object or an array begins.
    Open,
    Close,
    /// A string, its escapes as they are written.
    Text(Span),
}

/// A value that is open.
#[derive(Clone, Copy)]
struct Open {
    object: bool,
    name: Span,
    /// In an object, the name of the value that follows.
    next: Span,
}

pub struct Json<'a> {
    source: &'a [u8],
    /// The position of the reader.
    pub at: usize,
    end: usize,
    open: Vec<Open>,
    /// The value is whole.
    pub done: bool,
    /// It is nested too deep.
    pub deep: bool,
}

impl<'a> Json<'a> {
    /// Read a value that begins in a part of the source.
    pub fn new(source: &'a [u8], part: Span) -> Self {
        let (at, end) = (part.start as usize, part.end as usize);
        Json { source, at, end, open: Vec::new(), done: false, deep: false }
    }

    /// True if the innermost open value is an object.
    pub fn in_object(&self) -> bool {
        self.open.last().is_some_and(|open| open.object)
    }

    /// The names of the last string and of the value that it is in: items of an array have the array's.
    pub fn names(&self) -> [&'a [u8]; 2] {
        let name = |open: &Open| if open.object { open.next } else { open.name };
        let above = self.open.iter().rfind(|open| open.object).map_or(Span::default(), |open| open.name);
        [self.open.last().map_or(Span::default(), name).of(self.source), above.of(self.source)]
    }

    fn peek(&mut self) -> Option<u8> {
        let rest = &self.source[self.at..self.end];
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.source[..self.end].get(self.at).copied()
    }

    /// The next event; none at the end of the value, or if there is no value.
    pub fn next(&mut self) -> Option<Event> {
        while !self.done {
            let byte = self.peek()?;
            let start = self.at;
            self.at += 1;
            match byte {
                b'{' | b'[' => {
                    if self.open.len() == MAX_DEPTH {
                        self.deep = true;
                        return None;
                    }
                    let name =
                        self.open.last().map_or(Span::default(), |top| if top.object { top.next } else { top.name });
                    self.open.push(Open { object: byte == b'{', name, next: Span::default() });
                    return Some(Event::Open);
                }
                b'}' | b']' => {
                    if self.open.pop()?.object != (byte == b'}') {
                        return None;
                    }
                    self.done = self.open.is_empty();
                    return Some(Event::Close);
                }
                b'"' => {
                    let text = self.string()?;
                    if !self.names_a_value(text) {
                        return Some(Event::Text(text));
                    }
                }
                b',' => {}
                _ if is_literal(byte) => {
                    let rest = &self.source[self.at..self.end];
                    self.at += rest.iter().take_while(|&&byte| is_literal(byte)).count();
                    let span = Span { start: start as u32, end: self.at as u32 };
                    self.names_a_value(span);
                }
                _ => return None,
            }
            if self.open.is_empty() {
                return None; // a value that is neither object nor array contains no text
            }
        }
        None
    }

    /// True if what was just read is the name of the value that follows.
    fn names_a_value(&mut self, name: Span) -> bool {
        let is = self.in_object() && self.peek() == Some(b':');
        if is {
            self.at += 1;
            if let Some(top) = self.open.last_mut() {
                top.next = name;
            }
        }
        is
    }

    /// The rest of a string.
    fn string(&mut self) -> Option<Span> {
        let start = self.at;
        while let Some(ahead) = memchr2(b'"', b'\\', self.source.get(self.at..self.end)?) {
            let at = self.at + ahead;
            if self.source[at] == b'"' {
                self.at = at + 1;
                return Some(Span { start: start as u32, end: at as u32 });
            }
            self.at = at + 2;
        }
        None
    }
}

fn is_literal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.' | b'_' | b'$' | b'!')
}

/// Append a string without its escapes; halves of pairs that stand alone are U+FFFD.
pub fn unescape(text: &str, into: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        into.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(escape) = rest.chars().next() else { return };
        rest = &rest[escape.len_utf8()..];
        match escape {
            'n' | 'r' => into.push('\n'),
            't' | 'b' | 'f' => into.push(' '),
            'u' => {
                let (character, size) = reference(rest);
                into.push(character);
                rest = &rest[size..];
            }
            other => into.push(other),
        }
    }
    into.push_str(rest);
}

/// The character after `\u`, and how long it is written.
fn reference(text: &str) -> (char, usize) {
    let unit = |text: &str| u32::from_str_radix(text.get(..4)?, 16).ok();
    let Some(high) = unit(text) else { return (char::REPLACEMENT_CHARACTER, 0) };
    if let Some(low) = text.get(4..).and_then(|rest| rest.strip_prefix("\\u")).and_then(unit) {
        if (0xD800..0xDC00).contains(&high) && (0xDC00..0xE000).contains(&low) {
            let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 10);
        }
    }
    (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 4)
}
