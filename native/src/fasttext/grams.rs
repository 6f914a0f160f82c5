//! The row of an n-gram in the input matrix: hashing into buckets, and the buckets that pruning left.

use super::reader::{require, Fault, Reader};

const OFFSET: u32 = 2_166_136_261;
const PRIME: u32 = 16_777_619;
/// Characters or words of the longest n-gram: time and memory grow with it, for any text.
const LONGEST: usize = 64;
/// Buckets of a pruned model, whose count nothing in the file bears out: memory grows with it.
const MOST_PRUNED: u32 = 1 << 28;
const WORD_FACTOR: u64 = 116_049_371;

/// fastText's hash of a string, a byte at a time. It takes bytes as signed, unlike FNV-1a.
#[derive(Clone, Copy)]
pub struct Hash(pub u32);

impl Hash {
    pub const EMPTY: Hash = Hash(OFFSET);

    pub fn of(word: &[u8]) -> Hash {
        word.iter().fold(Hash::EMPTY, |hash, &byte| hash.with(byte))
    }

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

/// A map from few of many buckets to rows: a bit for each bucket with the count of those set before its block, and the
/// rows in the order of the bits that are set.
struct Index {
    blocks: Vec<(u64, u32)>,
    rows: Vec<u32>,
}

impl Index {
    fn new(pairs: &mut Vec<(u32, u32)>) -> Self {
        // Of rows for the same bucket the last one counts: the sort is stable, and the reversal puts it first.
        pairs.reverse();
        pairs.sort_by_key(|pair| pair.0);
        pairs.dedup_by_key(|pair| pair.0);
        let count = pairs.last().map_or(0, |pair| pair.0 as usize / 64 + 1);
        let mut blocks = vec![(0_u64, 0_u32); count];
        for (bucket, _) in pairs.iter() {
            blocks[*bucket as usize / 64].0 |= 1 << (bucket % 64);
        }
        let mut total = 0;
        for (bits, before) in &mut blocks {
            *before = total;
            total += bits.count_ones();
        }
        Index { blocks, rows: pairs.iter().map(|pair| pair.1).collect() }
    }

    /// The row of a bucket, or any and false. For speed: whether there is one is no branch, as it cannot be predicted.
    #[inline(always)]
    fn row(&self, bucket: u32) -> (u32, bool) {
        let (bits, before) = self.blocks.get(bucket as usize / 64).copied().unwrap_or_default();
        let bit = 1_u64 << (bucket % 64);
        let rank = (before + (bits & (bit - 1)).count_ones()) as usize;
        (self.rows.get(rank).copied().unwrap_or_default(), bits & bit != 0)
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
        require(longest <= LONGEST && limit(sizes.words) <= LONGEST, || {
            format!("n-grams of {longest} characters and of {} words, of which {LONGEST} can be", sizes.words)
        })?;
        require(pruned < 0 || buckets <= MOST_PRUNED, || format!("few n-grams in {buckets} buckets"))?;
        require(buckets > 0 || !used || pruned == 0, || format!("n-grams in {} buckets", sizes.buckets))?;
        Ok(Grams {
            shortest,
            longest,
            words: limit(sizes.words),
            modulus: Modulus::new(buckets),
            kept: kept(reader, pruned, buckets)?,
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

    /// Append the row of an n-gram of characters, if there is one.
    #[inline(always)]
    pub fn add(&self, hash: Hash, rows: &mut Vec<u32>) {
        self.add_bucket(self.modulus.of(hash.0), rows);
    }

    #[inline(always)]
    fn add_bucket(&self, bucket: u32, rows: &mut Vec<u32>) {
        let (row, kept) = match &self.kept {
            Kept::All => (bucket, true),
            Kept::Some(index) => index.row(bucket),
        };
        rows.push(self.first.wrapping_add(row));
        rows.truncate(rows.len() - usize::from(!kept));
    }

    /// Append the rows of the n-grams of words that begin with the first one, from the hashes of the words.
    #[inline]
    pub fn of_words(&self, hashes: &[u32], rows: &mut Vec<u32>) {
        // The library keeps hashes as signed numbers and widens them so.
        let wide = |hash: u32| i64::from(hash as i32) as u64;
        let mut words = hashes.iter().take(self.words).map(|&hash| wide(hash));
        let Some(mut hash) = words.next() else { return };
        for next in words {
            hash = hash.wrapping_mul(WORD_FACTOR).wrapping_add(next);
            self.add_bucket(self.modulus.of_long(hash), rows);
        }
    }
}

/// A negative count is that of a model that was not pruned.
fn kept(reader: &mut Reader, pruned: i64, buckets: u32) -> Result<Kept, Fault> {
    let Ok(count) = usize::try_from(pruned) else {
        return Ok(Kept::All);
    };
    let bytes = reader.take(count.saturating_mul(8))?;
    let number = |four: &[u8]| u32::try_from(i32::from_le_bytes([four[0], four[1], four[2], four[3]])).ok();
    let mut pairs = Vec::with_capacity(count);
    for pair in bytes.chunks_exact(8) {
        let row = number(&pair[4..]).ok_or_else(|| Fault("damaged fastText model: a row below 0".to_owned()))?;
        pairs.extend(number(pair).filter(|&bucket| bucket < buckets).map(|bucket| (bucket, row)));
        // none is in another
    }
    Ok(Kept::Some(Index::new(&mut pairs)))
}
