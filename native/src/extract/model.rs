//! The scorer: boosted trees over the features of a block, and the probability that it is main text.
//!
//! Only additions, multiplications and comparisons in a fixed order, so that every machine has the same values.

use super::lexicon::Lexicon;
use super::sink::Labels;
use crate::forest::{exp, probability, Forest, Lanes, Node, Room, LANES};
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: &[u8] = b"refinery extractor 2\n";

/// The kinds of pages that are distinguished.
pub const KINDS: [&str; 7] = ["article", "collection", "documentation", "forum", "listing", "product", "service"];

const PRODUCT: &str = "product";

/// What is guessed of a page; nothing of one without blocks.
#[derive(Clone, Copy, Default)]
pub struct Kind {
    /// The likeliest of `KINDS`.
    pub name: Option<&'static str>,
    /// The probability that it is a product.
    pub product: f64,
}

pub struct Model {
    /// Of the words of texts, and of the names of elements.
    pub lexicons: [Lexicon; 2],
    forest: Forest,
    /// Features of a row.
    pub width: usize,
    /// One for each of `KINDS`, over the features of the page.
    kinds: Vec<Forest>,
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or("the weights end too early")?;
        self.0 = rest;
        Ok(*head)
    }
    fn u16(&mut self) -> Result<u16, String> {
        Ok(u16::from_le_bytes(self.take()?))
    }
    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.take()?))
    }
    fn lexicon(&mut self) -> Result<Lexicon, String> {
        let (size, scale) = (self.u32()?, self.f32()?);
        let word = |reader: &mut Self| Ok((reader.u32()?, i8::from_le_bytes(reader.take()?)));
        let words = (0..size).map(|_| word(self)).collect::<Result<Vec<_>, String>>()?;
        Ok(Lexicon::new(&words, scale))
    }
    fn f32(&mut self) -> Result<f32, String> {
        Ok(f32::from_le_bytes(self.take()?))
    }
    /// Thresholds or values, features, and places of left children; a leaf has none.
    fn tree(&mut self) -> Result<Vec<Node>, String> {
        let node = |reader: &mut Self| {
            let (number, feature, left) = (reader.f32()?, reader.u16()?, reader.u16()?);
            Ok(if left == 0 { Node::Leaf(number) } else { Node::Split { threshold: number, feature, left } })
        };
        (0..self.u16()?).map(|_| node(self)).collect()
    }
    fn forest(&mut self, of_page: &[bool]) -> Result<Forest, String> {
        let base = self.f32()?;
        let trees = (0..self.u16()?).map(|_| self.tree()).collect::<Result<Vec<_>, _>>()?;
        Forest::new(&trees, of_page, base).ok_or_else(|| "the weights are damaged".to_owned())
    }
}

/// The digest of a set of features, for which weights are trained.
pub fn digest(labels: &Labels) -> u64 {
    xxh3_64(labels.names.join("\n").as_bytes())
}

impl Model {
    /// Read weights: the magic line, the digest of the features' names, the lexicons, the forest of blocks, and those
    /// of the kinds of pages. A forest is the sum's start and the trees.
    pub fn read(bytes: &[u8], labels: &Labels) -> Result<Self, String> {
        let mut reader = Reader(bytes.strip_prefix(MAGIC).ok_or("these are no weights of the extractor")?);
        if u64::from_le_bytes(reader.take()?) != digest(labels) {
            return Err("these weights are for other features: train them anew".to_owned());
        }
        let lexicons = [reader.lexicon()?, reader.lexicon()?];
        let forest = reader.forest(&labels.of_page)?;
        let kinds = KINDS.iter().map(|_| reader.forest(&labels.of_page)).collect::<Result<_, _>>()?;
        Ok(Model { lexicons, forest, kinds, width: labels.names.len() })
    }

    /// The probabilities of some rows of features of the page that `room` has begun.
    pub fn probabilities(&self, rows: &[Lanes], room: &mut Room) -> [f64; LANES] {
        self.forest.sums(rows, room).map(probability)
    }

    /// Begin a page, some rows of which are given, and say what kind of page it is.
    pub fn begin(&self, rows: &[Lanes], room: &mut Room) -> Kind {
        let mut scores = KINDS.map(|_| f32::NEG_INFINITY);
        for (score, forest) in scores.iter_mut().zip(&self.kinds) {
            forest.begin(rows, room);
            *score = forest.sums(rows, room)[0];
        }
        self.forest.begin(rows, room);
        let (mut best, mut all, mut products) = (0, 0.0, 0.0);
        for (at, &score) in scores.iter().enumerate() {
            best = if score > scores[best] { at } else { best };
            let odds = exp(f64::from(score));
            all += odds;
            products += if KINDS[at] == PRODUCT { odds } else { 0.0 };
        }
        Kind { name: Some(KINDS[best]), product: products / all }
    }
}
