//! TeX for characters and names: commands, the class of their atoms, alphabets, accents.

use std::collections::HashMap;
use std::sync::OnceLock;

/// The class of an atom, which decides the space around it and what scripts do to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Class {
    /// A letter, number or another thing that is one atom.
    #[default]
    Letter,
    /// Several atoms, which scripts need in braces.
    Group,
    Function,
    Binary,
    Relation,
    Arrow,
    Large,
    Open,
    Close,
    Fence,
    Punctuation,
    Text,
    Table,
    Empty,
}

const CLASSES: [(&str, Class); 8] = [
    ("[letter]", Class::Letter),
    ("[binary]", Class::Binary),
    ("[relation]", Class::Relation),
    ("[arrow]", Class::Arrow),
    ("[large]", Class::Large),
    ("[open]", Class::Open),
    ("[close]", Class::Close),
    ("[fence]", Class::Fence),
];

type Symbols = HashMap<char, (&'static str, Class)>;

fn symbols() -> &'static Symbols {
    static SYMBOLS: OnceLock<Symbols> = OnceLock::new();
    SYMBOLS.get_or_init(|| {
        let mut class = Class::Letter;
        let mut made = Symbols::new();
        for line in include_str!("symbols.txt").lines().skip(1) {
            if let Some(&(_, named)) = CLASSES.iter().find(|(name, _)| *name == line) {
                class = named;
            } else if let (Some(character), Some((_, command))) = (line.chars().next(), line.split_once(' ')) {
                made.insert(character, (command, class));
            }
        }
        for (same, of) in
            [('\u{2126}', 'Ω'), ('\u{2329}', '⟨'), ('\u{232A}', '⟩'), ('\u{3008}', '⟨'), ('\u{3009}', '⟩')]
        {
            if let Some(&entry) = made.get(&of) {
                made.insert(same, entry);
            }
        }
        made
    })
}

/// The class of a character, and its command if it is not written as itself.
pub fn symbol(character: char) -> (Option<&'static str>, Class) {
    if let Some(&(command, class)) = symbols().get(&character) {
        return (Some(command), class);
    }
    let class = match character {
        '+' | '-' | '*' | '/' => Class::Binary,
        '=' | '<' | '>' | ':' => Class::Relation,
        '(' | '[' => Class::Open,
        ')' | ']' => Class::Close,
        ',' | ';' => Class::Punctuation,
        _ => Class::Letter,
    };
    (None, class)
}

/// Write a character as TeX in mathematics.
pub fn write(character: char, tex: &mut String) {
    match character {
        '\u{2061}'..='\u{2064}' | '\u{200B}'..='\u{200F}' | '\u{FEFF}' | '\u{AD}' | '\u{FE00}'..='\u{FE0F}' => {}
        '\u{A0}' | '\u{2002}'..='\u{200A}' | '\u{202F}' | '\u{205F}' => tex.push_str("\\ "),
        '\u{2010}'..='\u{2015}' => tex.push('-'),
        _ => match (symbol(character).0, alphabet(character)) {
            (Some(command), _) => push(command, tex),
            (None, Some((name, letter))) => {
                tex.push_str(name);
                tex.push('{');
                write(letter, tex);
                tex.push('}');
            }
            (None, None) => push(character.encode_utf8(&mut [0; 4]), tex),
        },
    }
}

/// Append TeX, with a space between a command's name and a letter.
pub fn push(part: &str, tex: &mut String) {
    const LONGEST: usize = 24;
    if part.starts_with(|first: char| first.is_alphabetic()) {
        let name = tex.bytes().rev().take(LONGEST).take_while(u8::is_ascii_alphabetic).count();
        if name > 0 && tex.as_bytes().get(tex.len().wrapping_sub(name + 1)) == Some(&b'\\') {
            tex.push(' ');
        }
    }
    tex.push_str(part);
}

/// The command and the plain letter of a mathematical alphanumeric symbol (U+1D400 to U+1D7FF).
fn alphabet(character: char) -> Option<(&'static str, char)> {
    const LATIN: [&str; 13] = [
        "\\mathbf",
        "\\mathit",
        "\\boldsymbol",
        "\\mathcal",
        "\\mathcal",
        "\\mathfrak",
        "\\mathbb",
        "\\mathfrak",
        "\\mathsf",
        "\\mathsf",
        "\\mathsf",
        "\\mathsf",
        "\\mathtt",
    ];
    const GREEK: [&str; 5] = ["\\mathbf", "\\mathit", "\\boldsymbol", "\\mathbf", "\\boldsymbol"];
    const DIGITS: [&str; 5] = ["\\mathbf", "\\mathbb", "\\mathsf", "\\mathsf", "\\mathtt"];
    let code = u32::from(character);
    match code {
        0x1D400..=0x1D6A3 => {
            let (of, letter) = ((code - 0x1D400) / 52, (code - 0x1D400) % 52);
            let first = if letter < 26 { u32::from('A') } else { u32::from('a') - 26 };
            Some((LATIN.get(of as usize)?, char::from_u32(first + letter)?))
        }
        0x1D6A8..=0x1D7C9 => {
            let (of, letter) = ((code - 0x1D6A8) / 58, (code - 0x1D6A8) % 58);
            let plain = match letter {
                0x11 => 'ϴ',
                0..=0x18 => char::from_u32(0x391 + letter)?,
                0x19 => '∇',
                0x1A..=0x32 => char::from_u32(0x3B1 + letter - 0x1A)?,
                _ => ['∂', 'ϵ', 'ϑ', 'ϰ', 'ϕ', 'ϱ', 'ϖ'][letter as usize % 0x33 % 7],
            };
            Some((GREEK.get(of as usize)?, plain))
        }
        0x1D7CE..=0x1D7FF => {
            let (of, digit) = ((code - 0x1D7CE) / 10, (code - 0x1D7CE) % 10);
            Some((DIGITS.get(of as usize)?, char::from_digit(digit, 10)?))
        }
        _ => None,
    }
}

/// The command of a MathML `mathvariant` for upright letters or others.
pub fn variant(name: &str) -> Option<&'static str> {
    Some(match name {
        "normal" => "\\mathrm",
        "bold" => "\\mathbf",
        "bold-italic" => "\\boldsymbol",
        "double-struck" => "\\mathbb",
        "script" | "bold-script" => "\\mathcal",
        "fraktur" | "bold-fraktur" => "\\mathfrak",
        "sans-serif" | "bold-sans-serif" | "sans-serif-italic" | "sans-serif-bold-italic" => "\\mathsf",
        "monospace" => "\\mathtt",
        _ => return None,
    })
}

/// Names that TeX has as commands.
const FUNCTIONS: [&str; 32] = [
    "arccos", "arcsin", "arctan", "arg", "cos", "cosh", "cot", "coth", "csc", "deg", "det", "dim", "exp", "gcd", "hom",
    "inf", "ker", "lg", "lim", "liminf", "limsup", "ln", "log", "max", "min", "Pr", "sec", "sin", "sinh", "sup", "tan",
    "tanh",
];

/// The command of a function's name.
pub fn function(name: &str) -> Option<String> {
    let joined: String = name.split([' ', '\u{A0}', '\u{2009}']).collect();
    match joined.as_str() {
        "mod" => Some("\\bmod".to_owned()),
        _ => FUNCTIONS.contains(&joined.as_str()).then(|| format!("\\{joined}")),
    }
}

/// The command that puts a character above a base: for one letter, and for more.
pub fn accent(mark: char) -> Option<[&'static str; 2]> {
    Some(match mark {
        '^' | 'ˆ' | '\u{302}' | '⌃' => ["\\hat", "\\widehat"],
        '~' | '˜' | '∼' | '\u{303}' => ["\\tilde", "\\widetilde"],
        '¯' | '‾' | '―' | '_' | '─' | '-' | '−' | '\u{304}' | '\u{305}' | 'ˉ' => ["\\bar", "\\overline"],
        '→' | '⟶' | '\u{20D7}' | '⇀' => ["\\vec", "\\overrightarrow"],
        '←' | '⟵' | '\u{20D6}' => ["\\overleftarrow"; 2],
        '↔' => ["\\overleftrightarrow"; 2],
        '˙' | '.' | '\u{307}' => ["\\dot"; 2],
        '¨' | '\u{308}' => ["\\ddot"; 2],
        '\u{20DB}' => ["\\dddot"; 2],
        'ˇ' | '\u{30C}' => ["\\check"; 2],
        '˘' | '\u{306}' => ["\\breve"; 2],
        '´' | 'ˊ' | '\u{301}' => ["\\acute"; 2],
        '`' | 'ˋ' | '\u{300}' => ["\\grave"; 2],
        '˚' | '\u{30A}' => ["\\mathring"; 2],
        '⏞' | '︷' => ["\\overbrace"; 2],
        _ => return None,
    })
}

/// The command that puts a character below a base.
pub fn accent_below(mark: char) -> Option<&'static str> {
    Some(match mark {
        '_' | '¯' | '‾' | '―' | '─' | '\u{332}' | '\u{331}' => "\\underline",
        '⏟' | '︸' => "\\underbrace",
        '→' | '⟶' => "\\underrightarrow",
        '←' | '⟵' => "\\underleftarrow",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{symbol, write, Class};

    fn tex(text: &str) -> String {
        let mut made = String::new();
        text.chars().for_each(|character| write(character, &mut made));
        made
    }

    #[test]
    fn characters_become_commands_with_a_space_before_a_letter() {
        assert_eq!(tex("αx≤β"), r"\alpha x\leq\beta");
        assert_eq!(
            tex("𝐀𝔤𝟙𝛼\u{2062}ℝ"),
            r"\mathbf{A}\mathfrak{g}\mathbb{9}\mathit{\alpha}\mathbb{R}".replace("{9}", "{1}")
        );
        assert_eq!((symbol('→').1, symbol('q').1), (Class::Arrow, Class::Letter));
    }
}
