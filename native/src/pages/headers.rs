//! The headers of ordinary records. Twin: `stages._warc.headers`, which reads all others too.
//!
//! Every function returns `None` if the twin might read more than it does.

use memchr::{memchr, memchr_iter, memmem};

/// Bytes in which a WARC header must end: the first of the twin's limits.
const WARC_HEADER: usize = 1 << 12;

/// Bytes of a status line behind its code.
const REASON: usize = 1 << 12;

/// As in the twin.
const NO_TYPES: [&str; 2] = ["unknown/unknown", "application/unknown"];

/// As in the twin: fields that state rights, and what a value of `link` contains if it does.
const RIGHTS: [&str; 6] = ["x-robots-tag", "tdm-reservation", "tdm-policy", "content-usage", "content-signal", LINK];
const LINK: &str = "link";
const LINKED: [&str; 2] = ["license", "tdm"];
const RIGHTS_BYTES: usize = 4096;

/// The fields of a WARC header that are needed.
#[derive(Default)]
pub struct Warc<'a> {
    pub kind: String,
    pub length: usize,
    pub target: Option<&'a str>,
    pub uri: Option<&'a str>,
    pub date: Option<&'a str>,
    pub id: Option<&'a str>,
    pub payload_type: Option<&'a str>,
    pub truncated: Option<&'a str>,
    pub segment: Option<&'a str>,
}

/// The fields of an HTTP header that are needed.
pub struct Http<'a> {
    pub status: u16,
    pub content_types: Vec<&'a str>,
    pub content_codings: Vec<&'a str>,
    pub transfer_codings: Vec<&'a str>,
    rights: Vec<(usize, &'a str)>,
    pub body: &'a [u8],
}

/// The header of the record at the start of the bytes, and the beginning of its block.
pub fn warc(data: &[u8]) -> Option<(Warc<'_>, usize)> {
    let first = version_line(data)?;
    let head = &data[..data.len().min(WARC_HEADER)];
    let (end, block) = empty_line(head, first - 1)?;
    let mut found = Warc::default();
    let mut length = None;
    let mut kind = None;
    for line in Lines(head.get(first..end)?) {
        let (name, value) = line?;
        let slot = match name.as_str() {
            "warc-type" => &mut kind,
            "content-length" => &mut length,
            "warc-target-uri" => &mut found.target,
            "uri" => &mut found.uri,
            "warc-date" => &mut found.date,
            "warc-record-id" => &mut found.id,
            "warc-identified-payload-type" => &mut found.payload_type,
            "warc-truncated" => &mut found.truncated,
            "warc-segment-number" => &mut found.segment,
            _ => continue,
        };
        let value = plain(value)?;
        slot.get_or_insert(value);
    }
    found.kind = kind.filter(|kind| !kind.is_empty())?.to_ascii_lowercase();
    let digits = length.filter(|text| text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit()))?;
    found.length = digits.parse().ok()?;
    Some((found, block))
}

/// The beginning of the line after `WARC/1.0`.
fn version_line(data: &[u8]) -> Option<usize> {
    let number = data.strip_prefix(b"WARC/")?;
    let digits = number.iter().take(11).take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    if !(2..=10).contains(&digits) || !number[0].is_ascii_digit() {
        return None;
    }
    let behind = &number[digits..];
    let end = if behind.starts_with(b"\r\n") { 2 } else { usize::from(behind.starts_with(b"\n")) };
    (end > 0).then_some(b"WARC/".len() + digits + end)
}

/// The place of the line feed before an empty line, at `from` or after, and of the bytes after it.
fn empty_line(data: &[u8], from: usize) -> Option<(usize, usize)> {
    for feed in memchr_iter(b'\n', &data[from..]) {
        let rest = &data[from + feed + 1..];
        let returns = rest.iter().take(3).take_while(|byte| **byte == b'\r').count();
        if rest.get(returns) == Some(&b'\n') {
            return Some((from + feed, from + feed + 1 + returns + 1));
        }
        if rest.len() >= 5 && rest[..5].eq_ignore_ascii_case(b"WARC/") {
            return None; // a header without an end, perhaps
        }
    }
    None
}

/// The lines of a header that have a name: the name in small letters, and the value as it stands. `None` for a line
/// that is folded or has an odd name.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = Option<(String, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.is_empty() {
            let end = memchr(b'\n', self.0).unwrap_or(self.0.len());
            let line = &self.0[..end];
            self.0 = &self.0[(end + 1).min(self.0.len())..];
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                return Some(None);
            }
            let Some(colon) = memchr(b':', line) else { continue };
            let Some(name) = plain(&line[..colon]) else { return Some(None) };
            if !name.is_empty() {
                return Some(Some((name.to_ascii_lowercase(), &line[colon + 1..])));
            }
        }
        None
    }
}

/// A text without the blanks around it, if it is printable ASCII.
fn plain(text: &[u8]) -> Option<&str> {
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let sound = text.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
    std::str::from_utf8(text).ok().filter(|_| sound).map(|text| text.trim_matches([' ', '\t']))
}

/// The HTTP response in a record's block, if its header ends within `limit` bytes, and no page or response begins in
/// it.
pub fn http(block: &[u8], limit: usize) -> Option<Http<'_>> {
    let (status, begin) = status_line(block)?;
    let (end, body) = empty_line_within(block, begin, limit)?;
    let head = block.get(begin..end).unwrap_or(b"");
    if (100..200).contains(&status) || head.starts_with(b"<") || memmem::find(head, b"\n<").is_some() {
        return None;
    }
    let mut found = Http {
        status,
        content_types: Vec::new(),
        content_codings: Vec::new(),
        transfer_codings: Vec::new(),
        rights: Vec::new(),
        body: &block[body..],
    };
    for line in Lines(head) {
        let (name, value) = line?;
        match name.as_str() {
            "content-type" => found.content_types.push(plain(value)?),
            "content-encoding" => found.content_codings.push(plain(value)?),
            "transfer-encoding" => found.transfer_codings.push(plain(value)?),
            name => {
                if let Some(place) = RIGHTS.iter().position(|field| *field == name) {
                    found.rights.push((place, plain(value)?));
                }
            }
        }
    }
    Some(found)
}

/// The fields that state rights, a line each, in the order of `RIGHTS`.
pub fn rights(response: &Http) -> Option<String> {
    let mut fields = response.rights.clone();
    fields.sort_by_key(|(place, _)| *place);
    let mut lines = String::new();
    for (place, value) in fields {
        let lower = value.to_ascii_lowercase();
        if !value.is_empty() && (RIGHTS[place] != LINK || LINKED.iter().any(|word| lower.contains(word))) {
            lines.push_str(if lines.is_empty() { "" } else { "\n" });
            lines.push_str(RIGHTS[place]);
            lines.push_str(": ");
            lines.push_str(value);
        }
    }
    lines.truncate(RIGHTS_BYTES);
    Some(lines).filter(|lines| !lines.is_empty())
}

/// The status code, and the beginning of the next line.
fn status_line(block: &[u8]) -> Option<(u16, usize)> {
    let digits = |from: usize| block[from..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = b"HTTP/".len();
    if !block.starts_with(b"HTTP/") || !(1..=3).contains(&digits(at)) {
        return None;
    }
    at += digits(at);
    if block.get(at) == Some(&b'.') {
        let minor = digits(at + 1);
        if !(1..=3).contains(&minor) {
            return None;
        }
        at += 1 + minor;
    }
    let blanks = block[at..].iter().take(17).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    at += blanks;
    if !(1..=16).contains(&blanks) || digits(at) != 3 {
        return None;
    }
    let status = std::str::from_utf8(&block[at..at + 3]).ok()?.parse().ok()?;
    let reason = memchr(b'\n', &block[at + 3..])?;
    (reason <= REASON).then_some((status, at + 3 + reason + 1))
}

fn empty_line_within(block: &[u8], begin: usize, limit: usize) -> Option<(usize, usize)> {
    let head = &block[..block.len().min(begin + limit)];
    let from = begin - 1;
    let ends = [&b"\n\n"[..], b"\n\r\n", b"\n\r\r\n", b"\n\r\r\r\n"];
    if let Some(end) = memmem::find(&head[from..], b"\n\r\n") {
        let sooner = &head[from..from + end + 1]; // most headers have no other line end than this
        if ends.iter().all(|mark| *mark == b"\n\r\n" || memmem::find(sooner, mark).is_none()) {
            return Some((from + end, from + end + 3));
        }
    }
    let first = ends.iter().filter_map(|mark| memmem::find(&head[from..], mark).map(|at| (at, mark.len()))).min()?;
    Some((from + first.0, from + first.0 + first.1))
}

/// Seconds since 1970 of a date as CommonCrawl writes it.
pub fn seconds(text: &str) -> Option<i64> {
    let bytes: &[u8; 20] = text.as_bytes().try_into().ok()?;
    let shape = b"0000-00-00T00:00:00Z";
    if bytes.iter().zip(shape).any(|(byte, mark)| if *mark == b'0' { !byte.is_ascii_digit() } else { byte != mark }) {
        return None;
    }
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let long = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days = *long.get(usize::try_from(month - 1).ok()?)?;
    if year < 1 || !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let before = year - 1;
    let day_of_year = long[..month as usize - 1].iter().sum::<i64>() + day - 1;
    let since = 365 * before + before / 4 - before / 100 + before / 400 + day_of_year - 719_162;
    Some(((since * 24 + hour) * 60 + minute) * 60 + second)
}

/// The bytes of the UUID in a record's id, if it has the form that all writers use.
pub fn uuid(text: &str) -> Option<[u8; 16]> {
    let hex = text.strip_prefix("<urn:uuid:")?.strip_suffix('>')?.as_bytes();
    if hex.len() != 36 || [8, 13, 18, 23].iter().any(|dash| hex[*dash] != b'-') {
        return None;
    }
    let mut digits = hex.iter().enumerate().filter(|(at, _)| ![8, 13, 18, 23].contains(at)).map(|(_, digit)| digit);
    let mut made = [0; 16];
    for byte in &mut made {
        let high = char::from(*digits.next()?).to_digit(16)?;
        let low = char::from(*digits.next()?).to_digit(16)?;
        *byte = (high * 16 + low) as u8;
    }
    Some(made)
}

/// The address that a record came from, without the angle brackets of old writers.
pub fn address<'a>(header: &Warc<'a>) -> Option<&'a str> {
    let text = header.target.filter(|text| !text.is_empty()).or(header.uri)?.trim_matches([' ', '\t']);
    let text = text.strip_prefix('<').unwrap_or(text);
    Some(text.strip_suffix('>').unwrap_or(text)).filter(|text| !text.is_empty())
}

/// The media type that a header names, in small letters.
pub fn media_type(header: &Warc, response: &Http) -> Option<String> {
    let declared = header.payload_type.into_iter().chain(response.content_types.iter().rev().copied());
    let mut types = declared.filter_map(|declared| {
        let token = |text: &str| {
            text.bytes()
                .take(50)
                .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'+' | b'-'))
                .count()
        };
        let slash = token(declared);
        let rest = declared[slash..].strip_prefix('/')?;
        let end = token(rest);
        (slash > 0 && end > 0).then(|| declared[..slash + 1 + end].to_ascii_lowercase())
    });
    types.find(|found| !NO_TYPES.contains(&found.as_str()))
}
