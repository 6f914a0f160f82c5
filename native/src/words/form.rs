//! The form of a chunk: what a tokenizer can see of it. Twin: `Chunks._runs` of `refinery.kernels.reference.chunks`.

use std::collections::HashSet;

use crate::classes::{Classes, ALPHA};

const LONGEST_RUN: usize = 60;
const MOST_RUNS: usize = 4;
const MOST_MARKS: usize = 8;

/// A run of letters or of digits, or one mark.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Letters,
    Digits,
    Mark,
}

/// A part of a chunk, in bytes of the chunk and of its form.
#[derive(Clone, Copy)]
struct Part {
    kind: Kind,
    start: usize,
    end: usize,
    form: usize, // where it starts in the form
}

/// Makes forms, with memory that is kept from chunk to chunk.
#[derive(Default)]
pub struct Forms {
    parts: Vec<Part>,
    pub form: String,
}

impl Forms {
    /// Make the form of a chunk. Return false if it has none.
    pub fn make(&mut self, chunk: &str, exceptions: &HashSet<String>, classes: Classes<'_>) -> bool {
        if !self.split(chunk, classes) || !self.is_regular(chunk, exceptions) {
            return false;
        }
        self.shorten(chunk);
        let form = |at: usize| {
            &self.form[self.parts[at].form..self.parts.get(at + 1).map_or(self.form.len(), |next| next.form)]
        };
        (0..self.parts.len()).all(|at| self.parts[at].kind == Kind::Mark || !exceptions.contains(form(at)))
    }

    /// The place in the chunk of a place in the form, unless that is within a part.
    pub fn moved(&self, place: usize) -> Option<usize> {
        let found = self.parts.binary_search_by_key(&place, |part| part.form);
        found.ok().map(|at| self.parts[at].start)
    }

    /// Divide into parts. Return false if they are too many, or one is a character that no form has.
    fn split(&mut self, chunk: &str, classes: Classes<'_>) -> bool {
        self.parts.clear();
        let (mut runs, mut marks) = (0, 0);
        for (at, character) in chunk.char_indices() {
            let kind = if character.is_ascii_digit() {
                Kind::Digits
            } else if classes.of(character) & ALPHA != 0 {
                Kind::Letters
            } else if is_mark(character) {
                Kind::Mark
            } else {
                return false;
            };
            let end = at + character.len_utf8();
            match self.parts.last_mut() {
                Some(last) if last.kind == kind && kind != Kind::Mark => last.end = end,
                _ => {
                    self.parts.push(Part { kind, start: at, end, form: 0 });
                    *(if kind == Kind::Mark { &mut marks } else { &mut runs }) += 1;
                    if runs > MOST_RUNS || marks > MOST_MARKS {
                        return false;
                    }
                }
            }
        }
        runs > 0
    }

    /// False if a run is a part of an exception, too long, or may be a part of an address.
    fn is_regular(&self, chunk: &str, exceptions: &HashSet<String>) -> bool {
        let is_run = |part: &Part| part.kind != Kind::Mark;
        let first = self.parts.iter().position(is_run).unwrap_or(0);
        let last = self.parts.iter().rposition(is_run).unwrap_or(0);
        let mut dots = 0;
        for (at, part) in self.parts.iter().enumerate() {
            let text = &chunk[part.start..part.end];
            if is_run(part) {
                let long = text.len() > LONGEST_RUN && text.chars().count() > LONGEST_RUN;
                let odd = (self.follows_apostrophe(chunk, at) && text.chars().count() > 3)
                    || (self.precedes_apostrophe(chunk, at) && !text.is_ascii())
                    || (at > 0 && is_run(&self.parts[at - 1]));
                if long || odd || exceptions.contains(text) {
                    return false;
                }
            } else if text == "$" && at > 0 && is_run(&self.parts[at - 1]) {
                return false;
            } else if first < at && at < last && matches!(text, "." | ":") {
                dots += 1;
                let between = self.parts[at - 1].kind == Kind::Digits && self.parts[at + 1].kind == Kind::Digits;
                if dots > 1 || !between {
                    return false;
                }
            }
        }
        true
    }

    fn shorten(&mut self, chunk: &str) {
        self.form.clear();
        for at in 0..self.parts.len() {
            let Part { kind, start, end, .. } = self.parts[at];
            let text = &chunk[start..end];
            self.parts[at].form = self.form.len();
            if kind == Kind::Mark || self.follows_apostrophe(chunk, at) {
                self.form.push_str(text);
                continue;
            }
            let kept = if self.precedes_apostrophe(chunk, at) { 2 } else { 0 };
            let (first, middle, last) = (text.chars().next(), text.chars().rev().nth(2), text.chars().rev());
            let mut ends = ['\0'; 3];
            let mut count = 0;
            for (place, character) in last.take(2).enumerate() {
                ends[place] = if place < kept { character } else { letter(character) };
                count += 1;
            }
            if middle.is_some() {
                self.form.extend(first.map(letter));
            }
            self.form.extend(ends[..count].iter().rev());
        }
    }

    fn follows_apostrophe(&self, chunk: &str, at: usize) -> bool {
        at > 0 && is_apostrophe(&chunk[self.parts[at - 1].start..self.parts[at - 1].end])
    }

    fn precedes_apostrophe(&self, chunk: &str, at: usize) -> bool {
        self.parts.get(at + 1).is_some_and(|next| is_apostrophe(&chunk[next.start..next.end]))
    }
}

fn is_apostrophe(text: &str) -> bool {
    matches!(text, "'" | "’")
}

fn is_mark(character: char) -> bool {
    matches!(
        character,
        ',' | '.'
            | ';'
            | ':'
            | '!'
            | '?'
            | '('
            | ')'
            | '['
            | ']'
            | '"'
            | '“'
            | '”'
            | '…'
            | '-'
            | '–'
            | '—'
            | '/'
            | '%'
            | '$'
            | '\''
            | '’'
    )
}

/// One letter for all of ASCII of its case, and one digit for all digits.
fn letter(character: char) -> char {
    match character {
        '0'..='9' => '7',
        'A'..='Z' => 'Q',
        'a'..='z' => 'q',
        other => other,
    }
}
