//! The codings of an HTTP body, undone. Twin: `refinery.kernels.reference.payload`.
//!
//! Brotli, zstd, and whatever is damaged, too large, or may have a coding without a name is left to the twin.

use std::borrow::Cow;

use super::inflate::{inflate, Stream, Wrapper};

// As in the twin.
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
const LAYERS: usize = 6;

/// A body without its codings, and notes.
pub type Unpacked<'a> = (Cow<'a, [u8]>, Vec<String>);

/// The body, if it has at most `most` bytes when unpacked; the codings are values of header fields in printable ASCII.
pub fn unpack<'a>(body: &'a [u8], transfer: &[&str], content: &[&str], most: usize) -> Option<Unpacked<'a>> {
    let mut notes = Vec::new();
    let mut data = Cow::Borrowed(body);
    if transfer.join(",").to_ascii_lowercase().contains("chunked") {
        let note;
        (data, note) = dechunked(body)?;
        notes.extend(note);
    }
    for coding in codings(content, transfer) {
        if let Some(inner) = decoded(&data, &coding, most, &mut notes)? {
            data = Cow::Owned(inner);
        }
    }
    (data.len() <= most && (data.is_empty() || printable(&data))).then_some((data, notes))
}

/// Names of the codings in the order in which they are undone.
fn codings(content: &[&str], transfer: &[&str]) -> Vec<String> {
    let values = content.iter().chain(transfer).flat_map(|value| value.split(','));
    let names = values.map(|name| name.trim_matches([' ', '\t', '"', '\'']).to_ascii_lowercase());
    let mut names: Vec<_> = names.map(|name| name.strip_prefix("x-").unwrap_or(&name).to_owned()).collect();
    names.retain(|name| !matches!(name.as_str(), "" | "identity" | "none" | "chunked"));
    names.reverse();
    names.truncate(LAYERS);
    names
}

/// The bytes in the chunks, and notes; the bytes themselves if they are not chunked; `None` if
/// the chunks break.
fn dechunked(data: &[u8]) -> Option<(Cow<'_, [u8]>, Option<String>)> {
    let mut out = Vec::new();
    let mut place = 0;
    while let Some((size, begin)) = chunk(data, place) {
        if size == 0 {
            return Some((Cow::Owned(out), None));
        }
        let end = begin.saturating_add(size);
        if end > data.len() {
            out.extend_from_slice(&data[begin..]);
            return Some((Cow::Owned(out), Some("the chunked coding ends early".to_owned())));
        }
        out.extend_from_slice(&data[begin..end]);
        let rest = &data[end..];
        place = end + if rest.starts_with(b"\r\n") { 2 } else { usize::from(rest.starts_with(b"\n")) };
    }
    if place == 0 {
        return Some((Cow::Borrowed(data), (!data.is_empty()).then(|| "named chunked, but is not".to_owned())));
    }
    (place >= data.len()).then(|| (Cow::Owned(out), Some("the chunked coding ends early".to_owned())))
}

/// The size of the chunk whose line is here, and the beginning of its bytes.
fn chunk(data: &[u8], place: usize) -> Option<(usize, usize)> {
    let count = |from: usize, most: usize, test: fn(&u8) -> bool| {
        data[from..].iter().take(most).take_while(|byte| test(byte)).count()
    };
    let blank: fn(&u8) -> bool = |byte| matches!(byte, b' ' | b'\t');
    let digits = place + count(place, 16, blank);
    let first = digits + count(digits, 64, |byte| *byte == b'0');
    let behind = first + count(first, 15, u8::is_ascii_hexdigit);
    let size = usize::from_str_radix(std::str::from_utf8(&data[digits..behind]).ok()?, 16).ok()?;
    let mut end = behind + count(behind, 16, blank);
    if data.get(end) == Some(&b';') {
        end += 1 + count(end + 1, 1024, |byte| !matches!(byte, b'\r' | b'\n'));
    }
    end += usize::from(data.get(end) == Some(&b'\r'));
    (data.get(end) == Some(&b'\n')).then_some((size, end + 1))
}

/// The decoded bytes of a coding; `Some(None)`, with a note, for bytes without it.
fn decoded(data: &[u8], coding: &str, most: usize, notes: &mut Vec<String>) -> Option<Option<Vec<u8>>> {
    let has_it = match coding {
        "gzip" => data.starts_with(GZIP),
        "zstd" => data.starts_with(ZSTD),
        "deflate" | "br" => !printable(data),
        _ => {
            let simple = coding.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./+ ".contains(&byte));
            notes.push(format!("unknown coding '{}'", &coding[..coding.len().min(40)]));
            return simple.then_some(None);
        }
    };
    if data.is_empty() {
        return Some(None);
    }
    if !has_it {
        notes.push(format!("named {coding}, but is not"));
        return Some(None);
    }
    let wrapper = match coding {
        "gzip" => Wrapper::Gzip,
        "deflate" if has_zlib(data)? => Wrapper::Zlib,
        "deflate" => Wrapper::None,
        _ => return None,
    };
    let mut out = Vec::new();
    match inflate(data, wrapper, &mut out, most) {
        Stream::Whole { used, made } if !data[used..].starts_with(GZIP) => {
            out.truncate(made);
            Some(Some(out))
        }
        _ => None,
    }
}

/// True if the bytes begin as a page does, so that they cannot be packed.
fn printable(data: &[u8]) -> bool {
    let begin = &data[..data.len().min(64)];
    begin.iter().find(|byte| !b"\xef\xbb\xbf \t\r\n\x0c".contains(byte)) == Some(&b'<')
}

fn has_zlib(data: &[u8]) -> Option<bool> {
    let head: [u8; 2] = data.get(..2)?.try_into().ok()?;
    Some(head[0] & 0x0F == 8 && u16::from_be_bytes(head).is_multiple_of(31))
}
