//! Counts over the text of a block.

/// Counts of a text, in characters except for words.
#[derive(Clone, Copy, Default)]
pub struct Stats {
    pub characters: u32,
    /// Runs without white space.
    pub words: u32,
    /// Runs of letters and digits; a CJK character is one by itself.
    pub terms: u32,
    pub spaces: u32,
    pub punctuation: u32,
    pub marks: u32,
    pub commas: u32,
    pub digits: u32,
    pub uppers: u32,
    pub letters: u32,
    pub stops: u32,
    pub cjk: u32,
    pub bars: u32,
    pub money: u32,
    pub sentences: u32,
}

/// Frequent short words of some languages.
const STOPS: &str = "the be to of and that have with a in is it for on as by this was are from или и в не на с что по der die und \
das ist le la les et des que de en el los i w na z nie you we our they he she his her not or an at but can will has had der den mit \
von für auf im ein eine est pour dans une du qui sur pas par il con por una se su o e di che per un non da do em um para как это его";

const SPACE: u8 = 1;
const DIGIT: u8 = 2;
const UPPER: u8 = 4;
const LETTER: u8 = 8;
const PUNCTUATION: u8 = 16;
const MARK: u8 = 32;
const ODD: u8 = 64; // a comma, a bar, money
const WIDE: u8 = 128; // beyond ASCII: a comma, money, or a CJK character, which is a term of its own
/// Characters whose class is looked up, because Rust searches its tables for each.
const BASIC: u32 = 0x10000;

pub struct Counter {
    ascii: [u8; 128],
    /// The most bytes of a stop word.
    longest: usize,
    basic: Vec<u8>,
    stops: Vec<u64>,
}

/// The first bytes of a word as a number, the upper case of ASCII as the lower.
fn pack(eight: [u8; 8], size: usize) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(eight) & u64::MAX >> (64 - 8 * size);
    // The highest bit of each byte is carried into where its other bits are at least those of a letter.
    let low = word & (0x7F * EACH);
    let from = |letter: u8| low + u64::from(0x80 - letter) * EACH;
    let upper = from(b'A') & !from(b'Z' + 1) & !word & (0x80 * EACH);
    word | upper >> 2
}

const STOP_SLOTS: usize = 1024;

impl Counter {
    pub fn new() -> Self {
        let mut ascii = [0; 128];
        for (byte, class) in ascii.iter_mut().enumerate() {
            let byte = byte as u8;
            *class = match byte {
                b' ' | b'\n' => SPACE,
                b'0'..=b'9' => DIGIT,
                b'A'..=b'Z' => UPPER | LETTER,
                b'a'..=b'z' => LETTER,
                b',' => PUNCTUATION | MARK | ODD,
                b'.' | b'!' | b'?' | b';' => PUNCTUATION | MARK,
                b':' => PUNCTUATION,
                b'|' | b'$' => ODD,
                _ => 0,
            };
        }
        let mut stops = vec![0; STOP_SLOTS];
        for word in STOPS.split_whitespace() {
            let mut eight = [0; 8];
            eight[..word.len()].copy_from_slice(word.as_bytes());
            let key = pack(eight, word.len());
            let mut slot = slot(key);
            while stops[slot] != 0 && stops[slot] != key {
                slot = (slot + 1) % STOP_SLOTS;
            }
            stops[slot] = key;
        }
        let basic = (0..BASIC).map(|code| char::from_u32(code).map_or(0, wide)).collect();
        let longest = STOPS.split_whitespace().map(str::len).max().unwrap_or(0);
        Counter { ascii, longest, basic, stops }
    }

    fn is_stop(&self, key: u64) -> bool {
        let mut slot = slot(key);
        while self.stops[slot] != 0 {
            if self.stops[slot] == key {
                return true;
            }
            slot = (slot + 1) % STOP_SLOTS;
        }
        false
    }

    #[inline]
    fn class(&self, character: char) -> u8 {
        if character.is_ascii() {
            return self.ascii[character as usize];
        }
        self.basic.get(character as usize).copied().unwrap_or_else(|| wide(character))
    }

    /// Counts over a text.
    pub fn count(&self, text: &str) -> Stats {
        let mut count = Count { counter: self, text, stats: Stats::default(), term: None, blank: true, ended: false };
        count.stats.characters = text.chars().count() as u32;
        let mut at = 0;
        while at < text.len() {
            let end = text.len().min(at + WINDOW);
            let window = &text.as_bytes()[at..end];
            at = if window.is_ascii() { count.ascii(at, window) } else { count.characters(at, end) };
        }
        count.end_term(text.len());
        count.stats.sentences += u32::from(count.ended);
        count.stats
    }
}

/// Bytes that are counted together where all are ASCII: a bit each.
const WINDOW: usize = 64;

/// Counts over a text so far.
struct Count<'a> {
    counter: &'a Counter,
    text: &'a str,
    stats: Stats,
    /// The beginning of the open term.
    term: Option<usize>,
    /// True if no word is open.
    blank: bool,
    /// True if a full stop was the last, so that a space makes a sentence.
    ended: bool,
}

impl Count<'_> {
    /// Count some bytes of ASCII, without a branch for each, and return the place after them.
    fn ascii(&mut self, at: usize, bytes: &[u8]) -> usize {
        let size = bytes.len();
        let mut window = [0; WINDOW];
        window[..size].copy_from_slice(bytes);
        let stats = &mut self.stats;
        stats.commas += number(&window, |byte| byte == b',');
        stats.bars += number(&window, |byte| byte == b'|');
        stats.money += number(&window, |byte| byte == b'$');
        stats.digits += number(&window, |byte| byte.is_ascii_digit());
        stats.uppers += number(&window, |byte| byte.is_ascii_uppercase());
        stats.letters += number(&window, |byte| byte.is_ascii_alphabetic());
        let marks = number(&window, |byte| matches!(byte, b',' | b'.' | b'!' | b'?' | b';'));
        stats.marks += marks;
        stats.punctuation += marks + number(&window, |byte| byte == b':');
        let spaces = bits(&window, |byte| matches!(byte, b' ' | b'\n'));
        let ends = bits(&window, |byte| matches!(byte, b'.' | b'!' | b'?' | b';'));
        let terms = bits(&window, |byte| byte.is_ascii_alphanumeric());
        stats.spaces += spaces.count_ones();
        let there = u64::MAX >> (WINDOW - size);
        stats.words += (there & !spaces & (spaces << 1 | u64::from(self.blank))).count_ones();
        stats.sentences += (spaces & (ends << 1 | u64::from(self.ended))).count_ones();
        let before = terms << 1 | u64::from(self.term.is_some());
        let mut begin = terms & !before;
        stats.terms += begin.count_ones();
        let mut end = there & !terms & before;
        while end != 0 {
            if self.term.is_none() {
                self.term = Some(at + begin.trailing_zeros() as usize);
                begin &= begin - 1;
            }
            self.end_term(at + end.trailing_zeros() as usize);
            end &= end - 1;
        }
        if begin != 0 {
            self.term = Some(at + begin.trailing_zeros() as usize);
        }
        self.blank = spaces >> (size - 1) & 1 != 0;
        self.ended = ends >> (size - 1) & 1 != 0;
        at + size
    }

    /// Count characters up to `end`, or the end of the one there, and return the place.
    fn characters(&mut self, mut at: usize, end: usize) -> usize {
        for character in self.text[at..].chars() {
            if at >= end {
                break;
            }
            self.character(at, character);
            at += character.len_utf8();
        }
        at
    }

    fn character(&mut self, at: usize, character: char) {
        let class = self.counter.class(character);
        let stats = &mut self.stats;
        stats.spaces += u32::from(class & SPACE != 0);
        stats.sentences += u32::from(class & SPACE != 0 && self.ended);
        stats.words += u32::from(class & SPACE == 0 && self.blank);
        stats.digits += u32::from(class & DIGIT != 0);
        stats.uppers += u32::from(class & UPPER != 0);
        stats.letters += u32::from(class & LETTER != 0);
        stats.punctuation += u32::from(class & PUNCTUATION != 0);
        stats.marks += u32::from(class & MARK != 0);
        if class & ODD != 0 {
            stats.commas += u32::from(character == ',');
            stats.bars += u32::from(character == '|');
            stats.money += u32::from(character == '$');
        }
        if class & WIDE != 0 {
            match character {
                '，' | '、' | '،' => stats.commas += 1,
                '€' | '£' | '¥' | '₹' | '₽' => stats.money += 1,
                _ => {
                    stats.cjk += 1;
                    stats.terms += 1;
                    stats.letters += 1;
                }
            }
        }
        self.blank = class & SPACE != 0;
        self.ended = class & MARK != 0 && class & ODD == 0;
        if class & (LETTER | DIGIT) == 0 {
            self.end_term(at);
        } else if self.term.is_none() {
            self.stats.terms += 1;
            self.term = Some(at);
        }
    }

    fn end_term(&mut self, end: usize) {
        if let Some(start) = self.term.take() {
            let size = end - start;
            self.stats.stops += u32::from(size <= self.counter.longest && self.counter.is_stop(self.word(start, size)));
        }
    }

    /// A short word.
    fn word(&self, start: usize, size: usize) -> u64 {
        let bytes = &self.text.as_bytes()[start..];
        match bytes.first_chunk() {
            Some(&eight) => pack(eight, size),
            None => {
                let mut eight = [0; 8];
                eight[..size].copy_from_slice(&bytes[..size]);
                pack(eight, size)
            }
        }
    }
}

/// The number of set bits.
#[inline(always)]
fn number(window: &[u8; WINDOW], is: impl Fn(u8) -> bool) -> u32 {
    u32::from(window.iter().map(|&byte| u8::from(is(byte))).sum::<u8>())
}

/// The bytes for which the test is true, a bit each.
#[inline(always)]
fn bits(window: &[u8; WINDOW], is: impl Fn(u8) -> bool) -> u64 {
    let eights = window.map(|byte| u8::from(is(byte)));
    // The product brings the lowest bit of each byte into the highest byte.
    let gathered = |eight: &[u8]| {
        u64::from_le_bytes(eight.try_into().unwrap_or_default()).wrapping_mul(0x0102_0408_1020_4080) >> 56
    };
    eights.chunks_exact(8).rev().fold(0, |all, eight| all << 8 | gathered(eight))
}

fn slot(key: u64) -> usize {
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as usize
}

/// Marks that end sentences, of all scripts.
pub fn ends_sentence(character: char) -> bool {
    matches!(
        character,
        '.' | '!' | '?' | '。' | '！' | '？' | '।' | '॥' | '؟' | '۔' | '։' | '።' | '፧' | '།' | '။' | '។' | '｡'
    )
}

/// The class of a character beyond ASCII.
fn wide(character: char) -> u8 {
    match character {
        '，' | '、' | '،' => PUNCTUATION | MARK | WIDE,
        '；' | '…' => PUNCTUATION | MARK,
        _ if ends_sentence(character) => PUNCTUATION | MARK,
        '：' => PUNCTUATION,
        '€' | '£' | '¥' | '₹' | '₽' => WIDE,
        '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' => {
            WIDE * u8::from(character.is_alphanumeric())
        }
        _ if character.is_alphabetic() => LETTER | if character.is_uppercase() { UPPER } else { 0 },
        _ if character.is_numeric() => DIGIT,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::pack;

    #[test]
    fn a_packed_word_has_the_capitals_of_ascii_as_small_letters() {
        for byte in 0..=u8::MAX {
            for size in 1..=8 {
                let word = [byte, b'Z', 0xC3, byte, b'[', b'@', b'A', byte];
                let mut naive = [0; 8];
                naive[..size].copy_from_slice(&word[..size].to_ascii_lowercase());
                assert_eq!(pack(word, size), u64::from_le_bytes(naive));
            }
        }
    }
}
