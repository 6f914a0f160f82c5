//! The language of code, from what highlighters write in classes and attributes.

use super::attributes::raw;
use crate::extract::page::Page;
use crate::extract::tags::{self, Set, Tag};
use crate::extract::tree::Node;

/// Attributes that name the language, and what classes that do begin with.
const ATTRIBUTES: [&str; 3] = ["data-lang", "data-language", "data-code-language"];
const PREFIXES: [&str; 6] = ["language-", "lang-", "highlight-source-", "mw-highlight-lang-", "brush:", "highlight-"];

/// Classes after which another one is the language, as in `brush: python` and `sourceCode r`.
const LEADERS: [&str; 3] = ["brush:", "sourcecode", "sourcecode:"];

/// Other names of languages.
const ALIASES: [(&str, &str); 18] = [
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
    ("pycon", "python"),
];

/// Languages that are known without a prefix, as in `<pre class="rust">`.
const BARE: [&str; 34] = [
    "bash",
    "c",
    "clojure",
    "cpp",
    "csharp",
    "css",
    "dart",
    "elixir",
    "erlang",
    "fortran",
    "go",
    "haskell",
    "html",
    "java",
    "javascript",
    "json",
    "julia",
    "kotlin",
    "lua",
    "matlab",
    "ocaml",
    "perl",
    "php",
    "python",
    "r",
    "ruby",
    "rust",
    "scala",
    "scheme",
    "sql",
    "swift",
    "typescript",
    "xml",
    "yaml",
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
/// The elements in code that are asked, one in another, and the first children that may be code.
const WITHIN: usize = 3;
/// The most bytes of a language.
const LONGEST: usize = 20;

/// The code element that is one of the first children of an element.
fn code_in(nodes: &[Node], node: u32) -> Option<u32> {
    const CODE: Set = tags::set(&[Tag::Code, Tag::Pre]);
    let end = nodes[node as usize].end;
    let next = |at: u32| (at < end).then_some(at);
    let children = std::iter::successors(next(node + 1), |&child| next(nodes[child as usize].end));
    children.take(WITHIN).find(|&child| nodes[child as usize].tag.is(CODE))
}

/// The language of a code element: as it says, or a code element right within it, or an element right around it.
pub fn language(page: &Page, node: u32) -> Option<String> {
    let nodes = &page.tree.nodes;
    let within = std::iter::successors(Some(node), |&at| code_in(nodes, at)).take(WITHIN);
    let names = within.map(|at| named(page, at).or_else(|| bare(page, at)));
    if let Some(found) = names.fold(None, |outer, inner| inner.or(outer)) {
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

/// The language that is the first class of code.
fn bare(page: &Page, node: u32) -> Option<String> {
    let class = raw(page.source, page.tree.markup[node as usize], "class")?;
    let mut words = class.split_ascii_whitespace();
    let first = words.find(|word| *word != "hljs")?.to_ascii_lowercase();
    BARE.contains(&first.as_str()).then_some(first)
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
