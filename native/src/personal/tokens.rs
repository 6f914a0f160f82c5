//! Runs of letters, digits, dots and dashes: keys of services, addresses of currencies, codes of persons.

use super::places::Ranges;

const KEY_BYTES: usize = 20;
const COIN_BYTES: std::ops::Range<usize> = 25..111;
const CODE_BYTES: std::ops::Range<usize> = 8..19;
const CODE_DIGITS: usize = 4;

const KEY_PREFIXES: [&[u8]; 50] = [
    b"AA",
    b"AIza",
    b"AKIA",
    b"ASIA",
    b"ATATT3",
    b"EAA",
    b"GOCSPX-",
    b"HRKU-",
    b"NRAK-",
    b"PMAK-",
    b"SG.",
    b"SK",
    b"dapi",
    b"dckr_pat_",
    b"do",
    b"dp.pt.",
    b"eyJ",
    b"figd_",
    b"gh",
    b"gl",
    b"gsk_",
    b"hf_",
    b"hvs.",
    b"key-",
    b"lin_api_",
    b"nfp_",
    b"npm_",
    b"ntn_",
    b"pat",
    b"pplx-",
    b"pul-",
    b"pypi-",
    b"r8_",
    b"rk_live_",
    b"rk_test_",
    b"rubygems_",
    b"secret_",
    b"sh",
    b"sk-",
    b"sk_live_",
    b"sk_test_",
    b"sntrys_",
    b"sq0",
    b"tskey-",
    b"whsec_",
    b"xai-",
    b"xapp-",
    b"xkeysib-",
    b"xox",
    b"ya29.",
];
const COIN_PREFIXES: [&[u8]; 12] = [b"1", b"3", b"L", b"M", b"D", b"X", b"T", b"r", b"0", b"addr1", b"bc1", b"ltc1"];

/// The tokens of a text by kind.
#[derive(Default)]
pub struct Tokens {
    pub keys: Ranges,
    pub coins: Ranges,
    pub codes: Ranges,
}

impl Tokens {
    /// Find the tokens of a text. Short ones without a digit are none.
    pub fn read(&mut self, data: &[u8]) {
        let (mut start, mut digits) = (0, 0);
        for (end, byte) in data.iter().enumerate() {
            let class = CLASSES[usize::from(*byte)];
            if class & PART != 0 {
                digits += usize::from(class & DIGIT);
                continue;
            }
            if digits > 0 || end - start >= KEY_BYTES {
                self.token(data, start, end, digits);
            }
            (start, digits) = (end + 1, 0);
        }
        if digits > 0 || data.len() - start >= KEY_BYTES {
            self.token(data, start, data.len(), digits);
        }
    }

    fn token(&mut self, data: &[u8], start: usize, end: usize, digits: usize) {
        let outer = |byte: &u8| matches!(byte, b'.' | b'_' | b'-');
        let inside = &data[start..end];
        let first = start + inside.iter().position(|byte| !outer(byte)).unwrap_or(0);
        let last = first.max(start + inside.iter().rposition(|byte| !outer(byte)).map_or(0, |place| place + 1));
        let token = &data[first..last];
        if let Some(kind) = self.kind(token, digits) {
            kind.push((first, last));
        }
    }

    fn kind(&mut self, token: &[u8], digits: usize) -> Option<&mut Ranges> {
        let size = token.len();
        if size >= KEY_BYTES && KEY_PREFIXES.iter().any(|prefix| token.starts_with(prefix)) {
            return Some(&mut self.keys);
        }
        let alphanumeric = |token: &[u8]| token.iter().all(u8::is_ascii_alphanumeric);
        let coin = COIN_BYTES.contains(&size)
            && (1..size).contains(&digits)
            && (COIN_PREFIXES.iter().any(|prefix| token.starts_with(prefix)) || token.starts_with(b"tb1"));
        if coin && alphanumeric(token) {
            return Some(&mut self.coins);
        }
        let capital = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        let code = CODE_BYTES.contains(&size) && (CODE_DIGITS..size).contains(&digits);
        (code && token.iter().all(capital)).then_some(&mut self.codes)
    }
}

const DIGIT: u8 = 1;
const PART: u8 = 2;

/// Whether a byte is part of a token, and a digit.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let part = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'_' | b'.' | b'-');
        classes[byte] = if part { PART } else { 0 } | if (byte as u8).is_ascii_digit() { DIGIT } else { 0 };
        byte += 1;
    }
    classes
};
