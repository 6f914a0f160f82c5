//! Look-ups in sorted numbers: a table over the leading bits, then a short binary search.
//!
//! Numbers that are spread evenly, as hashes are, take one or two reads each; any others a binary search at worst. A
//! number that is not there mostly takes one read: each number sets two bits in a word of its bucket.

use pyo3::exceptions::PyValueError;
use pyo3::PyResult;

/// Numbers in ascending order.
pub struct Sorted<'a> {
    numbers: &'a [u64],
    /// The first number of each bucket, and an end; empty if a table would cost more than it saves.
    starts: Vec<usize>,
    shift: u32,
    /// For each bucket the traces of all its numbers.
    traces: Vec<u64>,
}

/// With more numbers per look-up than this, no table is built.
const TOO_FEW: usize = 16;

/// The bits of a number in the word of its bucket.
#[inline(always)]
fn trace(number: u64) -> u64 {
    1 << (number & 63) | 1 << (number >> 6 & 63)
}

impl<'a> Sorted<'a> {
    /// Prepare for so many look-ups. An error if the numbers do not ascend.
    pub fn of(numbers: &'a [u64], lookups: usize) -> PyResult<Self> {
        let mut made = Sorted { numbers, starts: Vec::new(), shift: 0, traces: Vec::new() };
        let (Some(&first), Some(&last)) = (numbers.first(), numbers.last()) else {
            return Ok(made);
        };
        if lookups < numbers.len() / TOO_FEW {
            return Ok(made);
        }
        if !numbers.is_sorted() {
            return Err(PyValueError::new_err("expected sorted numbers"));
        }
        // Four to eight numbers a bucket.
        let bits = u64::BITS - last.wrapping_sub(first).leading_zeros();
        made.shift = bits.saturating_sub(numbers.len().ilog2().saturating_sub(2)).min(u64::BITS - 1);
        let buckets = ((last - first) >> made.shift) as usize + 1;
        made.starts.reserve_exact(buckets + 1);
        made.traces.resize(buckets, 0);
        for (at, &number) in numbers.iter().enumerate() {
            let bucket = ((number - first) >> made.shift) as usize;
            made.traces[bucket] |= trace(number);
            while made.starts.len() <= bucket {
                made.starts.push(at);
            }
        }
        made.starts.push(numbers.len());
        Ok(made)
    }

    /// True if the number is there.
    #[inline(always)]
    pub fn contains(&self, number: u64) -> bool {
        if self.starts.is_empty() {
            return self.rank(number).is_some();
        }
        let bucket = (number.wrapping_sub(self.numbers[0]) >> self.shift) as usize;
        let traces = self.traces.get(bucket).copied().unwrap_or(0);
        traces & trace(number) == trace(number) && self.rank(number).is_some()
    }

    /// The place of a number; any of its places if it is there more than once.
    #[inline(always)]
    pub fn rank(&self, number: u64) -> Option<usize> {
        if self.starts.is_empty() {
            return self.numbers.binary_search(&number).ok();
        }
        let bucket = (number.checked_sub(self.numbers[0])? >> self.shift) as usize;
        let (start, end) = (*self.starts.get(bucket)?, *self.starts.get(bucket.checked_add(1)?)?);
        self.numbers[start..end].binary_search(&number).ok().map(|at| start + at)
    }
}
