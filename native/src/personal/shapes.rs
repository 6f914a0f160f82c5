//! Shapes with letters: e-mail addresses, bank accounts, hexadecimal addresses, private keys.

use memchr::memmem::{find, rfind};
use memchr::{memchr, memchr_iter};

use super::places::{follows, is_word, run, scan, word_at, Ranges};

const LOCAL_BYTES: usize = 64;
const DOMAIN_BYTES: usize = 253;
const HEX_BYTES: usize = 48;
const PEM_BEGIN: &[u8] = b"-----BEGIN ";
const PEM_END: &[u8] = b"PRIVATE KEY-----";
const PEM_LABEL: usize = 32;
const PEM_BYTES: usize = 16_384;
const IBAN_LEAST: usize = 11;
const IBAN_MOST: usize = 30;

/// At signs with a local part before and a domain with a dot behind.
pub fn emails(data: &[u8], found: &mut Ranges) {
    let local = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+'-".contains(byte);
    for at in memchr_iter(b'@', data) {
        let before = &data[at.saturating_sub(LOCAL_BYTES + 1)..at];
        let size = before.iter().rev().take_while(|byte| local(byte)).count();
        let end = run(data, at + 1, usize::MAX, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
        let domain = &data[at + 1..end];
        let sized = (1..=LOCAL_BYTES).contains(&size) && domain.len() <= DOMAIN_BYTES;
        if sized && memchr(b'.', domain).is_some() {
            found.push((at - size, end));
        }
    }
}

/// Two capital letters and two digits, and what an account number may have in groups.
pub fn ibans(data: &[u8], found: &mut Ranges) {
    let matched = |start| {
        let head = data.get(start..start + 4)?;
        let country = head[..2].iter().all(u8::is_ascii_uppercase) && head[2..].iter().all(u8::is_ascii_digit);
        if !country || follows(data, start, |_| false) {
            return None;
        }
        let (mut end, mut count) = (start + 4, 0);
        while count < IBAN_MOST {
            let gap = match data.get(end..).unwrap_or_default() {
                [b' ' | b'-', ..] => 1,
                [0xc2, 0xa0, ..] => 2,
                _ => 0,
            };
            if !data.get(end + gap).is_some_and(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
                break;
            }
            end += gap + 1;
            count += 1;
        }
        (count >= IBAN_LEAST).then_some(end)
    };
    let capitals = data.iter().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase()).map(|(place, _)| place);
    scan(capitals, |_| Some(0), matched, found);
}

/// Hexadecimal digits with at least two colons; then six pairs with dashes.
pub fn hexadecimal(data: &[u8], found: &mut Ranges) {
    let part = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
    let mut at = 0;
    while let Some(next) = data.get(at..).and_then(|rest| memchr(b':', rest)) {
        let colon = at + next;
        let before = data[at..colon].iter().rev().take_while(|byte| part(**byte)).count();
        let (start, end) = (colon - before, run(data, colon, usize::MAX, part));
        let colons = data[colon..end].iter().filter(|byte| **byte == b':').count();
        let free = !follows(data, start, |_| false) && !word_at(data, end);
        if colons >= 2 && end - start <= HEX_BYTES && free {
            found.push((start, end));
        }
        at = end;
    }
    let dashed = |start| {
        if follows(data, start, |byte| byte == b'-') {
            return None;
        }
        let whole = data.get(start..start + 17)?;
        let fits = |(place, byte): (usize, &u8)| if place % 3 == 2 { *byte == b'-' } else { byte.is_ascii_hexdigit() };
        let free = !data.get(start + 17).is_some_and(|byte| is_word(*byte) || *byte == b'-');
        (whole.iter().enumerate().all(fits) && free).then_some(start + 17)
    };
    scan(memchr_iter(b'-', data), |_| Some(2), dashed, found);
}

/// Private keys in armour, from the first line to the last; to the end of the key where that one is missing.
pub fn private_keys(data: &[u8], found: &mut Ranges) {
    let mut from = 0;
    while let Some(next) = data.get(from..).and_then(|rest| find(rest, PEM_END)) {
        let at = from + next;
        let body = at + PEM_END.len();
        let label = at.saturating_sub(PEM_LABEL);
        from = body;
        if let Some(begin) = rfind(&data[label..at], PEM_BEGIN) {
            let inside = &data[body..data.len().min(body + PEM_BYTES)];
            let base64 =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\r' | b'\n' | b' ');
            let end = find(inside, PEM_END)
                .map_or_else(|| run(data, body, PEM_BYTES, base64), |last| body + last + PEM_END.len());
            found.push((label + begin, end));
            from = end;
        }
    }
}
