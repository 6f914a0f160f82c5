//! The texts of the states that a page's scripts start from: JSON alone in a script, or the value that a script assigns
//! to a name.

use std::collections::HashMap;

use super::clean::is_spaceless;
use super::data::{Data, Limit};
use super::json::{unescape, Event, Json};
use super::page::Page;
use super::scanner::Span;
use super::stats::ends_sentence;
use super::tree::hash;

/// Bytes before a value that a script assigns to a name.
const LONGEST_NAME: usize = 100;

/// The longest word, on average, and fewest terms of a string that is prose.
const LONGEST_TERM: u32 = 12;
const FEWEST_TERMS: u32 = 12;

/// The terms of all strings of one name, and of those that are prose.
type Masses = HashMap<u64, (u32, u32)>;

/// The texts of scripts: the strings of names that have mostly prose, and not much less of it than another name.
pub fn state(page: &Page) -> Data {
    let mut data = Data::default();
    let mut limit = Limit::of(page.source);
    let mut found = Vec::new();
    for &script in &page.tree.head.scripts {
        read(page.source.as_bytes(), script, &mut found, &mut data, &mut limit);
    }
    let mut masses = Masses::new();
    let mut text = String::new();
    for &(span, name) in &found {
        text.clear();
        unescape(page.text(span), &mut text);
        let (terms, prose) = looks(&text);
        let mass = masses.entry(name).or_default();
        mass.0 += terms;
        mass.1 += if prose { terms } else { 0 };
    }
    let most = masses.values().map(|mass| mass.1).max().unwrap_or(0);
    for (span, name) in found {
        let (terms, prose) = masses[&name];
        if prose > 0 && u64::from(prose) * 10 >= u64::from(terms) * 7 && prose >= most / 2 {
            data.push(page.text(span), false);
        }
    }
    data
}

/// The strings of a script that is data, each with a hash of its name and of that of the object it is in.
fn read(source: &[u8], mut part: Span, found: &mut Vec<(Span, u64)>, data: &mut Data, limit: &mut Limit) {
    while let Some(start) = value(source, part) {
        let before = found.len();
        let mut json = Json::new(source, Span { start, end: part.end });
        while let Some(event) = json.next() {
            let Event::Text(span) = event else { continue };
            if !limit.take() {
                data.cut = true;
                return;
            }
            let [name, above] = json.names();
            found.push((span, u64::from(hash(above)) << 32 | u64::from(hash(name))));
        }
        data.cut |= json.deep;
        if !json.done {
            return found.truncate(before); // it is code
        }
        part.start = json.at as u32;
    }
}

/// The beginning of the next object or array that a script consists of or assigns to a name; none if something else
/// comes.
fn value(source: &[u8], part: Span) -> Option<u32> {
    let text = part.of(source);
    let opens = |at: usize| matches!(text.get(at), Some(b'{' | b'['));
    let first = blanks(text, 0);
    if opens(first) {
        return Some(part.start + first as u32);
    }
    let is_name = |&byte: &u8| byte.is_ascii_alphanumeric() || b"_$.[]'\"; \t\r\n".contains(&byte);
    let name = text.iter().take(LONGEST_NAME).take_while(|byte| is_name(byte)).count();
    let at = blanks(text, name + 1);
    (text.get(name) == Some(&b'=') && opens(at)).then_some(part.start + at as u32)
}

/// The end of the white space.
fn blanks(text: &[u8], from: usize) -> usize {
    from + text.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// The number of terms of a text, and true if it is prose.
fn looks(text: &str) -> (u32, bool) {
    let (mut terms, mut letters, mut marks, mut code, mut spaces) = (0, 0, 0, 0, 0);
    let (mut in_term, mut in_tag) = (false, false);
    let mut before = ' ';
    for character in text.chars() {
        let last = std::mem::replace(&mut before, character);
        in_tag |= last == '<' && (character.is_ascii_alphabetic() || character == '/');
        if in_tag {
            in_tag = character != '>';
            in_term = false;
            continue;
        }
        let wide = matches!(character, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}') || is_spaceless(character);
        let term = character.is_alphanumeric();
        terms += u32::from(term && (wide || !in_term));
        letters += u32::from(term);
        in_term = term && !wide;
        spaces += u32::from(character == ' ' || wide);
        // Thai and Lao end a sentence with a space.
        marks += u32::from(ends_sentence(character) || character == ' ' && is_spaceless(last));
        code += u32::from(matches!(
            character,
            '{' | '}' | '=' | ';' | '/' | '\\' | '_' | '|' | '#' | '@' | '%' | '[' | '"'
        ));
    }
    (
        terms,
        terms >= FEWEST_TERMS
            && marks > 0
            && code * 8 <= terms
            && letters <= terms * LONGEST_TERM
            && spaces * 2 >= terms,
    )
}
