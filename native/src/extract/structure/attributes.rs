//! Attributes of an element, read when they are needed.

use std::borrow::Cow;

use crate::extract::entities::Entities;
use crate::extract::scanner::{attributes, Span};

/// The value of an attribute, as the source has it; the first of several, empty if it has none.
pub fn raw<'a>(source: &'a str, markup: Span, name: &str) -> Option<&'a str> {
    let markup = source.get(markup.start as usize..markup.end as usize)?;
    attributes(markup).find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The value of an attribute with its character references decoded.
pub fn value<'a>(source: &'a str, markup: Span, name: &str, entities: &Entities) -> Option<Cow<'a, str>> {
    raw(source, markup, name).map(|raw| decoded(raw, entities))
}

/// A text with its character references decoded.
pub fn decoded<'a>(raw: &'a str, entities: &Entities) -> Cow<'a, str> {
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    let (mut made, mut buffer, mut at) = (String::with_capacity(raw.len()), String::new(), 0);
    while let Some(ahead) = memchr::memchr(b'&', &raw.as_bytes()[at..]) {
        made.push_str(&raw[at..at + ahead]);
        at += ahead;
        match entities.decode(&raw.as_bytes()[at..], &mut buffer) {
            // Between the parameters of a URL there are names that are no references: `?a=1&copy=2`.
            Some((_, size)) if raw[at..at + size].ends_with(is_name) && raw[at + size..].starts_with(continues) => {
                made.push('&');
                at += 1;
            }
            Some((characters, size)) => {
                made.push_str(characters);
                at += size;
            }
            None => {
                made.push('&');
                at += 1;
            }
        }
    }
    made.push_str(&raw[at..]);
    Cow::Owned(made)
}

fn is_name(character: char) -> bool {
    character.is_ascii_alphabetic()
}

fn continues(character: char) -> bool {
    character == '=' || character.is_ascii_alphanumeric()
}
