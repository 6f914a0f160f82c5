//! Counts over the text of a block.

/// What is counted, in characters but for words.
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
/// Characters whose class is looked up: what Rust knows of characters it finds by search.
const BASIC: u32 = 0x10000;

pub struct Counter {
    ascii: [u8; 128],
    basic: Vec<u8>,
    stops: Vec<u64>,
}

fn pack(word: &[u8]) -> u64 {
    word.iter().fold(0, |packed, &byte| packed << 8 | u64::from(byte))
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
            let key = pack(word.as_bytes());
            let mut slot = slot(key);
            while stops[slot] != 0 && stops[slot] != key {
                slot = (slot + 1) % STOP_SLOTS;
            }
            stops[slot] = key;
        }
        let basic = (0..BASIC).map(|code| char::from_u32(code).map_or(0, wide)).collect();
        Counter { ascii, basic, stops }
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

    pub fn count(&self, text: &str) -> Stats {
        let mut stats = Stats::default();
        let (mut in_word, mut in_term) = (false, false);
        let (mut packed, mut size) = (0_u64, 0);
        let mut ended = false; // by a full stop, so that a space makes a sentence
        for character in text.chars() {
            stats.characters += 1;
            let class = self.class(character);
            if class & SPACE != 0 {
                stats.spaces += 1;
                stats.sentences += u32::from(ended);
            }
            ended = class & MARK != 0 && class & ODD == 0;
            let word = class & SPACE == 0;
            stats.words += u32::from(word && !in_word);
            in_word = word;
            let term = class & (LETTER | DIGIT) != 0;
            if term {
                stats.terms += u32::from(!in_term);
                let lower = character as u32 | if class & UPPER != 0 { 0x20 } else { 0 };
                if character.is_ascii() {
                    packed = packed << 8 | u64::from(lower);
                    size += 1;
                } else {
                    let mut buffer = [0; 4];
                    for &byte in character.encode_utf8(&mut buffer).as_bytes() {
                        packed = packed << 8 | u64::from(byte);
                        size += 1;
                    }
                }
            } else if in_term {
                stats.stops += u32::from(size <= 8 && self.is_stop(packed));
            }
            if !term {
                packed = 0;
                size = 0;
            }
            in_term = term;
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
        }
        stats.sentences += u32::from(ended);
        stats.stops += u32::from(in_term && size <= 8 && self.is_stop(packed));
        stats
    }
}

fn slot(key: u64) -> usize {
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as usize
}

/// The class of a character beyond ASCII.
fn wide(character: char) -> u8 {
    match character {
        '，' | '、' | '،' => PUNCTUATION | MARK | WIDE,
        '。' | '；' | '！' | '？' | '…' | '।' | '؟' => PUNCTUATION | MARK,
        '：' => PUNCTUATION,
        '€' | '£' | '¥' | '₹' | '₽' => WIDE,
        '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' => {
            if character.is_alphanumeric() {
                WIDE
            } else {
                0
            }
        }
        _ if character.is_alphabetic() => LETTER | if character.is_uppercase() { UPPER } else { 0 },
        _ if character.is_numeric() => DIGIT,
        _ => 0,
    }
}
