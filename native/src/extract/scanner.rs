//! The markup of a page, cut into tags and text as the HTML standard's tokenizer does it, in one pass.
//!
//! Only the attributes that somebody asks for are noted. Nothing is copied or decoded here.

use memchr::{memchr, memchr2};

/// A range of the source; empty if there is nothing.
#[derive(Clone, Copy, Default, Debug)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    fn new(start: usize, end: usize) -> Self {
        Span { start: start as u32, end: end as u32 }
    }

    /// The bytes of the source.
    #[inline]
    pub fn of(self, source: &[u8]) -> &[u8] {
        &source[self.start as usize..self.end as usize]
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

macro_rules! attributes {
    ($($field:ident $($name:literal)|+,)*) => {
        /// The values of the attributes that are asked for, of one tag.
        #[derive(Clone, Copy, Default)]
        pub struct Attributes { $(pub $field: Option<Span>,)* }

        impl Attributes {
            #[inline]
            fn slot(&mut self, name: &[u8]) -> Option<&mut Option<Span>> {
                match name {
                    $($($name)|+ => Some(&mut self.$field),)*
                    _ => None,
                }
            }
        }
    };
}

attributes! {
    class b"class", id b"id", style b"style", hidden b"hidden", aria_hidden b"aria-hidden", role b"role",
    itemprop b"itemprop", itemtype b"itemtype", href b"href", rel b"rel", lang b"lang", name b"name", property b"property",
    content b"content", kind b"type", shadow b"shadowrootmode",
    tex b"data-tex" | b"data-latex" | b"data-math" | b"data-expr" | b"data-formula" | b"data-equation" | b"data-katex" | b"data-mathml",
}

/// What a byte of a tag may be, a bit each: between attributes, or in a name but for its first byte.
const BETWEEN: u8 = 1;
const NAME: u8 = 2;
const IN_TAG: [u8; 256] = {
    let mut made = [NAME; 256];
    let between = b" \t\n\r\x0c/";
    let mut at = 0;
    while at < between.len() {
        made[between[at] as usize] = BETWEEN;
        at += 1;
    }
    made[b'=' as usize] = 0;
    made[b'>' as usize] = 0;
    made
};

/// The number of bytes at the start of a source that are of a kind.
#[inline(always)]
fn length(source: &[u8], kind: u8) -> usize {
    source.iter().position(|&byte| IN_TAG[usize::from(byte)] & kind == 0).unwrap_or(source.len())
}

const LONGEST_ATTRIBUTE: usize = 14;

pub enum Token {
    Text(Span),
    Start { name: Span },
    End { name: Span },
    EndOfFile,
}

/// What comes next in a tag.
enum Step {
    /// An attribute: the place of its name, its value, and the end of both.
    Attribute {
        name: (usize, usize),
        value: Span,
        end: usize,
    },
    TagEnd(usize),
    SourceEnd,
}

/// The attributes of a tag, from the end of its name to its end: names and values.
pub fn attributes(markup: &str) -> impl Iterator<Item = (&str, &str)> {
    let scanner = Scanner::new(markup.as_bytes());
    let mut at = 0;
    std::iter::from_fn(move || match scanner.attribute(at) {
        Step::Attribute { name: (start, stop), value, end } => {
            at = end;
            Some((markup.get(start..stop)?, markup.get(value.start as usize..value.end as usize)?))
        }
        Step::TagEnd(_) | Step::SourceEnd => None,
    })
}

/// A place in a source that is read from left to right.
pub struct Scanner<'a> {
    source: &'a [u8],
    at: usize,
    /// Of the last start tag.
    pub attributes: Attributes,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')
}

impl<'a> Scanner<'a> {
    pub fn new(source: &'a [u8]) -> Self {
        Scanner { source, at: 0, attributes: Attributes::default() }
    }

    /// The place in the source.
    pub fn place(&self) -> u32 {
        self.at as u32
    }

    fn byte(&self, at: usize) -> u8 {
        self.source.get(at).copied().unwrap_or(0)
    }

    /// The next token. Comments and declarations are passed over.
    pub fn next(&mut self) -> Token {
        let mut start = self.at;
        while let Some(ahead) = memchr(b'<', self.source.get(self.at..).unwrap_or_default()) {
            let open = self.at + ahead;
            let next = self.byte(open + 1);
            let markup = next.is_ascii_alphabetic()
                || matches!(next, b'!' | b'?')
                || next == b'/' && open + 2 < self.source.len();
            if !markup {
                self.at = open + 1; // a `<` of the text
                continue;
            }
            if open > start {
                self.at = open;
                return Token::Text(Span::new(start, open));
            }
            if let Some(token) = self.markup(open, next) {
                return token;
            }
            start = self.at;
        }
        self.at = self.source.len();
        if start < self.at {
            Token::Text(Span::new(start, self.at))
        } else {
            Token::EndOfFile
        }
    }

    /// The token that begins at a `<`; none if it is skipped.
    fn markup(&mut self, open: usize, next: u8) -> Option<Token> {
        match next {
            b'!' => self.skip_declaration(open),
            b'?' => self.skip_to_close(open + 1),
            b'/' => return self.end_tag(open),
            _ => return Some(self.start_tag(open)),
        }
        None
    }

    fn skip_declaration(&mut self, open: usize) {
        let rest = &self.source[open + 2..];
        if !rest.starts_with(b"--") {
            return self.skip_to_close(open + 2);
        }
        let mut at = open + 4;
        while let Some(ahead) = memchr(b'>', &self.source[at..]) {
            at += ahead + 1;
            let inside = &self.source[open + 4..at - 1];
            if matches!(inside, b"" | b"-") || inside.ends_with(b"--") || inside.ends_with(b"--!") {
                self.at = at;
                return;
            }
        }
        self.at = self.source.len();
    }

    fn skip_to_close(&mut self, from: usize) {
        self.at = memchr(b'>', &self.source[from..]).map_or(self.source.len(), |ahead| from + ahead + 1);
    }

    fn end_tag(&mut self, open: usize) -> Option<Token> {
        if !self.byte(open + 2).is_ascii_alphabetic() {
            self.skip_to_close(open + 2);
            return None;
        }
        let name = self.name(open + 2);
        if self.byte(self.at) == b'>' {
            self.at += 1;
        } else if !self.read_attributes() {
            return Some(Token::EndOfFile);
        }
        Some(Token::End { name })
    }

    fn start_tag(&mut self, open: usize) -> Token {
        let name = self.name(open + 1);
        self.attributes = Attributes::default();
        if self.byte(self.at) == b'>' {
            self.at += 1;
        } else if !self.read_attributes() {
            return Token::EndOfFile;
        }
        Token::Start { name }
    }

    /// True if the tag before here closes itself.
    pub fn self_closing(&self) -> bool {
        self.at >= 2 && self.source[self.at - 2] == b'/'
    }

    fn name(&mut self, start: usize) -> Span {
        let rest = &self.source[start..];
        let size = rest.iter().position(|&byte| is_space(byte) || byte == b'/' || byte == b'>').unwrap_or(rest.len());
        self.at = start + size;
        Span::new(start, self.at)
    }

    /// Read up to the end of a tag. False if the source ends first: then there is no tag.
    fn read_attributes(&mut self) -> bool {
        let mut at = self.at;
        loop {
            match self.attribute(at) {
                Step::Attribute { name, value, end } => {
                    at = end;
                    self.note(name, value);
                }
                Step::TagEnd(end) => {
                    self.at = end;
                    return true;
                }
                Step::SourceEnd => {
                    self.at = self.source.len();
                    return false;
                }
            }
        }
    }

    /// The attribute that comes next in a tag.
    #[inline(always)]
    fn attribute(&self, mut at: usize) -> Step {
        let source = self.source;
        at += length(&source[at.min(source.len())..], BETWEEN);
        if at >= source.len() {
            return Step::SourceEnd;
        }
        if source[at] == b'>' {
            return Step::TagEnd(at + 1);
        }
        let start = at;
        at += 1; // a `=` here is of the name
        at += length(&source[at..], NAME);
        let name = (start, at);
        while at < source.len() && is_space(source[at]) {
            at += 1;
        }
        let mut value = Span::new(at, at);
        if at < source.len() && source[at] == b'=' {
            at += 1;
            while at < source.len() && is_space(source[at]) {
                at += 1;
            }
            (value, at) = self.value(at);
        }
        if at > source.len() {
            return Step::SourceEnd;
        }
        Step::Attribute { name, value, end: at }
    }

    /// The value that begins here, and its end including the quote; beyond the source if it does not end.
    #[inline]
    fn value(&self, at: usize) -> (Span, usize) {
        let source = self.source;
        match self.byte(at) {
            quote @ (b'"' | b'\'') => match memchr(quote, &source[at + 1..]) {
                Some(size) => (Span::new(at + 1, at + 1 + size), at + size + 2),
                None => (Span::default(), source.len() + 1),
            },
            _ => {
                let rest = &source[at..];
                let size = rest.iter().position(|&byte| is_space(byte) || byte == b'>').unwrap_or(rest.len());
                (Span::new(at, at + size), at + size)
            }
        }
    }

    #[inline]
    fn note(&mut self, (start, end): (usize, usize), value: Span) {
        let size = end - start;
        if size > LONGEST_ATTRIBUTE {
            return;
        }
        let mut lower = [0; LONGEST_ATTRIBUTE];
        for (lower, byte) in lower.iter_mut().zip(&self.source[start..end]) {
            *lower = byte.to_ascii_lowercase();
        }
        if let Some(slot @ None) = self.attributes.slot(&lower[..size]) {
            *slot = Some(value);
        }
    }

    /// Read the text of a raw element up to its end tag, which is not consumed.
    pub fn raw_text(&mut self, name: &[u8], script: bool) -> Span {
        let start = self.at;
        let mut nested = Nested::None;
        while let Some(ahead) = memchr2(b'<', if script { b'-' } else { b'<' }, &self.source[self.at..]) {
            let at = self.at + ahead;
            self.at = at + 1;
            if self.source[at] == b'-' {
                if self.source[at..].starts_with(b"-->") {
                    nested = Nested::None;
                }
            } else if script && self.source[at..].starts_with(b"<!--") {
                nested = if nested == Nested::None { Nested::Comment } else { nested };
                // The dashes may be those of `-->` too.
                self.at = at + 2;
            } else if script && nested == Nested::Comment && self.is_tag(at + 1, b"script") {
                nested = Nested::Script;
            } else if self.byte(at + 1) == b'/' && self.is_tag(at + 2, name) {
                if nested == Nested::Script {
                    nested = Nested::Comment;
                } else {
                    self.at = at;
                    return Span::new(start, at);
                }
            }
        }
        self.at = self.source.len();
        Span::new(start, self.at)
    }

    /// All that is left.
    pub fn rest(&mut self) -> Span {
        let start = std::mem::replace(&mut self.at, self.source.len());
        Span::new(start, self.at)
    }

    fn is_tag(&self, at: usize, name: &[u8]) -> bool {
        let end = at + name.len();
        self.source.get(at..end).is_some_and(|found| found.eq_ignore_ascii_case(name))
            && (is_space(self.byte(end)) || matches!(self.byte(end), b'/' | b'>'))
    }
}

/// The nesting of a script's text in a comment that contains a script.
#[derive(Clone, Copy, PartialEq)]
enum Nested {
    None,
    Comment,
    Script,
}
