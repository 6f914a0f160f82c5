//! The elements of presentation MathML that have text.

use super::atoms::Atom;
use super::markup::attribute;
use super::symbols::{function, symbol, variant, write, Class};
use crate::extract::clean::is_invisible;

/// An element of text; none for others.
pub fn token(name: &str, tag: &str, text: &str) -> Option<Atom> {
    let text = text.trim_matches(|character: char| character.is_ascii_whitespace());
    match name {
        "mi" | "ci" => Some(identifier(tag, text)),
        "mn" | "cn" => Some(number(tag, text)),
        "mo" => Some(operator(tag, text)),
        "mtext" => Some(words(text)),
        "ms" => Some(words(&format!("\"{text}\""))),
        _ => None,
    }
}

fn written(text: &str) -> String {
    let mut tex = String::with_capacity(text.len());
    text.chars().for_each(|character| write(character, &mut tex));
    tex
}

fn single(text: &str) -> Option<char> {
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}

fn identifier(tag: &str, text: &str) -> Atom {
    if let Some(command) = function(text) {
        return Atom::new(command, Class::Function);
    }
    let mark = single(text);
    let several = mark.is_none() && text.chars().all(|character| character.is_alphanumeric() || character == ' ');
    let named = attribute(tag, "mathvariant").and_then(variant);
    let plain = |mark: char| symbol(mark).0.is_some() || !mark.is_alphanumeric();
    let named = named.filter(|&named| mark.map_or(several, |mark| !(named == "\\mathrm" && plain(mark))));
    let named = named.or((several && !text.is_empty()).then_some("\\mathrm"));
    let mut atom = match named {
        Some(command) => Atom::styled(command, &written(text)),
        None => Atom::new(written(text), mark.map_or(Class::Letter, |mark| symbol(mark).1)),
    };
    if mark.is_none() && named.is_none() && atom.tex.len() > 1 {
        atom.class = Class::Group;
    }
    Atom { mark, ..atom }
}

fn number(tag: &str, text: &str) -> Atom {
    let tex = written(text);
    let atom = match attribute(tag, "mathvariant").and_then(variant).filter(|&named| named != "\\mathrm") {
        Some(command) => Atom::styled(command, &tex),
        None => Atom::new(tex, Class::Letter),
    };
    Atom { mark: single(text), ..atom }
}

pub fn operator(tag: &str, text: &str) -> Atom {
    if let Some(command) = function(text) {
        return Atom::new(command, Class::Function);
    }
    let mark = single(text);
    let letters = mark.is_none() && !text.is_empty() && text.chars().all(|character| character.is_alphabetic());
    let mut class = mark.map_or(Class::Relation, |mark| symbol(mark).1);
    let tex = match text {
        _ if letters => format!("\\mathrm{{{}}}", written(text)),
        "||" => "\\|".to_owned(),
        "..." => "\\dots".to_owned(),
        "!" | "!!" | "." | "'" | "''" => text.to_owned(),
        "<=" => "\\leq".to_owned(),
        ">=" => "\\geq".to_owned(),
        "!=" => "\\neq".to_owned(),
        "->" => "\\rightarrow".to_owned(),
        _ => written(text),
    };
    class = match text {
        _ if letters => Class::Function,
        "||" => Class::Fence,
        "..." | "!" | "!!" | "." | "'" | "''" | "" => Class::Letter,
        _ => class,
    };
    if tex.is_empty() {
        class = Class::Empty;
    }
    let stretches = attribute(tag, "stretchy") != Some("false");
    Atom { mark, stretches, ..Atom::new(tex, class) }
}

/// Text in a formula.
fn words(text: &str) -> Atom {
    if text.chars().all(char::is_whitespace) {
        return Atom::new(if text.is_empty() { "" } else { "\\ " }.to_owned(), Class::Empty);
    }
    let mut tex = "\\text{".to_owned();
    for character in text.chars() {
        match character {
            '%' | '$' | '#' | '&' | '_' | '{' | '}' => tex.extend(['\\', character]),
            '\\' => tex.push_str("\\textbackslash "),
            '^' => tex.push_str("\\^{}"),
            '~' => tex.push_str("\\~{}"),
            character if character.is_whitespace() => tex.push(' '),
            character if !is_invisible(character) => tex.push(character),
            _ => {}
        }
    }
    tex.push('}');
    Atom::new(tex, Class::Text)
}
