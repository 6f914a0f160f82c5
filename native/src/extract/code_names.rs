//! Names of elements that show code, by the conventions of highlighters and editors.

/// What a class says of an element, a bit each.
pub type Says = u8;

/// It, or what is in it, is code.
pub const CODE: Says = 1;
/// It is a line of code, or lines.
pub const LINE: Says = 2;
/// It has numbers of lines, or of the cells of a notebook.
pub const NUMBER: Says = 4;
/// It is shown on demand only, beside the code.
pub const ASIDE: Says = 8;
/// It is a number in code.
pub const LITERAL: Says = 16;

/// It is a control of the code or names its language, beside it.
pub const CONTROL: Says = 32;

/// Longer words say nothing.
const LONGEST: usize = 20;

/// What a byte of a class is: of no word, a small letter, a capital, or a digit.
const OTHER: u8 = 0;
const SMALL: u8 = 1;
const CAPITAL: u8 = 2;
const KINDS: [u8; 256] = {
    let mut made = [OTHER; 256];
    let mut byte = 0;
    while byte < 128 {
        made[byte as usize] = match byte {
            b'a'..=b'z' => SMALL,
            b'A'..=b'Z' => CAPITAL,
            b'0'..=b'9' => 3,
            _ => OTHER,
        };
        byte += 1;
    }
    made
};

/// What a class says, whose words end at capitals and at all that is neither letter nor digit.
pub fn says(class: &[u8]) -> Says {
    let (mut before, mut made) = (Before::Other, 0);
    let (mut start, mut last) = (0, OTHER);
    for (at, &byte) in class.iter().enumerate() {
        let kind = KINDS[usize::from(byte)];
        if kind == OTHER || kind == CAPITAL && last == SMALL {
            (before, made) = said(&class[start..at], before, made);
            start = at + usize::from(kind == OTHER);
        }
        last = kind;
    }
    said(&class[start..], before, made).1
}

/// The word before, of those that another one changes.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Line,
    Blob,
    Other,
}

/// Add what one word says, by the names that Pygments, Rouge, Chroma, highlight.js, Prism, Doxygen, GeSHi, CodeMirror,
/// Monaco, SyntaxHighlighter, Crayon and hosts of repositories give.
fn said(word: &[u8], before: Before, made: Says) -> (Before, Says) {
    if word.is_empty() {
        return (before, made);
    }
    let mut lower = [0; LONGEST];
    lower.iter_mut().zip(word).for_each(|(lower, byte)| *lower = byte.to_ascii_lowercase());
    let word = &lower[..word.len().min(LONGEST)];
    let bits = match word {
        b"line" | b"lines" | b"loc" => LINE,
        b"code" | b"codeblock" | b"codehilite" | b"codemirror" | b"cm" | b"highlight" | b"highlighter" | b"hljs" => {
            CODE
        }
        b"syntaxhighlighter" | b"syntax" | b"chroma" | b"prism" | b"prettyprint" | b"crayon" | b"fragment" => CODE,
        b"blob" | b"monaco" | b"mono" | b"monospace" | b"geshi" | b"pygments" | b"rouge" => CODE,
        b"gutter" | b"gutters" | b"lineno" | b"linenos" | b"linenumber" | b"linenumbers" | b"linenum" => NUMBER,
        b"linenums" | b"linenodiv" | b"ln" | b"lnt" | b"lntd" | b"prompt" => NUMBER,
        b"number" | b"num" if before != Before::Other => NUMBER,
        b"numbers" | b"nums" | b"no" | b"nos" if before == Before::Line => NUMBER,
        b"nums" => NUMBER,
        b"mi" | b"m" | b"mf" | b"mh" | b"il" | b"number" | b"num" | b"nu0" | b"constant" => LITERAL,
        b"ttc" => ASIDE,
        b"copy" | b"copybtn" | b"copybutton" | b"clipboard" | b"toolbar" | b"lang" => CONTROL,
        _ => 0,
    };
    let next = match word {
        b"line" | b"lines" => Before::Line,
        b"blob" => Before::Blob,
        _ => Before::Other,
    };
    let bits_before = if bits == NUMBER && before == Before::Line { made & !LINE } else { made };
    (next, bits_before | bits)
}
