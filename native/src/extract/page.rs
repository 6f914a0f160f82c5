//! A page prepared for scoring: its tree, its blocks, and its metadata.

use super::blocks::{blocks, Block, Blocks};
use super::builder::Builder;
use super::clean::Cleaner;
use super::context::{context, Context};
use super::entities::Entities;
use super::fragments::Fragments;
use super::lexicon::{path_tokens, text_tokens, Lexicon};
use super::scanner::Span;
use super::stats::Counter;
use super::tags::Names;
use super::tree::Tree;
use xxhash_rust::xxh3::xxh3_64;

/// The tables that every page needs, built once.
pub struct Tables {
    names: Names,
    fragments: Fragments,
    entities: Entities,
    counter: Counter,
}

impl Tables {
    pub fn new(entities: Entities) -> Self {
        Tables { names: Names::new(), fragments: Fragments::new(), entities, counter: Counter::new() }
    }

    /// The tree of a page.
    pub fn parse(&self, source: &str, structure: bool) -> Tree {
        Builder::new(source.as_bytes(), &self.names, &self.fragments, structure).build()
    }
}

pub struct Page<'a> {
    pub source: &'a str,
    pub url: &'a str,
    pub title: String,
    pub tree: Tree,
    pub blocks: Blocks,
    pub entities: &'a Entities,
}

/// The most characters of a title, and of the source that it is read from.
const LONGEST_TITLE: usize = 1000;
const TITLE_SOURCE: usize = 8 * LONGEST_TITLE;

/// Words of a URL's path and query, by the kind of page that they indicate.
const URL_WORDS: [(&str, &[&str]); 5] = [
    ("url.forum", &["forum", "thread", "topic", "showthread", "viewtopic", "t/"]),
    ("url.product", &["product", "shop", "item", "/p/", "dp/"]),
    ("url.article", &["blog", "/20", "article", "news", "story"]),
    ("url.docs", &["docs", "wiki", "help", "manual", "reference", "guide"]),
    ("url.listing", &["category", "tag", "collections", "list", "search"]),
];

/// Types of JSON-LD that indicate the kind of page.
const DATA_TYPES: [(&str, &str); 9] = [
    ("data.article", "Article\""),
    ("data.posting", "Posting\""),
    ("data.product", "\"Product\""),
    ("data.list", "\"ItemList\""),
    ("data.collection", "\"CollectionPage\""),
    ("data.question", "\"QAPage\""),
    ("data.faq", "\"FAQPage\""),
    ("data.event", "\"Event\""),
    ("data.business", "Business\""),
];

fn flag(is: bool) -> f32 {
    f32::from(u8::from(is))
}

impl<'a> Page<'a> {
    /// Parse a page. `structure`: note what marks of its text need.
    pub fn new(source: &'a str, url: &'a str, tables: &'a Tables, structure: bool) -> Self {
        let mut tree = tables.parse(source, structure);
        let mut cleaner = Cleaner::new(&tables.entities);
        let mut title = String::new();
        if let Some(text) = tree.head.title.and_then(|span| source.get(span.start as usize..span.end as usize)) {
            let end = text.char_indices().nth(TITLE_SOURCE).map_or(text.len(), |(end, _)| end);
            cleaner.push(&text[..end], false);
            cleaner.finish();
            std::mem::swap(&mut title, &mut cleaner.text);
            cleaner = Cleaner::new(&tables.entities);
            let too_long = title.char_indices().nth(LONGEST_TITLE).map(|(end, _)| end);
            tree.cut |= end < text.len() || too_long.is_some();
            title.truncate(too_long.unwrap_or(title.len()));
            title.truncate(title.trim_end().len());
        }
        let blocks = blocks(source, &tree, &tables.counter, cleaner);
        Page { source, url, title, tree, blocks, entities: &tables.entities }
    }

    /// A part of the source.
    pub fn text(&self, span: Span) -> &str {
        self.source.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// The tokens of each block's text.
    pub fn text_tokens(&self) -> Vec<Vec<u32>> {
        let tokens = |block| {
            let mut tokens = Vec::new();
            text_tokens(self.blocks.text_of(block), &mut tokens);
            tokens
        };
        self.blocks.blocks.iter().map(tokens).collect()
    }

    /// The tokens of the elements around each block.
    pub fn path_tokens(&self) -> Vec<Vec<u32>> {
        let tokens = |block: &Block| {
            let mut tokens = Vec::new();
            path_tokens(&self.tree, block.node, &mut tokens);
            tokens
        };
        self.blocks.blocks.iter().map(tokens).collect()
    }

    /// The contexts of features, from scores by the lexicons.
    pub fn contexts(&self, scores: [&[f32]; 2]) -> [Context; 2] {
        let weights: Vec<f32> = self.blocks.blocks.iter().map(|block| (block.stats.characters as f32).sqrt()).collect();
        [context("text_score", scores[0], &weights), context("name_score", scores[1], &weights)]
    }

    /// Scores by the lexicons.
    pub fn scores(&self, lexicons: &[Lexicon; 2]) -> [Vec<f32>; 2] {
        let mut tokens = Vec::new();
        let mut texts = Vec::with_capacity(self.blocks.blocks.len());
        for block in &self.blocks.blocks {
            tokens.clear();
            text_tokens(self.blocks.text_of(block), &mut tokens);
            texts.push(lexicons[0].score(&tokens));
        }
        [texts, lexicons[1].path_scores(&self.tree, self.blocks.blocks.iter().map(|block| block.node))]
    }

    /// The language that the root element names.
    pub fn lang(&self) -> Option<String> {
        let lang = self.tree.head.lang.map(|span| span.of(self.source.as_bytes()))?.trim_ascii();
        let plain = !lang.is_empty()
            && lang.len() <= 35
            && lang.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b'_');
        plain.then(|| lang.iter().map(|&byte| char::from(byte)).collect())
    }

    /// Signals of the URL and the head for the kind of page.
    pub fn signals(&self) -> Vec<(&'static str, f32)> {
        let url = self.url.to_ascii_lowercase();
        let after_scheme = url.find("://").map_or(0, |at| at + 3);
        let path = url[after_scheme..].find('/').map_or("", |at| &url[after_scheme + at..]);
        let mut made: Vec<_> =
            URL_WORDS.iter().map(|(name, words)| (*name, flag(words.iter().any(|word| path.contains(word))))).collect();
        made.push(("url.slashes", path.matches('/').count() as f32));
        made.push(("url.length", path.len() as f32));
        made.push(("url.home", flag(matches!(path, "" | "/" | "/?"))));
        made.push(("url.digits", path.bytes().filter(u8::is_ascii_digit).count() as f32));
        made.push(("url.hyphens", path.bytes().filter(|&byte| byte == b'-').count() as f32));
        let kind = self.tree.head.kind.map(|span| span.of(self.source.as_bytes())).unwrap_or_default();
        made.push((
            "og.kind",
            match kind.to_ascii_lowercase().as_slice() {
                b"" => 0.0,
                b"article" => 1.0,
                b"website" => 2.0,
                kind if kind.starts_with(b"product") || kind.ends_with(b"product") => 3.0,
                _ => 4.0,
            },
        ));
        let data = || self.tree.head.data.iter().map(|span| span.of(self.source.as_bytes()));
        for (name, word) in DATA_TYPES {
            made.push((name, flag(data().any(|data| memchr::memmem::find(data, word.as_bytes()).is_some()))));
        }
        made
    }

    /// The words of the title.
    pub fn title_words(&self) -> TitleWords {
        let mut made = TitleWords { hashes: words(&self.title).map(hash).collect(), likely: [0; 4] };
        words(&self.title).for_each(|word| made.likely[likely(word) / 64] |= 1 << (likely(word) % 64));
        made.hashes.sort_unstable();
        made.hashes.dedup();
        made
    }
}

/// Hashes of words, sorted, with a filter that excludes most other words.
pub struct TitleWords {
    hashes: Vec<u64>,
    likely: [u64; 4],
}

impl TitleWords {
    /// The share of a text's words that are in the title; 0 for long texts.
    pub fn share_of(&self, text: &str) -> f32 {
        if text.len() > 300 || self.hashes.is_empty() {
            return 0.0;
        }
        let (mut all, mut found) = (0_u32, 0_u32);
        for word in words(text) {
            all += 1;
            let maybe = self.likely[likely(word) / 64] >> (likely(word) % 64) & 1 != 0;
            found += u32::from(maybe && self.hashes.binary_search(&hash(word)).is_ok());
        }
        found as f32 / all.max(1) as f32
    }
}

fn hash(word: &str) -> u64 {
    xxh3_64(word.as_bytes())
}

/// A number below 256 by a word's length and last byte.
fn likely(word: &str) -> usize {
    let last = word.as_bytes().last().copied().unwrap_or(0);
    (usize::from(last) + 37 * word.len()) % 256
}

/// The runs of letters and digits.
fn words(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        text = &text[run(text, false)..];
        let word;
        (word, text) = text.split_at(run(text, true));
        (!word.is_empty()).then_some(word)
    })
}

/// The bytes of the characters at the start of a text that are letters or digits, or are not.
fn run(text: &str, wanted: bool) -> usize {
    let mut at = 0;
    while let Some(&byte) = text.as_bytes().get(at) {
        let (is, size) = match text[at..].chars().next().filter(|_| !byte.is_ascii()) {
            Some(character) => (character.is_alphanumeric(), character.len_utf8()),
            None => (byte.is_ascii_alphanumeric(), 1),
        };
        if is != wanted {
            break;
        }
        at += size;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_are_the_runs_of_letters_and_digits() {
        for text in ["", " ", "a", "A bridge, of 1999!", "für «mots»—ça", "…", "漢字、かな ½x²", "a\u{301}b", "۱۲ ok"]
        {
            let naive: Vec<&str> = text.split(|character: char| !character.is_alphanumeric()).collect();
            let naive: Vec<&str> = naive.into_iter().filter(|word| !word.is_empty()).collect();
            assert_eq!(words(text).collect::<Vec<_>>(), naive);
        }
    }
}
