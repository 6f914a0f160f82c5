//! The ends of the words of a text, searched sixty-four bytes at a time.
//!
//! White space of ASCII has been the same in all versions of Unicode, so it is known here; the
//! caller handles characters beyond ASCII.

const BLOCK: usize = 64;
const WORD: usize = 8;
const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = LOW << 7;
/// Moves the lowest bit of each byte to the highest byte.
const GATHER: u64 = 0x0102_0408_1020_4080;

/// Goes through a text from stop to stop: white space and bytes beyond ASCII.
pub struct Stops<'t> {
    bytes: &'t [u8],
    base: usize, // of the block
    stops: u64,  // in the block, a bit a byte
}

impl<'t> Stops<'t> {
    pub fn new(text: &'t str) -> Self {
        Stops::of(text.as_bytes())
    }

    /// The same of the bytes of a text.
    pub fn of(bytes: &'t [u8]) -> Self {
        let mut stops = Stops { bytes, base: 0, stops: 0 };
        stops.load(0);
        stops
    }

    /// The first stop at `from` or after it, or the end of the text. Quick where places rise.
    #[inline]
    pub fn next(&mut self, from: usize) -> usize {
        let mut from = from;
        loop {
            let within = from.wrapping_sub(self.base); // far beyond the block for a place before it
            if within < BLOCK {
                let rest = self.stops >> within;
                if rest != 0 {
                    return from + rest.trailing_zeros() as usize;
                }
                from = self.base + BLOCK;
            }
            if from >= self.bytes.len() {
                return self.bytes.len();
            }
            self.load(from - from % BLOCK);
        }
    }

    #[inline]
    fn load(&mut self, base: usize) {
        self.base = base;
        let rest = &self.bytes[base..];
        self.stops = match rest.first_chunk() {
            Some(block) => stops(block),
            None => {
                let mut block = [b' '; BLOCK];
                block[..rest.len()].copy_from_slice(rest);
                stops(&block)
            }
        };
    }
}

#[inline]
fn stops(block: &[u8; BLOCK]) -> u64 {
    let mut all = 0;
    for (place, bytes) in block.chunks_exact(WORD).enumerate() {
        let word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        let below = word & !HIGH;
        let at_least = |byte: u64| below + LOW * (128 - byte);
        let space = at_least(9) & !at_least(14) | at_least(28) & !at_least(33);
        let stop = (word | space) & HIGH;
        all |= ((stop >> 7).wrapping_mul(GATHER) >> 56) << (place * WORD);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_are_found_as_one_by_one() {
        for length in [0, 1, 63, 64, 65, 200, 256 * 3] {
            let text = (0..length).map(|place| (place * 37 % 256) as u8 as char).collect::<String>();
            let is_stop = |byte: &u8| !byte.is_ascii() || matches!(byte, 9..=13 | 28..=32);
            let mut stops = Stops::new(&text);
            for from in 0..=text.len() {
                let expected = text.as_bytes()[from..].iter().position(is_stop).map_or(text.len(), |more| from + more);
                assert_eq!(stops.next(from), expected);
            }
        }
    }
}
