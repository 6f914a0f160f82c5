//! Inputs of features from the whole page: sums, groups of equal blocks, scores of elements, a summary.

use xxhash_rust::xxh3::xxh3_64;

use super::blocks::{Block, Blocks};
use super::page::{Page, TitleWords};
use super::sums::{groups, Mass, Sums, LONG};
use super::tags::{self, Tag};
use super::tree::Tree;

/// Features of the block's own text; its neighbours show theirs too.
pub const OWN: usize = 14;
pub const OWN_NAMES: [&str; OWN] = [
    "characters",
    "words",
    "linked",
    "word_length",
    "punctuation",
    "commas",
    "digits",
    "uppers",
    "stops",
    "ends_sentence",
    "copyright",
    "bars",
    "sentences",
    "strong",
];

/// The quotient of two counts.
pub fn ratio(part: u32, whole: u32) -> f32 {
    part as f32 / whole.max(1) as f32
}

/// A hash of an element and the three around it: their tags and, if `named`, their classes and ids.
pub fn place(tree: &Tree, mut node: u32, named: bool) -> u64 {
    let mut key = 0_u64;
    for _ in 0..4 {
        let this = tree.nodes[node as usize];
        let name = if named { tree.names[this.names as usize].hash } else { 0 };
        key = (key.rotate_left(13) ^ (u64::from(name) << 8 | this.tag as u64)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        node = this.parent;
        if this.depth == 0 {
            break;
        }
    }
    key
}

/// The values that are the same for all blocks of a page.
pub struct Whole<'a> {
    pub page: &'a Page<'a>,
    pub tree: &'a Tree,
    pub blocks: &'a Blocks,
    pub sums: Sums,
    pub total: f32,
    pub texts: Vec<(u32, u32)>,
    pub shapes: Vec<(u32, u32)>,
    pub twins: Vec<(u32, u32)>,
    pub children: Vec<u32>,
    pub child_text: Vec<u32>,
    pub summary: Vec<(&'static str, f32)>,
    pub first_heading: usize,
    pub best: (u32, f32), // the node that a readability score favours, and its score
    pub scores: Vec<f32>,
    pub title: TitleWords,
}

impl<'a> Whole<'a> {
    pub fn new(page: &'a Page<'a>, tree: &'a Tree, made: &'a Blocks) -> Self {
        let blocks = &made.blocks[..];
        let sums = Sums::of(blocks);
        let total = sums.before(blocks.len()).characters.max(1) as f32;
        let node = |at: u32| tree.nodes[at as usize];
        let text = |block: &Block| &made.text[block.start as usize..block.end as usize];
        let keys = |of: &dyn Fn(&Block) -> u64| groups(blocks.iter().map(of), blocks);
        let mut children = vec![0; tree.nodes.len()];
        let mut child_text = vec![0; tree.nodes.len()];
        for block in blocks {
            let parent = node(block.node).parent as usize;
            children[parent] += 1;
            child_text[parent] += block.stats.characters;
        }
        let mut whole = Whole {
            page,
            tree,
            blocks: made,
            texts: keys(&|block| xxh3_64(text(block).as_bytes())),
            shapes: keys(&|block| place(tree, block.node, false)),
            twins: keys(&|block| place(tree, block.node, true)),
            sums,
            total,
            children,
            child_text,
            summary: Vec::new(),
            first_heading: blocks.iter().position(|block| node(block.node).tag == Tag::H1).unwrap_or(usize::MAX),
            best: (0, 0.0),
            scores: Vec::new(),
            title: page.title_words(),
        };
        whole.score_nodes();
        whole.summary = whole.summarise();
        whole
    }

    /// A readability score for each node: paragraphs add points to their parents, and half to their grandparents.
    pub fn score_nodes(&mut self) {
        let nodes = &self.tree.nodes;
        let mut scores = vec![0.0_f32; nodes.len()];
        for block in &self.blocks.blocks {
            let tag = nodes[block.node as usize].tag;
            if block.stats.characters < 25
                || !tag.is(tags::set(&[Tag::P, Tag::Td, Tag::Pre, Tag::Div, Tag::Blockquote, Tag::Section]))
            {
                continue;
            }
            let open = 1.0 - ratio(block.linked.min(block.stats.characters), block.stats.characters);
            let points = (1.0 + block.stats.commas as f32 + (block.stats.characters as f32 / 100.0).min(3.0)) * open;
            let parent = if tag == Tag::P { nodes[block.node as usize].parent } else { block.node };
            scores[parent as usize] += points;
            scores[nodes[parent as usize].parent as usize] += points / 2.0;
        }
        for (at, score) in scores.iter_mut().enumerate() {
            if *score > 0.0 {
                *score *= 1.0 - self.mass(at as u32).density();
                if *score > self.best.1 {
                    self.best = (at as u32, *score);
                }
            }
        }
        self.scores = scores;
    }

    pub fn mass(&self, node: u32) -> Mass {
        self.sums.between(self.blocks.first[node as usize] as usize, self.blocks.last[node as usize] as usize)
    }

    pub fn own(&self, at: usize) -> [f32; OWN] {
        let block = &self.blocks.blocks[at];
        let stats = &block.stats;
        let text = &self.blocks.text[block.start as usize..block.end as usize];
        let last = text.chars().next_back().unwrap_or(' ');
        [
            stats.characters as f32,
            stats.words as f32,
            ratio(block.linked.min(stats.characters), stats.characters),
            (stats.characters - stats.spaces) as f32 / stats.words.max(1) as f32,
            ratio(stats.punctuation, stats.characters) * 100.0,
            stats.commas as f32,
            ratio(stats.digits, stats.characters),
            ratio(stats.uppers, stats.characters),
            ratio(stats.stops, stats.words),
            f32::from(u8::from(matches!(last, '.' | '!' | '?' | '。' | '！' | '？' | '"' | '”' | '»')))
                + 2.0 * f32::from(u8::from(last == '…' || text.ends_with("...")))
                + 3.0 * f32::from(u8::from(matches!(last, ':' | '：'))),
            f32::from(u8::from(text.contains('©') || contains_ignoring_case(text, "copyright"))),
            stats.bars as f32,
            stats.sentences as f32,
            ratio(block.strong, stats.characters),
        ]
    }

    pub fn summarise(&self) -> Vec<(&'static str, f32)> {
        let blocks = &self.blocks.blocks;
        let n = blocks.len();
        let all = self.sums.between(0, n);
        let mut lengths: Vec<u32> = blocks.iter().map(|block| block.stats.characters).collect();
        lengths.sort_unstable();
        let sum = |of: fn(&Block) -> u32| blocks.iter().map(of).sum::<u32>() as f32;
        let long: u32 = lengths.iter().filter(|&&length| length > LONG).sum();
        let mut tags = [0_u32; 128];
        self.tree.nodes.iter().for_each(|node| tags[node.tag as usize] += 1);
        let count = |tag: Tag| tags[tag as usize] as f32;
        let mut made = vec![
            ("page.blocks", n as f32),
            ("page.characters", self.total),
            ("page.linked", all.density()),
            ("page.punctuation", sum(|block| block.stats.punctuation) / self.total),
            ("page.long", long as f32 / self.total),
            ("page.stops", sum(|block| block.stats.stops) / sum(|block| block.stats.words).max(1.0)),
            ("page.p90", lengths[n * 9 / 10] as f32),
            ("page.largest", lengths[n - 1] as f32 / self.total),
            ("page.money", sum(|block| block.stats.money)),
            ("page.cjk", sum(|block| block.stats.cjk) / self.total),
            ("page.prose", all.prose / self.total),
            ("page.images", self.blocks.images as f32),
            ("page.articles", count(Tag::Article)),
            ("page.paragraphs", count(Tag::P)),
            ("page.items", count(Tag::Li)),
            ("page.times", count(Tag::Time)),
            ("page.cells", count(Tag::Td)),
            ("page.subheadings", count(Tag::H2) + count(Tag::H3)),
            ("page.h1", count(Tag::H1)),
            ("page.nodes", self.tree.nodes.len() as f32),
            ("page.repeats", self.twins.iter().map(|twin| twin.0).max().unwrap_or(0) as f32),
            ("page.best", self.mass(self.best.0).characters / self.total),
        ];
        made.extend(self.page.signals());
        made
    }
}

fn contains_ignoring_case(text: &str, word: &str) -> bool {
    let first = word.as_bytes()[0];
    memchr::memchr2_iter(first, first.to_ascii_uppercase(), text.as_bytes()).any(|at| {
        text.as_bytes().get(at..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word.as_bytes()))
    })
}
