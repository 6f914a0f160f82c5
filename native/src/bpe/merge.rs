//! Byte-pair merging: of all neighbours that are a token together those of lowest rank are joined, the leftmost first,
//! until there are none. Twin: `tiktoken`, as `refinery.kernels.reference.bpe` uses it.

use crate::bpe::long_merge::LongMerger;
use crate::bpe::vocabulary::{Token, Vocabulary, NONE};

/// Up to this many bytes, comparing all neighbours for each merge costs less than queueing them.
const SHORT: usize = 128;

/// Merges bytes to tokens. Keeps memory between calls, and nothing else.
pub struct Merger {
    ranks: Ranks,
    long: LongMerger,
}

impl Merger {
    pub fn new() -> Self {
        Merger { ranks: Ranks { placed: [i32::MAX; SHORT] }, long: LongMerger::new() }
    }

    /// Merge the bytes and append the tokens that are left.
    pub fn merge(&mut self, vocabulary: &Vocabulary, bytes: &[u8], tokens: &mut Vec<Token>) {
        let first = tokens.len();
        tokens.extend(bytes.iter().map(|byte| vocabulary.byte(*byte)));
        if bytes.len() > SHORT {
            self.long.merge(vocabulary, tokens, first);
        } else {
            let left = merge_short(vocabulary, bytes, &mut self.ranks, &mut tokens[first..]);
            tokens.truncate(first + left);
        }
    }
}

/// Merge the tokens of at most `SHORT` bytes in place, and return how many are left.
fn merge_short(vocabulary: &Vocabulary, bytes: &[u8], ranks: &mut Ranks, tokens: &mut [Token]) -> usize {
    if tokens.is_empty() {
        return 0;
    }
    let blocks = tokens.len().div_ceil(BLOCK);
    for (at, pair) in bytes.windows(2).enumerate() {
        ranks.set(at, vocabulary.joined_bytes(pair[0], pair[1]));
    }
    // A token is known by the place of its first byte, which has a bit here.
    let mut firsts = u128::MAX >> (SHORT - tokens.len());
    while let Some((at, joined)) = ranks.lowest(blocks) {
        let gone = place_after(firsts, at);
        tokens[at] = joined;
        firsts &= !(1 << gone);
        ranks.set(gone, NONE);
        let next = place_after(firsts, at);
        ranks.set(at, if next < SHORT { vocabulary.joined(joined, tokens[next]) } else { NONE });
        let before = firsts & ((1 << at) - 1);
        if before != 0 {
            let last = before.ilog2() as usize;
            ranks.set(last, vocabulary.joined(tokens[last], joined));
        }
    }
    let mut count = 0;
    while firsts != 0 {
        tokens[count] = tokens[firsts.trailing_zeros() as usize];
        count += 1;
        firsts &= firsts - 1;
    }
    count
}

/// The first place after `at` that has a bit; at least `SHORT` if there is none.
#[inline]
fn place_after(bits: u128, at: usize) -> usize {
    (bits & (!1 << at)).trailing_zeros() as usize
}

/// The ranks of neighbours by the place of the first one, each with that place below it, so that of equal ranks the
/// leftmost is the lowest.
struct Ranks {
    placed: [i32; SHORT],
}

/// Ranks that a processor compares at once.
const BLOCK: usize = 8;
const PLACE_BITS: u32 = SHORT.ilog2();

impl Ranks {
    #[inline]
    fn set(&mut self, at: usize, rank: Token) {
        self.placed[at] = if rank == NONE { i32::MAX } else { i32::from(rank) << PLACE_BITS | at as i32 };
    }

    /// The lowest rank in so many blocks and its place; none if there is no rank.
    #[inline]
    fn lowest(&self, blocks: usize) -> Option<(usize, Token)> {
        let mut lowest = [i32::MAX; BLOCK];
        for block in self.placed.chunks_exact(BLOCK).take(blocks) {
            for (low, placed) in lowest.iter_mut().zip(block) {
                *low = (*low).min(*placed);
            }
        }
        let lowest = lowest.into_iter().fold(i32::MAX, i32::min);
        (lowest < i32::MAX).then_some((lowest as usize % SHORT, (lowest >> PLACE_BITS) as Token))
    }
}
