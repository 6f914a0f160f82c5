//! The row of an n-gram in the input matrix: hashing into buckets, and the buckets that pruning left.

use super::reader::{require, Fault, Reader};

const OFFSET: u32 = 2_166_136_261;
const PRIME: u32 = 16_777_619;
const WORD_FACTOR: u64 = 116_049_371;

/// fastText's hash of a string, a byte at a time. It takes bytes as signed, unlike FNV-1a.
#[derive(Clone, Copy)]
pub struct Hash(pub u32);

impl Hash {
    pub const EMPTY: Hash = Hash(OFFSET);

    #[inline(always)]
    pub fn with(self, byte: u8) -> Hash {
        Hash((self.0 ^ i32::from(byte as i8) as u32).wrapping_mul(PRIME))
    }
}

/// Remainders by one divisor, without division for 32 bits (Lemire, Kaser, Kurz 2019, arXiv 1902.01961).
struct Modulus {
    divisor: u32,
    inverse: u64,
}

impl Modulus {
    /// A divisor of 0 is taken as 1, and never used: see `Grams::read`.
    fn new(divisor: u32) -> Self {
        let divisor = divisor.max(1);
        Modulus { divisor, inverse: (u64::MAX / u64::from(divisor)).wrapping_add(1) }
    }

    #[inline(always)]
    fn of(&self, number: u32) -> u32 {
        let fraction = self.inverse.wrapping_mul(u64::from(number));
        ((u128::from(fraction) * u128::from(self.divisor)) >> 64) as u32
    }

    fn of_long(&self, number: u64) -> u32 {
        (number % u64::from(self.divisor)) as u32
    }
}

/// The buckets of which the model has rows.
enum Kept {
    All,
    Some(Index),
}

/// A map from few of many buckets to rows: a bit for each bucket, and the rows in the order of the bits that are set.
struct Index {
    bits: Vec<u64>,
    before: Vec<u32>,
    rows: Vec<u32>,
}

impl Index {
    fn new(pairs: &mut Vec<(u32, u32)>) -> Self {
        // Of rows for the same bucket the last one counts: the sort is stable, and the reversal puts it first.
        pairs.reverse();
        pairs.sort_by_key(|pair| pair.0);
        pairs.dedup_by_key(|pair| pair.0);
        let blocks = pairs.last().map_or(0, |pair| pair.0 as usize / 64 + 1);
        let mut bits = vec![0_u64; blocks];
        for (bucket, _) in pairs.iter() {
            bits[*bucket as usize / 64] |= 1 << (bucket % 64);
        }
        let counts = bits.iter().scan(0, |total, block| {
            *total += block.count_ones();
            Some(*total - block.count_ones())
        });
        let before = counts.collect();
        Index { bits, before, rows: pairs.iter().map(|pair| pair.1).collect() }
    }

    #[inline(always)]
    fn row(&self, bucket: u32) -> Option<u32> {
        let block = bucket as usize / 64;
        let bits = self.bits.get(block)?;
        let bit = 1_u64 << (bucket % 64);
        if bits & bit == 0 {
            return None;
        }
        let rank = self.before[block] + (bits & (bit - 1)).count_ones();
        Some(self.rows[rank as usize])
    }
}

/// The n-grams of characters and of words that a model knows.
pub struct Grams {
    /// Characters of the shortest and of the longest n-gram; none if `longest` is 0.
    pub shortest: usize,
    pub longest: usize,
    /// Words of the longest n-gram of words; single words are no n-grams.
    pub words: usize,
    modulus: Modulus,
    kept: Kept,
    first: u32,
}

/// The sizes of n-grams in the head of a model's file.
pub struct Sizes {
    pub words: i32,
    pub buckets: i32,
    pub shortest: i32,
    pub longest: i32,
}

impl Grams {
    /// Read the list of buckets that pruning left, if any; their rows come after those of `words` words.
    pub fn read(reader: &mut Reader, sizes: &Sizes, pruned: i64, words: usize) -> Result<Self, Fault> {
        let limit = |number: i32| usize::try_from(number).unwrap_or(0);
        let (shortest, longest) = (limit(sizes.shortest).max(1), limit(sizes.longest));
        let used = longest >= shortest || sizes.words > 1;
        let buckets = u32::try_from(sizes.buckets).unwrap_or(0);
        require(buckets > 0 || !used || pruned == 0, || format!("n-grams in {} buckets", sizes.buckets))?;
        Ok(Grams {
            shortest,
            longest,
            words: limit(sizes.words),
            modulus: Modulus::new(buckets),
            kept: kept(reader, pruned)?,
            first: u32::try_from(words).map_err(|_| Fault(format!("damaged fastText model: {words} words")))?,
        })
    }

    /// One more than the last row that an n-gram or a word can have.
    pub fn rows(&self) -> usize {
        let used = self.longest >= self.shortest || self.words > 1;
        let last = match &self.kept {
            Kept::All if used => u64::from(self.modulus.divisor),
            Kept::Some(index) if used => index.rows.iter().max().map_or(0, |&row| u64::from(row) + 1),
            _ => 0,
        };
        usize::try_from(u64::from(self.first) + last).unwrap_or(usize::MAX)
    }

    #[inline(always)]
    pub fn row(&self, hash: Hash) -> Option<u32> {
        self.row_of(self.modulus.of(hash.0))
    }

    #[inline(always)]
    fn row_of(&self, bucket: u32) -> Option<u32> {
        match &self.kept {
            Kept::All => Some(self.first + bucket),
            Kept::Some(index) => Some(self.first + index.row(bucket)?),
        }
    }

    /// Append the rows of the n-grams of words, from the hashes of the words.
    pub fn of_words(&self, hashes: &[u32], rows: &mut Vec<u32>) {
        // The library keeps hashes as signed numbers and widens them so.
        let wide = |hash: u32| i64::from(hash as i32) as u64;
        for (start, &first) in hashes.iter().enumerate() {
            let mut hash = wide(first);
            for &next in hashes[start + 1..].iter().take(self.words.saturating_sub(1)) {
                hash = hash.wrapping_mul(WORD_FACTOR).wrapping_add(wide(next));
                rows.extend(self.row_of(self.modulus.of_long(hash)));
            }
        }
    }
}

/// A negative count is that of a model that was not pruned.
fn kept(reader: &mut Reader, pruned: i64) -> Result<Kept, Fault> {
    let Ok(count) = usize::try_from(pruned) else {
        return Ok(Kept::All);
    };
    let bytes = reader.take(count.saturating_mul(8))?;
    let number = |four: &[u8]| u32::try_from(i32::from_le_bytes([four[0], four[1], four[2], four[3]])).ok();
    let mut pairs = Vec::with_capacity(count);
    for pair in bytes.chunks_exact(8) {
        let row = number(&pair[4..]).ok_or_else(|| Fault("damaged fastText model: a row below 0".to_owned()))?;
        pairs.extend(number(pair).map(|bucket| (bucket, row))); // no n-gram is in a bucket below 0
    }
    Ok(Kept::Some(Index::new(&mut pairs)))
}
