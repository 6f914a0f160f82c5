//! The features of each block, a row of numbers, from which it is scored. Every figure of a subtree is a difference of
//! prefix sums, so the whole is linear in the size of the page.
//!
//! Features are defined here only: training computes them by the same function.

use super::context::Context;
use super::fragments::FRAGMENTS;
use super::page::Page;
use super::sink::Sink;
use super::sums::Mass;
use super::tags::Tag;
use super::tree;
use super::whole::{ratio, Whole, OWN, OWN_NAMES};

const OWN_TAGS: &[Tag] = &[
    Tag::P,
    Tag::Div,
    Tag::Li,
    Tag::Td,
    Tag::Th,
    Tag::H1,
    Tag::H2,
    Tag::H3,
    Tag::H4,
    Tag::Pre,
    Tag::Blockquote,
    Tag::Dd,
    Tag::Dt,
    Tag::Figcaption,
    Tag::Section,
    Tag::Article,
    Tag::Span,
    Tag::Body,
    Tag::Label,
    Tag::Caption,
    Tag::Summary,
    Tag::Button,
];
const ANCESTORS: &[Tag] = &[
    Tag::Noscript,
    Tag::Article,
    Tag::Main,
    Tag::Nav,
    Tag::Aside,
    Tag::Header,
    Tag::Footer,
    Tag::Form,
    Tag::Ul,
    Tag::Ol,
    Tag::Table,
    Tag::Blockquote,
    Tag::Figure,
    Tag::Section,
    Tag::Li,
    Tag::Dl,
    Tag::Details,
    Tag::A,
    Tag::Button,
    Tag::Address,
];
const LEVELS: usize = 6;
const FAR: f32 = 16.0;
/// How near is the nearest ancestor of a kind: more is nearer, 0 is none.
fn near(level: usize) -> f32 {
    (FAR - level as f32).max(1.0)
}

/// The features of a page's blocks.
pub struct Features<'a> {
    whole: Whole<'a>,
    own: Vec<[f32; OWN]>,
    contexts: &'a [Context],
    path: Vec<u32>,
}

impl<'a> Features<'a> {
    /// Measure a page that has blocks.
    pub fn new(page: &'a Page<'a>, contexts: &'a [Context]) -> Self {
        let whole = Whole::new(page, &page.tree, &page.blocks);
        let own = (0..page.blocks.blocks.len()).map(|at| whole.own(at)).collect();
        Features { whole, own, contexts, path: Vec::new() }
    }

    /// Put the features of one block.
    pub fn put(&mut self, at: usize, sink: &mut impl Sink) {
        self.whole.row(at, &self.own, &mut self.path, sink);
        for context in self.contexts {
            context.put(at, sink);
        }
    }
}

impl Whole<'_> {
    fn row(&self, at: usize, own: &[[f32; OWN]], path: &mut Vec<u32>, sink: &mut impl Sink) {
        let block = &self.blocks.blocks[at];
        path.clear();
        let mut node = block.node;
        path.push(node);
        while node != 0 {
            node = self.tree.nodes[node as usize].parent;
            path.push(node);
        }
        for (name, value) in OWN_NAMES.iter().zip(own[at]) {
            sink.put(name, value);
        }
        self.put_text(at, sink);
        self.put_place(at, path, sink);
        self.put_ancestors(at, path, sink);
        self.put_names(path, sink);
        self.put_neighbours(at, own, sink);
        for &(name, value) in &self.summary {
            sink.put_of_page(name, value);
        }
    }

    fn put_text(&self, at: usize, sink: &mut impl Sink) {
        let block = &self.blocks.blocks[at];
        let stats = &block.stats;
        let text = &self.blocks.text[block.start as usize..block.end as usize];
        let first = text.chars().next().unwrap_or(' ');
        sink.put("letters", ratio(stats.letters, stats.characters));
        sink.put("cjk", ratio(stats.cjk, stats.characters));
        sink.put("money", stats.money as f32);
        sink.put("links", block.links as f32);
        sink.put("images", block.images as f32);
        sink.put("breaks", block.breaks as f32);
        sink.put("marks", f32::from(block.marks));
        sink.put("preformatted", f32::from(u8::from(block.kept)));
        sink.put("terms", stats.terms as f32);
        sink.put("starts_upper", f32::from(u8::from(first.is_uppercase())));
        sink.put("starts_odd", f32::from(u8::from(!first.is_alphanumeric())));
        sink.put("title_share", self.title.share_of(text));
        sink.put("repeats", self.texts[at].0 as f32);
    }

    fn put_place(&self, at: usize, path: &[u32], sink: &mut impl Sink) {
        let n = self.blocks.blocks.len();
        let before = self.sums.before(at).characters as f32;
        sink.put("place", at as f32 / n as f32);
        sink.put("place_text", before / self.total);
        sink.put("place_blocks", at as f32);
        sink.put("place_end", (n - at) as f32);
        sink.put("depth", path.len() as f32);
        let heading = self.first_heading;
        let from_heading = if heading == usize::MAX { -1000.0 } else { at as f32 - heading as f32 };
        sink.put("from_h1", from_heading);
        let (shape, twin) = (self.shapes[at], self.twins[at]);
        sink.put("shape", shape.0 as f32);
        sink.put("shape_text", shape.1 as f32 / self.total);
        sink.put("shape_mean", shape.1 as f32 / shape.0.max(1) as f32);
        sink.put("twins", twin.0 as f32);
        sink.put("twins_text", twin.1 as f32 / self.total);
        sink.put("twins_mean", twin.1 as f32 / twin.0.max(1) as f32);
        for (name, width) in [("window5", 5), ("window15", 15)] {
            let (from, to) = (at.saturating_sub(width), (at + width + 1).min(n));
            let (left, right) = (self.sums.between(from, at), self.sums.between(at + 1, to));
            sink.put_nth(name, 0, left.characters / left.blocks.max(1.0));
            sink.put_nth(name, 1, left.density());
            sink.put_nth(name, 2, left.long);
            sink.put_nth(name, 3, right.characters / right.blocks.max(1.0));
            sink.put_nth(name, 4, right.density());
            sink.put_nth(name, 5, right.long);
        }
        sink.put("prose_before", self.sums.before(at).prose as f32 / self.total);
        sink.put("prose_after", self.sums.between(at + 1, n).prose / self.total);
    }

    fn put_ancestors(&self, at: usize, path: &[u32], sink: &mut impl Sink) {
        let node = |level: usize| path.get(level).copied();
        let parent = node(1).unwrap_or(0);
        sink.put("siblings", self.children[parent as usize] as f32);
        sink.put("siblings_text", self.child_text[parent as usize] as f32 / self.total);
        for level in 0..LEVELS {
            let mass = node(level).map(|node| self.mass(node));
            sink.put_nth("up.share", level, mass.map_or(1.0, |mass| mass.characters / self.total));
            sink.put_nth("up.density", level, mass.map_or(0.5, Mass::density));
            sink.put_nth("up.prose", level, mass.map_or(-1.0, |mass| mass.prose / mass.characters.max(1.0)));
            if level > 0 && level < 5 {
                sink.put_nth("up.blocks", level, mass.map_or(0.0, |mass| mass.blocks));
                sink.put_nth("up.marks", level, mass.map_or(0.0, |mass| 100.0 * mass.marks / mass.characters.max(1.0)));
                sink.put_nth("up.characters", level, mass.map_or(0.0, |mass| mass.characters));
                let place = node(level).map_or(0.0, |node| {
                    let first = self.blocks.first[node as usize] as usize;
                    (at as f32 - first as f32) / mass.map_or(1.0, |mass| mass.blocks.max(1.0))
                });
                sink.put_nth("up.place", level, place);
                sink.put_nth("up.score", level, node(level).map_or(0.0, |node| self.scores[node as usize]));
            }
        }
        let best = self.tree.nodes[self.best.0 as usize];
        let level = path.iter().position(|&node| node == self.best.0);
        sink.put("best", level.map_or(0.0, near));
        let block = self.blocks.blocks[at].node;
        let common =
            path.iter().position(|&node| node <= self.best.0 && self.best.0 < self.tree.nodes[node as usize].end);
        sink.put("best.up", common.map_or(0.0, |level| f32::from(best.depth) - path.len() as f32 + level as f32));
        sink.put("best.down", common.unwrap_or(0) as f32);
        sink.put("best.side", f32::from(u8::from(block > self.best.0)));
        let top = path.iter().map(|&node| self.scores[node as usize]).fold(0.0_f32, f32::max);
        sink.put("best.share", top / self.best.1.max(1.0));
    }

    fn put_names(&self, path: &[u32], sink: &mut impl Sink) {
        let own = self.tree.nodes[path[0] as usize].tag;
        for (n, &tag) in OWN_TAGS.iter().enumerate() {
            sink.put_nth("tag", n, f32::from(u8::from(own == tag)));
        }
        let mut fragments = [0_u8; FRAGMENTS.len()];
        let mut above = [0_u8; 128];
        let (mut seen, mut flags, mut own_flags): (u128, u8, u8) = (0, 0, 0);
        for (level, &at) in path.iter().enumerate() {
            let node = self.tree.nodes[at as usize];
            let value = near(level) as u8;
            if node.names != 0 {
                let mut new = self.tree.names[node.names as usize].fragments & !seen;
                seen |= new;
                while new != 0 {
                    fragments[new.trailing_zeros() as usize] = value;
                    new &= new - 1;
                }
            }
            above[node.tag as usize] = above[node.tag as usize].max(value);
            flags |= node.flags;
            own_flags |= if level < 2 { node.flags } else { 0 };
        }
        for (n, &tag) in ANCESTORS.iter().enumerate() {
            sink.put_nth("within", n, f32::from(above[tag as usize]));
        }
        for (n, flag) in [
            tree::HIDDEN,
            tree::NOSCRIPT,
            tree::ROLE_MAIN,
            tree::ROLE_CHROME,
            tree::PROP_ARTICLE,
            tree::PROP_TEXT,
            tree::PROP_OTHER,
        ]
        .into_iter()
        .enumerate()
        {
            sink.put_nth(
                "flag",
                n,
                f32::from(u8::from(flags & flag != 0)) + f32::from(u8::from(own_flags & flag != 0)),
            );
        }
        for (n, &value) in fragments.iter().enumerate() {
            sink.put_nth("name", n, f32::from(value));
        }
    }

    fn put_neighbours(&self, at: usize, own: &[[f32; OWN]], sink: &mut impl Sink) {
        for (name, step) in [("before2", -2_isize), ("before1", -1), ("after1", 1), ("after2", 2)] {
            let neighbour = at.checked_add_signed(step).and_then(|at| own.get(at));
            for n in 0..OWN - 2 {
                sink.put_nth(name, n, neighbour.map_or(-1.0, |own| own[n]));
            }
            let same = at.checked_add_signed(step).filter(|&near| near < own.len()).map_or(-1.0, |near| {
                let (this, that) = (&self.blocks.blocks[at], &self.blocks.blocks[near]);
                let (this, that) = (self.tree.nodes[this.node as usize], self.tree.nodes[that.node as usize]);
                f32::from(u8::from(this.tag == that.tag)) + 2.0 * f32::from(u8::from(this.parent == that.parent))
            });
            sink.put_nth(name, OWN, same);
        }
    }
}
