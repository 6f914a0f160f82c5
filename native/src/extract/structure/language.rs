//! The language of code, from what highlighters write in classes and attributes.

use super::attributes::raw;
use crate::extract::page::Page;
use crate::extract::tags::Tag;

/// Attributes that name the language, and what classes that do begin with.
const ATTRIBUTES: [&str; 3] = ["data-lang", "data-language", "data-code-language"];
const PREFIXES: [&str; 6] = ["language-", "lang-", "highlight-source-", "mw-highlight-lang-", "brush:", "highlight-"];

/// Classes after which another one is the language, as in `brush: python` and `sourceCode r`.
const LEADERS: [&str; 3] = ["brush:", "sourcecode", "sourcecode:"];

/// Other names of languages.
const ALIASES: [(&str, &str); 17] = [
    ("js", "javascript"),
    ("ts", "typescript"),
    ("py", "python"),
    ("python3", "python"),
    ("ipython", "python"),
    ("ipython3", "python"),
    ("sh", "bash"),
    ("shell", "bash"),
    ("shell-session", "console"),
    ("md", "markdown"),
    ("yml", "yaml"),
    ("rb", "ruby"),
    ("rs", "rust"),
    ("golang", "go"),
    ("cs", "csharp"),
    ("c#", "csharp"),
    ("c++", "cpp"),
];

/// What highlighters write for code without a language.
const NONE: [&str; 12] = [
    "text",
    "plaintext",
    "plain",
    "txt",
    "none",
    "default",
    "auto",
    "undefined",
    "nohighlight",
    "wrap",
    "height",
    "output",
];

/// The elements above code that are asked, and the blocks they may have beside it.
const ABOVE: usize = 3;
const BESIDE: u32 = 4;
/// The most bytes of a language.
const LONGEST: usize = 20;

/// The language of a code element: as it says, or a code element right within it, or an element right around it.
pub fn language(page: &Page, node: u32) -> Option<String> {
    let nodes = &page.tree.nodes;
    let child = Some(node + 1).filter(|&at| at < nodes[node as usize].end && nodes[at as usize].tag == Tag::Code);
    if let Some(found) = child.and_then(|child| named(page, child)).or_else(|| named(page, node)) {
        return Some(found);
    }
    let size = |at: u32| page.blocks.last[at as usize].saturating_sub(page.blocks.first[at as usize]);
    let above = std::iter::successors(Some(node), |&at| (at > 0).then(|| nodes[at as usize].parent)).skip(1);
    above
        .take(ABOVE)
        .take_while(|&at| {
            nodes[at as usize].tag.is(Tag::Div.bit() | Tag::Figure.bit()) && size(at) < size(node) + BESIDE
        })
        .find_map(|at| named(page, at))
}

/// The language that an element names.
fn named(page: &Page, node: u32) -> Option<String> {
    let given = |name| raw(page.source, page.tree.markup[node as usize], name);
    if let Some(found) = ATTRIBUTES.into_iter().find_map(|name| given(name).and_then(known)) {
        return Some(found);
    }
    let class = given("class")?.to_ascii_lowercase();
    let words: Vec<&str> = class.split_ascii_whitespace().take(20).collect();
    let prefixed = |prefix| words.iter().find_map(|word| word.strip_prefix(prefix).and_then(known));
    let led = || {
        let at = words.iter().position(|word| LEADERS.contains(word))?;
        words.get(at + 1).copied().and_then(known)
    };
    PREFIXES.into_iter().find_map(prefixed).or_else(led)
}

/// A language by its usual name.
fn known(name: &str) -> Option<String> {
    let name = name.trim().trim_end_matches([';', ',']).to_ascii_lowercase();
    let spelled = |c: char| c.is_ascii_alphanumeric() || "+#-_.".contains(c);
    if name.is_empty() || name.len() > LONGEST || !name.chars().all(spelled) || NONE.contains(&name.as_str()) {
        return None;
    }
    let usual = ALIASES.iter().find(|(alias, _)| *alias == name).map(|&(_, usual)| usual.to_owned());
    Some(usual.unwrap_or(name))
}
