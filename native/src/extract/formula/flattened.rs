//! KaTeX whose markup was lost: the text of its MathML, and the TeX behind it.

/// The TeX at the end of the text of `.katex-mathml`. `shown`: the text of `.katex-html`.
///
/// Where lines are kept, blank ones separate the TeX. Otherwise as many characters as are shown come before it, or it
/// is the half that repeats the other.
pub fn tex_of_flattened(mathml: &str, shown: &str) -> Option<String> {
    let lines: Vec<&str> = mathml.trim().lines().map(str::trim).collect();
    if let Some(blank) = lines.iter().rposition(|line| line.is_empty()) {
        return Some(lines[blank + 1..].join(" "));
    }
    let text = lines.join(" ");
    let seen = |text: &str| text.chars().filter(is_seen).count();
    let count = seen(shown);
    let places = || text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let mut before = 0;
    let behind_shown = places().zip(text.chars().map(Some).chain([None])).find_map(|(at, character)| {
        let found = count > 0 && before == count && character.is_none_or(|character| is_seen(&character));
        before += usize::from(character.is_some_and(|character| is_seen(&character)));
        found.then_some(at)
    });
    let same = |at: &usize| seen(&text[..*at]) == seen(&text[*at..]) && equal(&text[..*at], &text[*at..]);
    let at = behind_shown
        .filter(|&at| sorted(&text[..at]) == sorted(shown) || same(&at))
        .or_else(|| half(&text).filter(same))?;
    Some(text[at..].trim().to_owned()).filter(|tex| !tex.is_empty())
}

fn is_seen(character: &char) -> bool {
    !character.is_whitespace() && !matches!(character, '\u{200B}'..='\u{200F}' | '\u{2061}'..='\u{2064}' | '\u{FEFF}')
}

fn sorted(text: &str) -> Vec<char> {
    let mut characters: Vec<char> = text.chars().filter(is_seen).map(plain).collect();
    characters.sort_unstable();
    characters
}

fn equal(one: &str, other: &str) -> bool {
    one.chars().filter(is_seen).map(plain).eq(other.chars().filter(is_seen).map(plain))
}

/// The place that has as many characters before as after it.
fn half(text: &str) -> Option<usize> {
    let count = text.chars().filter(is_seen).count();
    text.char_indices().filter(|(_, character)| is_seen(character)).nth(count / 2).map(|(at, _)| at)
}

/// TeX writes some characters that pages show as others.
fn plain(character: char) -> char {
    match character {
        '−' => '-',
        '∗' => '*',
        '′' => '\'',
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::tex_of_flattened;

    #[test]
    fn tex_is_behind_the_text_of_mathml() {
        for (mathml, shown, tex) in [
            ("\n  \n   h\n   (\n   x\n   )\n  \n  \n   h(x)\n  \n", "h(x)", Some("h(x)")),
            ("R=P+QR = P + Q", "R=P+Q", Some("R = P + Q")),
            (r"x2x^2", "x2", Some("x^2")),
            (r"αβ\frac{\alpha}{\beta}", "βα\u{200B}", Some(r"\frac{\alpha}{\beta}")),
            ("a−ba-b", "", Some("a-b")),
            ("x", "x", None),
            ("", "", None),
        ] {
            assert_eq!(tex_of_flattened(mathml, shown).as_deref(), tex, "{mathml}");
        }
    }
}
