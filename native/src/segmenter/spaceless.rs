//! Scripts without spaces between words, and letters with which no word begins. Twin:
//! `refinery.kernels.reference.spaceless`.

/// A script without spaces between words; `Other` are those without a dictionary.
#[derive(Clone, Copy, PartialEq)]
pub enum Script {
    Burmese,
    Han,
    Kana,
    Khmer,
    Lao,
    Other,
    Thai,
    Tibetan,
}

/// The script of a character, if it is one without spaces.
#[inline]
pub fn script_of(character: char) -> Option<Script> {
    match character {
        '\0'..='\u{DFF}' => None,
        '\u{4E00}'..='\u{9FFF}' => Some(Script::Han),
        '\u{3041}'..='\u{30FF}' => Some(Script::Kana),
        '\u{E00}'..='\u{E7F}' => Some(Script::Thai),
        '\u{1780}'..='\u{17FF}' | '\u{19E0}'..='\u{19FF}' => Some(Script::Khmer),
        '\u{1000}'..='\u{109F}' | '\u{A9E0}'..='\u{A9FF}' | '\u{AA60}'..='\u{AA7F}' => Some(Script::Burmese),
        '\u{E80}'..='\u{EFF}' => Some(Script::Lao),
        '\u{F00}'..='\u{FFF}' => Some(Script::Tibetan),
        '\u{2E80}'..='\u{2FDF}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}' => Some(Script::Han),
        '\u{303B}'..='\u{303C}' | '\u{3400}'..='\u{4DBF}' | '\u{F900}'..='\u{FAFF}' => Some(Script::Han),
        '\u{20000}'..='\u{3FFFF}' => Some(Script::Han),
        '\u{3031}'..='\u{3035}' | '\u{31F0}'..='\u{31FF}' => Some(Script::Kana),
        '\u{FF66}'..='\u{FF9F}' | '\u{1AFF0}'..='\u{1B16F}' => Some(Script::Kana),
        '\u{1950}'..='\u{19DF}' => Some(Script::Other), // Tai Le, New Tai Lue
        '\u{1A20}'..='\u{1AAF}' => Some(Script::Other), // Tai Tham
        '\u{1B00}'..='\u{1B7F}' => Some(Script::Other), // Balinese
        '\u{3100}'..='\u{312F}' | '\u{31A0}'..='\u{31BF}' => Some(Script::Other), // Bopomofo
        '\u{A000}'..='\u{A4CF}' => Some(Script::Other), // Yi
        '\u{A980}'..='\u{A9DF}' => Some(Script::Other), // Javanese
        '\u{AA80}'..='\u{AADF}' => Some(Script::Other), // Tai Viet
        '\u{11700}'..='\u{1174F}' => Some(Script::Other), // Ahom
        '\u{16FE0}'..='\u{18D8F}' => Some(Script::Other), // Tangut, Khitan
        '\u{1B170}'..='\u{1B2FF}' => Some(Script::Other), // Nüshu
        _ => None,
    }
}

/// True for vowel signs and marks that `str.isalpha` takes for letters of their own.
#[inline]
pub fn is_dependent(letter: char) -> bool {
    matches!(letter, 'ะ' | 'า' | 'ำ' | 'ๅ' | 'ະ' | 'າ' | 'ຳ' | 'ຽ' | '\u{FF9E}' | '\u{FF9F}')
}

/// True for letters that the next one belongs to: vowels that are written before their consonant, and stackers.
#[inline]
pub fn is_binding(letter: char) -> bool {
    let vowel = matches!(letter, 'เ'..='ไ' | 'ເ'..='ໄ');
    vowel || matches!(letter, '\u{1039}' | '\u{17D2}' | '\u{1A60}' | '\u{1B44}' | '\u{A9C0}')
}

/// True for the mark of a Burmese consonant that ends a syllable.
#[inline]
pub fn is_final(mark: char) -> bool {
    mark == '\u{103A}'
}

/// True for numerals of Han, which `str.isalpha` does not take for letters.
#[inline]
pub fn is_numeral(letter: char) -> bool {
    matches!(letter, '\u{3007}' | '\u{3021}'..='\u{3029}')
}

/// True for marks of no script: accents, joiners, variation selectors.
#[inline]
pub fn is_joiner(mark: char) -> bool {
    matches!(mark, '\u{300}'..='\u{36F}' | '\u{200C}' | '\u{200D}' | '\u{2060}' | '\u{FE00}'..='\u{FE0F}')
        || ('\u{E0100}'..='\u{E01EF}').contains(&mark)
}

#[inline]
pub fn is_katakana(letter: char) -> bool {
    matches!(letter, '\u{30A1}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' | '\u{FF66}'..='\u{FF9F}')
}

/// True for a line of Japanese: kana are more than a sixteenth of its Han letters.
pub fn is_japanese(line: &str) -> bool {
    let bytes = line.as_bytes();
    let kana = bytes.windows(2).filter(|pair| pair[0] == 0xE3 && (0x81..=0x83).contains(&pair[1])).count();
    let han = bytes.iter().filter(|byte| (0xE4..=0xE9).contains(*byte)).count();
    16 * kana > han
}
