//! Boundaries of inline elements: whether the page shows a gap between their texts, and how superscripts and subscripts
//! are written. Only styles decide this for certain, and they are not read; the rules are those that fit gold texts.

use super::tags::{self, Set, Tag};

/// Elements that only change the look of their text: a word continues across their boundaries.
const FORMATTING: Set = tags::set(&[
    Tag::Abbr,
    Tag::B,
    Tag::Big,
    Tag::Cite,
    Tag::Code,
    Tag::Em,
    Tag::Font,
    Tag::I,
    Tag::Nobr,
    Tag::S,
    Tag::Small,
    Tag::Strong,
    Tag::Sub,
    Tag::Sup,
    Tag::Tt,
    Tag::U,
    Tag::Wbr,
]);

/// The elements that begin and end between two pieces of text of one block.
#[derive(Clone, Copy, Default)]
pub struct Seam {
    ended: Set,
    begun: Set,
    /// One element ended, and then another began.
    joint: bool,
    image: bool,
}

impl Seam {
    /// An inline element begins.
    pub fn begin(&mut self, tag: Tag) {
        match tag {
            Tag::Img => self.image = true,
            Tag::Wbr => {}
            _ => {
                self.begun |= tag.bit();
                self.joint |= self.ended != 0;
            }
        }
    }

    /// An inline element ends.
    pub fn end(&mut self, tag: Tag) {
        if tag != Tag::Img && tag != Tag::Wbr {
            self.ended |= tag.bit();
        }
    }

    /// True if a code element ended, and then another began.
    pub fn is_between_code(self) -> bool {
        self.joint && Tag::Code.is(self.ended & self.begun)
    }

    /// True if there is a gap between a piece of text and the character that comes after it.
    ///
    /// Where an element that is not for formatting begins or ends, a capital or a digit begins a new word, unless it
    /// follows a capital. Between two elements it does so after any character but a single letter, and a capital also
    /// after marks, but for a full stop after a single word, which may be a name: `json.JSONEncoder`.
    pub fn shows_gap(self, piece: &str, first: char) -> bool {
        let piece = piece.trim_start();
        let Some(last) = piece.chars().next_back() else { return false };
        let words = last.is_alphanumeric() && first.is_alphanumeric();
        if self.image || self.is_between_code() {
            return words;
        }
        let (capital, digit) = (first.is_uppercase(), first.is_ascii_digit());
        if (self.ended | self.begun) & !FORMATTING == 0 || !(capital || digit) {
            return false;
        }
        if piece.chars().nth(1).is_none() && (last.is_alphabetic() || digit) {
            return false;
        }
        if !self.joint {
            return last.is_lowercase() || capital && last.is_ascii_digit();
        }
        let ends = matches!(last, ',' | ';' | ':' | '!' | '?' | ')')
            || last == '.' && (piece.contains(' ') || piece.starts_with(|first: char| first.is_ascii_digit()));
        words || capital && ends
    }
}

/// The most characters of raised or lowered text that are written in another way.
const LONGEST: usize = 20;

/// Superscript or subscript as it is written after a character; none if it is not changed.
///
/// Digits and signs take the forms that Unicode has. Letters among them take none: `2^(2k)`, `a_(i+1)`. Lowered letters
/// alone do as well (`V_max`); raised ones are as a rule part of the word (`1st`, `Mme`), and stay.
pub fn script(text: &str, before: Option<char>, raised: bool) -> Option<String> {
    if text.chars().nth(LONGEST).is_some() {
        return None;
    }
    match text {
        "TM" if raised => return Some("™".to_owned()),
        "SM" if raised => return Some("℠".to_owned()),
        _ => {}
    }
    let counts = text.chars().any(|character| form(character, raised).is_some_and(|made| !matches!(made, ',' | ' ')));
    if counts {
        if let Some(made) = text.chars().map(|character| form(character, raised)).collect() {
            return Some(made);
        }
    }
    let before = before.filter(|&last| last.is_alphanumeric() || matches!(last, ')' | ']'))?;
    let letters = text.chars().all(char::is_alphabetic);
    let formula = |character: char| character.is_alphanumeric() || "+-−=()/.′'*".contains(character);
    let mark = if raised { '^' } else { '_' };
    if letters && raised || text.is_empty() {
        None
    } else if letters {
        Some(format!("{mark}{text}"))
    } else if text.chars().all(formula) && text.chars().any(char::is_alphanumeric) {
        Some(format!("{mark}({text})"))
    } else {
        let parted = before.is_alphanumeric() && text.starts_with(char::is_alphanumeric);
        parted.then(|| format!(" {text}"))
    }
}

/// A character as superscript or subscript: digits, signs, and their separators in lists.
fn form(character: char, raised: bool) -> Option<char> {
    const RAISED: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    const LOWERED: [char; 10] = ['₀', '₁', '₂', '₃', '₄', '₅', '₆', '₇', '₈', '₉'];
    if let Some(digit) = character.to_digit(10) {
        return Some(if raised { RAISED } else { LOWERED }[digit as usize]);
    }
    let [up, down] = match character {
        '+' => ['⁺', '₊'],
        '-' | '−' | '–' => ['⁻', '₋'],
        '=' => ['⁼', '₌'],
        '(' => ['⁽', '₍'],
        ')' => ['⁾', '₎'],
        'n' if raised => ['ⁿ', 'n'],
        ',' | ' ' => [character; 2],
        _ => return None,
    };
    Some(if raised { up } else { down })
}

#[cfg(test)]
mod tests {
    use super::{script, Seam};
    use crate::extract::tags::Tag;

    #[test]
    fn digits_and_signs_have_forms_of_their_own() {
        for (text, raised, made) in [
            ("6", true, Some("⁶")),
            ("-1", true, Some("⁻¹")),
            ("n+1", true, Some("ⁿ⁺¹")),
            ("1, 2", true, Some("¹, ²")),
            ("2", false, Some("₂")),
            ("st", true, None),
            ("TM", true, Some("™")),
            ("2k", true, Some("^(2k)")),
            ("max", false, Some("_max")),
            ("i+1", false, Some("_(i+1)")),
            ("1,*", true, Some(" 1,*")),
            ("[1]", true, None),
            ("", true, None),
            (", ", true, None),
        ] {
            assert_eq!(script(text, Some('x'), raised).as_deref(), made, "{text}");
        }
        assert_eq!(script("max", None, false), None);
    }

    #[test]
    fn a_capital_or_a_digit_begins_a_word_where_elements_meet() {
        let mut joint = Seam::default();
        joint.end(Tag::Span);
        joint.begin(Tag::Span);
        let mut edge = Seam::default();
        edge.begin(Tag::Span);
        let mut bold = Seam::default();
        bold.end(Tag::B);
        bold.begin(Tag::Em);
        for (piece, first, gaps) in [
            ("Name", 'N', [true, true, false]),
            ("Pages", '2', [true, true, false]),
            ("240", 'P', [true, true, false]),
            ("15", '6', [true, false, false]),
            ("CH", '2', [true, false, false]),
            ("The end.", 'N', [true, false, false]),
            ("4.", 'N', [true, false, false]),
            ("json.", 'N', [false, false, false]),
            ("Name", 'n', [false, false, false]),
            ("3", 'r', [false, false, false]),
            (" N", 'O', [false, false, false]),
            ("5", '6', [false, false, false]),
            ("年", '月', [false, false, false]),
        ] {
            assert_eq!([joint, edge, bold].map(|seam| seam.shows_gap(piece, first)), gaps, "{piece}{first}");
        }
    }
}
