//! The scorer: boosted trees over the features of a block, and the probability that it is main text.
//!
//! Only additions, multiplications and comparisons in a fixed order, so that every machine has the same values.

use super::features::Labels;
use super::lexicon::Lexicon;
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: &[u8] = b"refinery extractor 1\n";
/// Blocks that go through a tree together.
pub const LANES: usize = 8;

/// A split, or a leaf, which is its own child.
#[derive(Clone, Copy, Default)]
struct Split {
    threshold: f32,
    feature: u16,
    /// Where to go on unless the feature is above the threshold; one further if it is.
    child: u16,
}

struct Tree {
    splits: Vec<Split>,
    values: Vec<f32>,
    depth: usize,
}

pub struct Model {
    /// Of the words of texts, and of the names of elements.
    pub lexicons: [Lexicon; 2],
    trees: Vec<Tree>,
    width: usize,
    base: f32,
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
        let word = |reader: &mut Self| Ok((reader.u32()?, i16::from(i8::from_le_bytes(reader.take()?))));
        let words = (0..size).map(|_| word(self)).collect::<Result<Vec<_>, String>>()?;
        Ok(Lexicon::new(&words, scale))
    }
    fn f32(&mut self) -> Result<f32, String> {
        Ok(f32::from_le_bytes(self.take()?))
    }
}

/// What names a set of features: weights are for one.
pub fn digest(labels: &Labels) -> u64 {
    xxh3_64(labels.0.join("\n").as_bytes())
}

impl Model {
    /// Read weights: the magic line, the digest of the features' names, the lexicons, the sum's start, and the trees.
    pub fn read(bytes: &[u8], labels: &Labels) -> Result<Self, String> {
        let mut reader = Reader(bytes.strip_prefix(MAGIC).ok_or("these are no weights of the extractor")?);
        if u64::from_le_bytes(reader.take()?) != digest(labels) {
            return Err("these weights are for other features: train them anew".to_owned());
        }
        let lexicons = [reader.lexicon()?, reader.lexicon()?];
        let base = reader.f32()?;
        let count = reader.u16()?;
        let width = labels.0.len();
        let trees = (0..count).map(|_| Tree::read(&mut reader, width)).collect::<Result<_, _>>()?;
        Ok(Model { lexicons, trees, width, base })
    }

    /// The probability of each row of features.
    pub fn probabilities(&self, rows: &[f32]) -> Vec<f64> {
        let count = rows.len() / self.width.max(1);
        let mut sums = vec![self.base; count];
        let done = count - count % LANES;
        // The rows of a few blocks stay in the nearest cache while all trees go over them.
        for (sums, rows) in sums.chunks_exact_mut(LANES).zip(rows.chunks_exact(LANES * self.width)) {
            for tree in &self.trees {
                tree.add_lanes(rows, self.width, sums);
            }
        }
        for (sum, row) in sums[done..].iter_mut().zip(rows[done * self.width..].chunks_exact(self.width)) {
            *sum = self.trees.iter().fold(*sum, |sum, tree| sum + tree.value(row));
        }
        sums.into_iter().map(|sum| 1.0 / (1.0 + exp(-f64::from(sum)))).collect()
    }
}

impl Tree {
    /// Splits in an order in which children come after their parents, so that every walk ends.
    fn read(reader: &mut Reader, width: usize) -> Result<Self, String> {
        let size = usize::from(reader.u16()?);
        let mut tree = Tree { splits: Vec::with_capacity(size), values: Vec::with_capacity(size), depth: 0 };
        let mut depths = vec![0_usize; size];
        for at in 0..size {
            let (number, feature, child) = (reader.f32()?, reader.u16()?, reader.u16()?);
            if child == 0 {
                tree.splits.push(Split { threshold: f32::INFINITY, feature: 0, child: at as u16 });
                tree.values.push(number);
            } else {
                let child_at = usize::from(child);
                if child_at <= at || child_at + 1 >= size || usize::from(feature) >= width {
                    return Err("the weights are damaged".to_owned());
                }
                depths[child_at] = depths[at] + 1;
                depths[child_at + 1] = depths[at] + 1;
                tree.splits.push(Split { threshold: number, feature, child });
                tree.values.push(0.0);
            }
        }
        tree.depth = depths.into_iter().max().ok_or("a tree has no leaf")?;
        Ok(tree)
    }

    fn value(&self, row: &[f32]) -> f32 {
        let mut at = 0;
        for _ in 0..self.depth {
            let split = self.splits[at];
            at = usize::from(split.child) + usize::from(row[usize::from(split.feature)] > split.threshold);
        }
        self.values[at]
    }

    #[inline]
    fn add_lanes(&self, rows: &[f32], width: usize, sums: &mut [f32]) {
        let mut at = [0_usize; LANES];
        for _ in 0..self.depth {
            for (lane, at) in at.iter_mut().enumerate() {
                let split = self.splits[*at];
                let value = rows[lane * width + usize::from(split.feature)];
                *at = usize::from(split.child) + usize::from(value > split.threshold);
            }
        }
        for (sum, at) in sums.iter_mut().zip(at) {
            *sum += self.values[at];
        }
    }
}

/// The exponential function, to about 1e-15, and the same everywhere.
fn exp(x: f64) -> f64 {
    let x = x.clamp(-700.0, 700.0);
    let k = (x * std::f64::consts::LOG2_E).round();
    let r = x - k * std::f64::consts::LN_2;
    let mut sum = 1.0;
    for n in (1..=13).rev() {
        sum = 1.0 + sum * r / f64::from(n);
    }
    sum * f64::from_bits(((k as i64 + 1023) as u64) << 52)
}
