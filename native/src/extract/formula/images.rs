//! TeX of pictures of formulas, from the URL of a service that draws TeX or from the alternative text.

use super::markup::{clean, decoded, has_command, is_marked, is_plausible, undelimited};
use crate::extract::entities::Entities;
use crate::extract::scanner::attributes;

/// The TeX of an `img` tag, and true if it is displayed.
pub fn tex_of_image(tag: &str, entities: &Entities) -> Option<(String, bool)> {
    let (mut source, mut class, mut alt, mut title) = ("", "", "", "");
    for (name, value) in attributes(tag) {
        match name {
            "src" | "data-src" | "data-lazy-src" | "data-original" if !source.contains('?') => source = value,
            "class" => class = value,
            "alt" => alt = value,
            "title" => title = value,
            _ => {}
        }
    }
    let class = class.to_ascii_lowercase();
    let named = class
        .split_ascii_whitespace()
        .any(|word| NAMES.contains(&word) || PREFIXES.iter().any(|prefix| word.starts_with(prefix)));
    if !named && !source.contains(['?', '%']) && !alt.contains(['\\', '$']) && !title.contains('\\') {
        return None;
    }
    let value = |value: &str| without_breaks(&decoded(value, entities));
    let alternative = value(alt);
    let found = tex_of_url(&decoded(source, entities))
        .or_else(|| described(&alternative, named))
        .or_else(|| described(&value(title), named))?;
    let display = ["formuladsp", "display", "block"].iter().any(|word| class.contains(word));
    let tex = clean(&unsized_tex(&found));
    (!tex.is_empty()).then_some((tex, undelimited(&alternative).1.unwrap_or(display)))
}

/// Classes that programs give to pictures of formulas: Sphinx and tex4ht, WordPress, wikis and forums; and beginnings
/// of those of MediaWiki, Doxygen and QuickLaTeX.
const NAMES: [&str; 8] = ["math", "latex", "tex", "formula", "equation", "mimetex", "mathtex", "eeimg"];
const PREFIXES: [&str; 5] = ["mwe-math", "formula", "ql-img", "mathjax", "mathimg"];

/// An alternative text that is TeX. `named`: the class is that of a formula.
fn described(text: &str, named: bool) -> Option<String> {
    const FEW: usize = 3;
    let (inner, delimited) = undelimited(text);
    let words = inner.split_ascii_whitespace().count();
    let wrapped = text.starts_with("{\\displaystyle") || text.starts_with("{\\textstyle");
    let is_tex = match () {
        () if inner.is_empty() || inner.contains("://") => false,
        () if delimited.is_some() || wrapped => is_plausible(inner),
        () if named => is_marked(inner) || words < FEW && !inner.contains(['.', '/']) || is_plausible(inner),
        () => has_command(inner) && is_marked(inner) && inner.contains(['{', '^', '_', '=']) && !inner.contains(":\\"),
    };
    is_tex.then(|| inner.to_owned())
}

/// The TeX in the URL of a service that draws it.
fn tex_of_url(url: &str) -> Option<String> {
    let url = url.trim();
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, query),
        None => return tex_of_path(url),
    };
    let place = path.to_ascii_lowercase();
    let program = place.rsplit('/').next().unwrap_or_default();
    let host = place.split("//").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
    let draws = ["latex", "tex", "math", "equation", "formula", "eqn"];
    if host.contains("codecogs") || ["mimetex", "mathtex", "mathtran"].iter().any(|name| program.contains(name)) {
        let raw = query.strip_prefix("latex=").or_else(|| query.strip_prefix("formdata=")).unwrap_or(query);
        return Some(unescaped(raw, false).replace("&space;", " ").replace("&plus;", "+"));
    }
    let field = |name: &str| {
        let fields = query.split('&').filter_map(|field| field.split_once('='));
        let value = fields.into_iter().find(|(key, _)| *key == name)?.1;
        Some(unescaped(value, true)).filter(|value| !value.trim().is_empty())
    };
    if field("cht").as_deref() == Some("tx") {
        return field("chl");
    }
    if draws.iter().any(|word| program.contains(word) || host.contains(word)) {
        return ["latex", "tex", "math", "eqn", "eq", "formula", "from"].iter().find_map(|name| field(name));
    }
    ["latex", "tex"].iter().find_map(|name| field(name)).filter(|tex| is_marked(tex))
}

/// The TeX in a path of a service that has it there: `i.upmath.me/svg/x%5E2`.
fn tex_of_path(url: &str) -> Option<String> {
    let (host, path) = url.split_once("//")?.1.split_once('/')?;
    let (format, tex) = path.split_once('/')?;
    let draws = host.contains("upmath") || host.starts_with("tex.");
    (draws && matches!(format, "svg" | "png" | "g")).then(|| unescaped(tex, false))
}

/// A part of a URL without percent escapes. `plus`: a plus sign is a blank.
fn unescaped(text: &str, plus: bool) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|&byte| char::from(byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut made = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                made.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) if plus => made.push(b' '),
            (byte, ..) => made.push(byte),
        }
        at += 1;
    }
    without_breaks(&String::from_utf8_lossy(&made))
}

/// A text without the line breaks that forums write into formulas.
fn without_breaks(text: &str) -> String {
    if !text.contains("<br") {
        return text.to_owned();
    }
    text.replace("<br />", " ").replace("<br/>", " ").replace("<br>", " ")
}

/// TeX without commands for the size and colour of a picture at its beginning.
fn unsized_tex(tex: &str) -> String {
    const SIZES: [&str; 17] = [
        "inline",
        "tiny",
        "scriptsize",
        "footnotesize",
        "small",
        "normalsize",
        "large",
        "Large",
        "LARGE",
        "huge",
        "Huge",
        "reverse",
        "opaque",
        "bg_white",
        "bg_black",
        "bg_transparent",
        "fn_jvn",
    ];
    let mut tex = tex.trim();
    while let Some(rest) = tex.strip_prefix('\\') {
        let name = rest.find(|c: char| !c.is_ascii_alphabetic() && c != '_').unwrap_or(rest.len());
        let (name, after) = rest.split_at(name);
        let argument = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        tex = match argument {
            Some((_, after)) if matches!(name, "dpi" | "bg" | "fg" | "fn" | "pagecolor") => after,
            _ if SIZES.contains(&name) || name.starts_with("bg_") || name.starts_with("fn_") => after,
            _ => break,
        }
        .trim_start();
    }
    tex.to_owned()
}

#[cfg(test)]
mod tests {
    use super::tex_of_image;
    use crate::extract::entities::Entities;

    #[test]
    fn pictures_of_formulas_have_tex_in_their_url_or_alternative_text() {
        let entities = Entities::new([("amp;".to_owned(), "&".to_owned()), ("lt;".to_owned(), "<".to_owned())]);
        let tex = |tag: &str| tex_of_image(tag, &entities).map(|found| found.0);
        for (tag, made) in [
            (
                "src='//s0.wp.com/latex.php?latex=x%5E2+%2B+1&amp;bg=fff&#038;s=0' alt='x^2 + 1' class='latex'",
                "x^2 + 1",
            ),
            ("src='https://latex.codecogs.com/gif.latex?%5Cdpi%7B120%7D&amp;space;%5Cinline%20a+b'", "a+b"),
            (r"src='/cgi-bin/mimetex.cgi?f(z)=\exp(z)-1'", r"f(z)=\exp(z)-1"),
            ("src='http://chart.apis.google.com/chart?cht=tx&amp;chl=%5Calpha%2B1&amp;chs=20'", r"\alpha+1"),
            ("src='https://www.example.org/equation?tex=y+%3D+x'", "y = x"),
            (r"src='f.svg' class='mwe-math-fallback-image-inline' alt='{\displaystyle \sigma ^{2}}'", r"\sigma ^{2}"),
            (r"class='formulaInl' alt='$ \alpha $' src='form_0.png'", r"\alpha"),
            (r"class='formulaDsp' alt='\[ a = b \]' src='form_1.png'", "a = b"),
            ("class='math' src='_images/math/ab.png' alt='True'", "True"),
            (r"src='img12.png' alt='$x_i$'", "x_i"),
            (r"src='a.png' alt='\frac{1}{2}'", r"\frac{1}{2}"),
        ] {
            assert_eq!(tex(tag).as_deref(), Some(made), "{tag}");
        }
        for tag in [
            "src='a.png' alt='A cat on a mat'",
            "src='latex.png' alt='LaTeX logo' class='latex-logo big picture'",
            r"src='a.png' alt='C:\Users\me_and_you'",
            "src='/search?tex=mex&amp;q=food' alt=''",
            "src='a.png' alt='$5'",
            "src='math.jpg' alt='A teacher of mathematics in 1920' class='math'",
        ] {
            assert_eq!(tex(tag), None, "{tag}");
        }
        assert_eq!(tex_of_image(r"alt='\[ a = b \]'", &entities), Some(("a = b".to_owned(), true)));
    }
}
