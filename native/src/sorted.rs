//! Look-ups in sorted numbers: a table over the leading bits, then a short binary search.
//!
//! Numbers that are spread evenly, as hashes are, take one or two reads each; any others a binary search at worst.

use pyo3::exceptions::PyValueError;
use pyo3::PyResult;

/// Numbers in ascending order.
pub struct Sorted<'a> {
    numbers: &'a [u64],
    /// Where the numbers of each bucket begin, and an end; empty if a table would cost more than it saves.
    starts: Vec<usize>,
    shift: u32,
}

/// With more numbers a look-up than this, no table is made.
const TOO_FEW: usize = 16;

impl<'a> Sorted<'a> {
    /// Prepare for so many look-ups. An error if the numbers do not ascend.
    pub fn of(numbers: &'a [u64], lookups: usize) -> PyResult<Self> {
        let (Some(&first), Some(&last)) = (numbers.first(), numbers.last()) else {
            return Ok(Sorted { numbers, starts: Vec::new(), shift: 0 });
        };
        if lookups < numbers.len() / TOO_FEW {
            return Ok(Sorted { numbers, starts: Vec::new(), shift: 0 });
        }
        if !numbers.is_sorted() {
            return Err(PyValueError::new_err("expected sorted numbers"));
        }
        // About two numbers a bucket.
        let bits = u64::BITS - last.wrapping_sub(first).leading_zeros();
        let shift = bits.saturating_sub(numbers.len().ilog2().saturating_sub(1)).min(u64::BITS - 1);
        let mut starts = Vec::with_capacity(((last - first) >> shift) as usize + 2);
        for (at, &number) in numbers.iter().enumerate() {
            let bucket = ((number - first) >> shift) as usize;
            while starts.len() <= bucket {
                starts.push(at);
            }
        }
        starts.push(numbers.len());
        Ok(Sorted { numbers, starts, shift })
    }

    /// Whether a number is there.
    #[inline]
    pub fn contains(&self, number: u64) -> bool {
        self.rank(number).is_some()
    }

    /// The place of a number; any of its places if it is there more than once.
    #[inline]
    pub fn rank(&self, number: u64) -> Option<usize> {
        if self.starts.is_empty() {
            return self.numbers.binary_search(&number).ok();
        }
        let bucket = (number.checked_sub(self.numbers[0])? >> self.shift) as usize;
        let (start, end) = (*self.starts.get(bucket)?, *self.starts.get(bucket.checked_add(1)?)?);
        self.numbers[start..end].binary_search(&number).ok().map(|at| start + at)
    }
}
