//! Parts of the markup of a formula: attributes of a tag, decoded values, and TeX without what surrounds it.

use crate::extract::entities::Entities;
use crate::extract::scanner::attributes;

/// The value of an attribute of a tag, as the source has it. `markup`: the tag from the end of its name on.
pub fn attribute<'a>(markup: &'a str, name: &str) -> Option<&'a str> {
    attributes(markup).find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// A text with its character references decoded.
pub fn decoded(text: &str, entities: &Entities) -> String {
    let mut made = String::with_capacity(text.len());
    let (mut rest, mut buffer) = (text, String::new());
    while let Some(at) = memchr::memchr(b'&', rest.as_bytes()) {
        made.push_str(&rest[..at]);
        rest = &rest[at..];
        let (characters, size) = entities.decode(rest.as_bytes(), &mut buffer).unwrap_or(("&", 1));
        made.push_str(characters);
        rest = rest.get(size..).unwrap_or_default();
    }
    made.push_str(rest);
    made
}

/// Delimiters of TeX, and true for those of display formulas.
const DELIMITERS: [(&str, &str, bool); 8] = [
    ("$$", "$$", true),
    ("\\[", "\\]", true),
    ("\\(", "\\)", false),
    ("$", "$", false),
    ("\\begin{displaymath}", "\\end{displaymath}", true),
    ("\\begin{equation*}", "\\end{equation*}", true),
    ("\\begin{equation}", "\\end{equation}", true),
    ("\\begin{math}", "\\end{math}", false),
];

/// TeX without delimiters around it, and true if they are those of a display formula; none without delimiters.
pub fn undelimited(tex: &str) -> (&str, Option<bool>) {
    let tex = tex.trim();
    for (open, close, display) in DELIMITERS {
        if let Some(inner) = tex.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
            if !escaped(inner, inner.len()) && find(inner, close, 0).is_none() {
                return (inner.trim(), Some(display));
            }
        }
    }
    (tex, None)
}

/// The next place of `mark` at or after `from` that no backslash escapes.
pub fn find(text: &str, mark: &str, from: usize) -> Option<usize> {
    let mut from = from;
    while let Some(ahead) = memchr::memmem::find(text.as_bytes().get(from..)?, mark.as_bytes()) {
        let at = from + ahead;
        if !escaped(text, at) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// True if an odd number of backslashes is before a place.
pub fn escaped(text: &str, at: usize) -> bool {
    const MOST: usize = 64; // so that a text of backslashes takes linear time
    let before = text.as_bytes().get(..at).unwrap_or_default();
    before.iter().rev().take(MOST).take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

/// TeX as it is kept: without comments of CDATA sections, sizes and colours for pictures, and `{\displaystyle …}`
/// around all of it.
pub fn clean(tex: &str) -> String {
    let mut tex = tex.trim();
    for start in ["% <![CDATA[", "%<![CDATA[", "//<![CDATA[", "<![CDATA["] {
        tex = tex.strip_prefix(start).unwrap_or(tex);
    }
    for end in ["% ]]>", "%]]>", "//]]>", "]]>"] {
        tex = tex.strip_suffix(end).unwrap_or(tex);
    }
    let mut tex = undelimited(tex).0;
    while let Some(inner) = braced(tex) {
        match inner.strip_prefix("\\displaystyle").or_else(|| inner.strip_prefix("\\textstyle")) {
            Some(rest) if !rest.starts_with(|first: char| first.is_ascii_alphabetic()) => tex = rest.trim(),
            _ => break,
        }
    }
    for style in ["\\displaystyle", "\\textstyle"] {
        match tex.strip_prefix(style) {
            Some(rest) if !rest.starts_with(|first: char| first.is_ascii_alphabetic()) => tex = rest.trim_start(),
            _ => {}
        }
    }
    tex.to_owned()
}

/// The inside of a group that is all of a text.
fn braced(tex: &str) -> Option<&str> {
    let inner = tex.strip_prefix('{')?.strip_suffix('}')?;
    let mut depth = 0_i64;
    let bytes = inner.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return None;
        }
        at += 1;
    }
    (depth == 0 && at == bytes.len()).then(|| inner.trim())
}

/// True if a text may be TeX rather than prose that describes a formula: it has commands or scripts, or no word.
pub fn is_plausible(text: &str) -> bool {
    const WORD: usize = 4;
    let bytes = text.as_bytes();
    let command = |at: usize| bytes[at] == b'\\' && bytes.get(at + 1).is_some_and(|next| !next.is_ascii_whitespace());
    if text.is_empty() || memchr::memmem::find(bytes, b"://").is_some() {
        return false;
    }
    (0..bytes.len()).any(|at| matches!(bytes[at], b'^' | b'{') || command(at))
        || text.split(|character: char| !character.is_alphabetic()).all(|word| word.chars().count() < WORD)
}

/// True if a text has something that TeX has and prose does not.
pub fn is_marked(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().any(|(at, &byte)| match byte {
        b'^' | b'_' | b'=' | b'<' | b'>' => true,
        b'\\' => bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic),
        _ => false,
    })
}

/// True if a text has a TeX command of at least two letters.
pub fn has_command(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'\\', bytes)
        .any(|at| bytes.get(at + 1..at + 3).is_some_and(|name| name.iter().all(u8::is_ascii_alphabetic)))
}
