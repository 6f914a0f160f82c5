//! Flags of an element from its attributes: hidden, its role, its property.

use super::scanner::{Attributes, Span};
use super::tags::Tag;
use super::tree::{COMMENT, HIDDEN, NOSCRIPT, PROP_ARTICLE, PROP_OTHER, PROP_TEXT, ROLE_CHROME, ROLE_MAIN};

/// The flags of an element, without those it inherits.
pub fn flags_of(source: &[u8], tag: Tag, attributes: &Attributes) -> u8 {
    let value = |span: Option<Span>| span.map(|span| span.of(source)).unwrap_or_default();
    let mut flags = if tag == Tag::Noscript { NOSCRIPT } else { 0 };
    let hidden = attributes.hidden.is_some()
        || value(attributes.aria_hidden).eq_ignore_ascii_case(b"true")
        || attributes.style.is_some_and(|style| is_display_none(style.of(source)));
    flags |= if hidden { HIDDEN } else { 0 };
    if attributes.role.is_some() {
        flags |= match &value(attributes.role).to_ascii_lowercase()[..] {
            b"main" => ROLE_MAIN,
            b"navigation" | b"banner" | b"contentinfo" | b"complementary" | b"search" => ROLE_CHROME,
            _ => 0,
        };
    }
    if attributes.itemprop.is_some() {
        let property = value(attributes.itemprop).to_ascii_lowercase();
        let has = |part: &[u8]| memchr::memmem::find(&property, part).is_some();
        flags |= if property == b"comment" { COMMENT } else { 0 };
        flags |= match () {
            () if has(b"article") => PROP_ARTICLE,
            () if has(b"text") || has(b"description") || has(b"reviewbody") => PROP_TEXT,
            () => PROP_OTHER,
        };
    }
    let kind = value(attributes.itemtype).trim_ascii_end();
    flags |= if kind.ends_with(b"/Comment") || kind.ends_with(b"/UserComments") { COMMENT } else { 0 };
    flags
}

/// True if a style attribute contains `display: none`.
fn is_display_none(style: &[u8]) -> bool {
    let mut rest = style;
    while let Some(at) = memchr::memmem::find(rest, b"none") {
        let before = rest[..at].trim_ascii_end();
        if let Some(before) = before.strip_suffix(b":") {
            let before = before.trim_ascii_end();
            if before[before.len().saturating_sub(7)..].eq_ignore_ascii_case(b"display") {
                return true;
            }
        }
        rest = &rest[at + 4..];
    }
    false
}
