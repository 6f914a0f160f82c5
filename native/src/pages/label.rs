//! The charset that a page names near its beginning. Twin: `refinery.kernels.reference.charset.meta_label`.

use memchr::memmem;

/// Bytes that are looked at, as in the twin.
const PRESCAN: usize = 1 << 14;
const META_GAP: usize = 1024;
const XML_GAP: usize = 200;
const BLANKS: usize = 9;
const LABEL: usize = 40;

/// The label in a meta element or an XML declaration; empty where there is none.
pub fn meta_label(data: &[u8]) -> Vec<u8> {
    let head = &data[..data.len().min(PRESCAN)];
    let named = memmem::find(head, b"harset").is_some() || memmem::find(head, b"HARSET").is_some();
    if !named && memmem::find(&head[..head.len().min(100)], b"<?xml").is_none() {
        return Vec::new();
    }
    let shown = without_comments(head);
    in_meta(&shown).or_else(|| in_xml(head)).map(<[u8]>::to_vec).unwrap_or_default()
}

fn without_comments(head: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(head.len());
    let mut rest = head;
    while let Some(begin) = memmem::find(rest, b"<!--") {
        shown.extend_from_slice(&rest[..begin]);
        let inner = &rest[begin + 4..];
        rest = memmem::find(inner, b"-->").map_or(&[], |end| &inner[end + 3..]);
    }
    shown.extend_from_slice(rest);
    shown
}

fn in_meta(head: &[u8]) -> Option<&[u8]> {
    tags(head, b"<meta").find_map(|inner| {
        let open = inner.iter().take(META_GAP + 1).take_while(|byte| **byte != b'>').count();
        (0..=open.min(META_GAP)).find_map(|gap| named(&inner[gap..], b"charset"))
    })
}

/// What follows each `name` and one blank, in any case.
fn tags<'a>(head: &'a [u8], name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    memchr::memchr_iter(b'<', head).filter_map(move |at| {
        let tag = head.get(at..at + name.len() + 1)?;
        (tag[..name.len()].eq_ignore_ascii_case(name) && blank(tag[name.len()])).then(|| &head[at + name.len() + 1..])
    })
}

/// The label behind `name`, an equals sign and perhaps a quotation mark.
fn named<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let first = text.first()?;
    if !first.eq_ignore_ascii_case(&name[0]) || !text.get(..name.len())?.eq_ignore_ascii_case(name) {
        return None;
    }
    let value = unquoted(&text[name.len()..])?;
    let end = |byte: &u8| blank(*byte) || b"\"'/>;,".contains(byte);
    label(value, end)
}

fn unquoted(text: &[u8]) -> Option<&[u8]> {
    let text = after_blanks(after_blanks(text).strip_prefix(b"=")?);
    let inner = text.strip_prefix(b"\"").or_else(|| text.strip_prefix(b"'")).unwrap_or(text);
    Some(after_blanks(inner))
}

/// The text up to its end, at least one byte and at most as many as a label has.
fn label(text: &[u8], end: impl Fn(&u8) -> bool) -> Option<&[u8]> {
    let size = text.iter().take(LABEL).take_while(|byte| !end(byte)).count();
    (size > 0).then(|| &text[..size])
}

fn in_xml(head: &[u8]) -> Option<&[u8]> {
    let blanks = head.iter().take(99).take_while(|byte| blank(**byte)).count();
    let inner = tags(&head[blanks..], b"<?xml").next()?;
    let begins = head[blanks..].len() - inner.len() == b"<?xml ".len();
    let open = inner.iter().take(XML_GAP + 1).take_while(|byte| **byte != b'>').count();
    (0..=open.min(XML_GAP)).filter(|_| begins).find_map(|gap| {
        let text = &inner[gap..];
        let behind = text.get(..8).filter(|name| name.eq_ignore_ascii_case(b"encoding")).map(|_| &text[8..])?;
        let quoted = after_blanks(after_blanks(behind).strip_prefix(b"=")?);
        let value = quoted.strip_prefix(b"\"").or_else(|| quoted.strip_prefix(b"'"))?;
        label(value, |byte| b"\"'>".contains(byte))
    })
}

fn after_blanks(text: &[u8]) -> &[u8] {
    &text[text.iter().take(BLANKS).take_while(|byte| blank(**byte)).count()..]
}

/// What a regular expression of Python takes for white space in bytes.
fn blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The label in a Content-Type field of printable ASCII; empty where there is none.
pub fn header_label(content_type: &str) -> &str {
    let text = content_type.as_bytes();
    let found = (0..text.len()).find_map(|at| {
        let behind =
            text[at..].get(..7).filter(|name| name.eq_ignore_ascii_case(b"charset")).map(|_| &text[at + 7..])?;
        label(unquoted(behind)?, |byte| blank(*byte) || b"\"';,".contains(byte))
    });
    found.and_then(|label| std::str::from_utf8(label).ok()).unwrap_or("")
}
