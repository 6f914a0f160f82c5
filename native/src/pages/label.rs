//! The charset that a page names near its beginning. Twin: `refinery.kernels.reference.labels.meta_label`.

use memchr::{memchr, memchr2_iter, memmem};

// As in the twin.
const PRESCAN: usize = 1 << 14;
const LABELS: usize = 4;
const XML_GAP: usize = 200;
const BLANKS: usize = 9;
const LABEL: usize = 40;

/// The labels in meta elements and an XML declaration, in their order, as far as they are looked at.
pub fn meta_labels(data: &[u8]) -> Vec<&[u8]> {
    let head = &data[..data.len().min(PRESCAN)];
    let mut found = Vec::new();
    if occurrences(head, b"charset").next().is_some() {
        in_metas(head, &mut found);
    }
    found.extend(in_xml(head));
    found.truncate(LABELS);
    found
}

/// The place of a name, in any case; `name` is in small letters.
fn occurrences<'a>(text: &'a [u8], name: &'static [u8]) -> impl Iterator<Item = usize> + 'a {
    memchr2_iter(name[0], name[0].to_ascii_uppercase(), text).filter(move |at| begins(&text[*at..], name))
}

fn begins(text: &[u8], name: &[u8]) -> bool {
    text.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name))
}

fn in_metas<'a>(head: &'a [u8], found: &mut Vec<&'a [u8]>) {
    let mut place = 0;
    while let Some(ahead) = memchr(b'<', &head[place..]) {
        let open = place + ahead;
        let inner = &head[open + 1..];
        let size = match inner.first() {
            Some(b'!') if inner.starts_with(b"!--") => comment(inner),
            Some(b'!' | b'/' | b'?') => memchr(b'>', inner).unwrap_or(inner.len()),
            Some(first) if first.is_ascii_alphabetic() => {
                let name = inner.iter().position(|byte| blank(*byte) || b"/>".contains(byte)).unwrap_or(inner.len());
                let raw = [&b"script"[..], b"style"].into_iter().find(|raw| inner[..name].eq_ignore_ascii_case(raw));
                match raw.filter(|_| name < inner.len()) {
                    Some(raw) => name + raw_text(&inner[name..], raw),
                    None => {
                        let mut meta = Meta::default();
                        let end = meta.read(inner, name);
                        if inner[..name].eq_ignore_ascii_case(b"meta") {
                            found.extend(meta.label());
                        }
                        end
                    }
                }
            }
            _ => 0,
        };
        place = open + 1 + size;
    }
}

/// The length of the comment that begins behind a `<`.
fn comment(inner: &[u8]) -> usize {
    let text = &inner[3..];
    let ends = |mark: &[u8]| text.starts_with(mark).then_some(3 + mark.len());
    ends(b">")
        .or_else(|| ends(b"->"))
        .unwrap_or_else(|| memmem::find(text, b"-->").map_or(inner.len(), |end| 3 + end + 3))
}

/// The bytes up to the name of the end tag, that included.
fn raw_text(text: &[u8], name: &[u8]) -> usize {
    let mut ends = memmem::find_iter(text, b"</").filter(|end| begins(&text[end + 2..], name));
    ends.next().map_or(text.len(), |end| end + 2 + name.len())
}

/// Attributes of a meta element, the first of each name.
#[derive(Default)]
struct Meta<'a> {
    charset: Option<&'a [u8]>,
    pragma: Option<&'a [u8]>,
    content: Option<&'a [u8]>,
}

impl<'a> Meta<'a> {
    /// Read the attributes from `place` on, and return their end.
    fn read(&mut self, text: &'a [u8], mut place: usize) -> usize {
        let count =
            |from: usize, test: &dyn Fn(u8) -> bool| text[from..].iter().take_while(|byte| test(**byte)).count();
        loop {
            let start = place + count(place, &|byte| blank(byte) || byte == b'/');
            if text.get(start).is_none_or(|byte| *byte == b'>') {
                return place;
            }
            let end = start + 1 + count(start + 1, &|byte| !blank(byte) && !b"/>=".contains(&byte));
            let equals = end + count(end, &blank);
            let mut value = None;
            if text.get(equals) == Some(&b'=') {
                let begin = equals + 1 + count(equals + 1, &blank);
                value = match text.get(begin) {
                    Some(quote @ (b'"' | b'\'')) => {
                        memchr(*quote, &text[begin + 1..]).map(|size| (begin + 1, begin + 1 + size, 1))
                    }
                    _ => Some((begin, begin + count(begin, &|byte| !blank(byte) && byte != b'>'), 0)),
                };
            }
            let (from, to, quote) = value.unwrap_or((end, end, 0));
            let slot = match text[start..end].to_ascii_lowercase().as_slice() {
                b"charset" => Some(&mut self.charset),
                b"http-equiv" => Some(&mut self.pragma),
                b"content" => Some(&mut self.content),
                _ => None,
            };
            if let Some(slot) = slot {
                slot.get_or_insert(&text[from..to]);
            }
            place = to + quote;
        }
    }

    fn label(&self) -> Option<&'a [u8]> {
        if let Some(charset) = self.charset {
            return value(charset);
        }
        let pragma = self.pragma?;
        let begin = pragma.iter().position(|byte| !blank(*byte))?;
        let end = pragma.iter().rposition(|byte| !blank(*byte))?;
        if !pragma[begin..=end].eq_ignore_ascii_case(b"content-type") {
            return None;
        }
        let content = self.content?;
        occurrences(content, b"charset")
            .find_map(|at| value(after_blanks(&content[at + b"charset".len()..]).strip_prefix(b"=")?))
    }
}

/// The label that a value is, behind blanks and quotation marks.
fn value(text: &[u8]) -> Option<&[u8]> {
    let odd = |byte: &u8| blank(*byte) || b"\"'".contains(byte);
    let begin = text.iter().take(BLANKS).take_while(|byte| odd(byte)).count();
    label(&text[begin..], |byte| odd(byte) || b"/>;,".contains(byte))
}

/// The rest after each `name` and one blank, in any case.
fn tags<'a>(head: &'a [u8], name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    memchr::memchr_iter(b'<', head).filter_map(move |at| {
        let tag = head.get(at..at + name.len() + 1)?;
        (tag[..name.len()].eq_ignore_ascii_case(name) && blank(tag[name.len()])).then(|| &head[at + name.len() + 1..])
    })
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

/// White space in bytes, as in a regular expression of Python.
fn blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The label in a Content-Type field of printable ASCII; empty if there is none.
pub fn header_label(content_type: &str) -> &str {
    let text = content_type.as_bytes();
    let found = (0..text.len()).find_map(|at| {
        let behind =
            text[at..].get(..7).filter(|name| name.eq_ignore_ascii_case(b"charset")).map(|_| &text[at + 7..])?;
        label(unquoted(behind)?, |byte| blank(*byte) || b"\"';,".contains(byte))
    });
    found.and_then(|label| std::str::from_utf8(label).ok()).unwrap_or("")
}
