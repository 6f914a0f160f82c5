//! Comments of readers: their elements, by the names that authors use, and the blocks that are their texts.

use super::blocks::Block;
use super::fragments::FRAGMENTS;
use super::lexicon::name_tokens;
use super::page::Page;
use super::scanner::Span;
use super::tags::{self, Set, Tag};
use super::tree::COMMENT;

/// The treatment of readers' comments.
#[derive(Clone, Copy, PartialEq)]
pub enum Comments {
    /// Keep them if they are the text, as in threads; drop them below an article.
    Auto,
    Keep,
    Drop,
}

impl Comments {
    /// By name. An error is a sentence.
    pub fn named(name: &str) -> Result<Self, String> {
        match name {
            "auto" => Ok(Comments::Auto),
            "keep" => Ok(Comments::Keep),
            "drop" => Ok(Comments::Drop),
            _ => Err(format!("comments are auto, keep or drop, not {name}")),
        }
    }
}

/// Words of class and id attributes, cut at capitals and at all that is no letter, each with one of `FRAGMENTS` in it.
const NAMES: &[u8] = b"comment comments commentlist commentslist commenter reply";
const PARTS: [&str; 2] = ["comment", "reply"];

/// The kind of page whose comments are its text.
const THREAD: &str = "forum";
/// Signs that the comments of a page are its text: words of its URL, and types of JSON-LD.
const THREADS: [&str; 11] = [
    "forum",
    "thread",
    "topic",
    "board",
    "discussion",
    "community",
    "question",
    "answers",
    "showthread",
    "viewtopic",
    "/t/",
];
const THREAD_TYPES: [&[u8]; 2] = [b"DiscussionForumPosting\"", b"\"QAPage\""];

/// Elements around a whole page are not comments, whatever their names.
const AROUND: Set = tags::set(&[Tag::Html, Tag::Body, Tag::Main]);

/// Elements that are no text of a comment: forms, headings and controls.
const NO_TEXT: Set = tags::HEADINGS | tags::set(&[Tag::Form, Tag::Button, Tag::Label, Tag::Nav, Tag::Footer]);
const FEWEST_TERMS: u32 = 5;
const MOST_TERMS_WITHOUT_MARK: u32 = 8;

/// Set the probability of the blocks of comments to that of the option. One of 0 is of a copy, and stays.
pub fn settle(page: &Page, comments: Comments, probabilities: &mut [f64]) {
    if comments == Comments::Auto {
        return;
    }
    let Some(inside) = elements(page) else { return };
    for (block, probability) in page.blocks.blocks.iter().zip(probabilities) {
        match inside[block.node as usize] {
            Some(_) if comments == Comments::Drop => *probability = 0.0,
            Some(false) if is_text(block) && *probability > 0.0 => *probability = 1.0,
            _ => {}
        }
    }
}

/// The probabilities without comments; none if no comment is chosen, or if comments are the text of the page.
pub fn without(page: &Page, kind: Option<&str>, probabilities: &[f64], chosen: &[bool]) -> Option<Vec<f64>> {
    let inside = elements(page)?;
    let blocks = &page.blocks.blocks;
    let is_comment = |block: &Block| inside[block.node as usize].is_some();
    if !blocks.iter().zip(chosen).any(|(block, &chosen)| chosen && is_comment(block)) {
        return None;
    }
    if kind == Some(THREAD) || is_thread(page) {
        return None;
    }
    let outside = |(block, &probability)| if is_comment(block) { 0.0 } else { probability };
    Some(blocks.iter().zip(probabilities).map(outside).collect())
}

fn is_thread(page: &Page) -> bool {
    let url = page.url.to_ascii_lowercase();
    let is_typed = |span: &Span| {
        let data = span.of(page.source.as_bytes());
        THREAD_TYPES.iter().any(|kind| memchr::memmem::find(data, kind).is_some())
    };
    THREADS.iter().any(|word| url.contains(word)) || page.tree.head.data.iter().any(is_typed)
}

/// For each element within comments true if it is no text of one; none if there are no comments.
fn elements(page: &Page) -> Option<Vec<Option<bool>>> {
    let (nodes, names) = (&page.tree.nodes, &page.tree.names);
    let parts =
        FRAGMENTS.iter().zip(0..).filter(|(part, _)| PARTS.contains(part)).fold(0, |set, (_, bit)| set | 1 << bit);
    let mut words = Vec::new();
    NAMES.split(|&byte| byte == b' ').for_each(|name| name_tokens(name, &mut words));
    let is_word = |token: &u32| words.contains(token);
    let called: Vec<bool> = names
        .iter()
        .map(|named| {
            named.fragments & parts != 0
                && page.tree.tokens[named.tokens.0 as usize..named.tokens.1 as usize].iter().any(is_word)
        })
        .collect();
    if !called.contains(&true) && !nodes.iter().any(|node| node.flags & COMMENT != 0) {
        return None;
    }
    let mut titles = vec![0_u32];
    for node in nodes {
        titles.push(titles[titles.len() - 1] + u32::from(node.tag == Tag::H1));
    }
    let mut inside: Vec<Option<bool>> = Vec::with_capacity(nodes.len());
    for (at, node) in nodes.iter().enumerate() {
        let above = if at > 0 { inside[node.parent as usize] } else { None };
        let is = (called[node.names as usize] || node.flags & COMMENT != 0)
            && !node.tag.is(AROUND)
            && titles[node.end as usize] == titles[at];
        let begins = if is { Some(false) } else { None };
        inside.push(above.or(begins).map(|apart| apart || node.tag.is(NO_TEXT)));
    }
    Some(inside)
}

/// True if a block of a comment is written by a reader, not a name, a date or a link.
fn is_text(block: &Block) -> bool {
    let stats = &block.stats;
    stats.terms >= FEWEST_TERMS
        && (stats.marks > 0 || stats.terms >= MOST_TERMS_WITHOUT_MARK)
        && block.linked * 2 < stats.characters
        && stats.digits * 4 < stats.characters
}
