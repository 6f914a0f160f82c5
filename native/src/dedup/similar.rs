//! Similar members of groups, compared pair by pair by their sketches. Twin: `refinery.kernels.reference.similar`.

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type, UInt8Type};
use arrow_array::Array;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{InputArray, Numbers, OutputNumbers};
use crate::lists::unfit;

/// Bytes that are compared before their count leaves its byte.
const AT_ONCE: usize = 128;

/// The number of equal bytes of two sketches.
fn shared(a: &[u8], b: &[u8]) -> usize {
    let pieces = a.chunks(AT_ONCE).zip(b.chunks(AT_ONCE));
    pieces.map(|(a, b)| usize::from(a.iter().zip(b).map(|(a, b)| u8::from(a == b)).sum::<u8>())).sum()
}

/// Sketches of one size, one after another.
struct Sketches<'a> {
    bytes: &'a [u8],
    size: usize,
    least: usize,
}

impl Sketches<'_> {
    fn similar(&self, a: u32, b: u32) -> bool {
        let of = |place: u32| &self.bytes[place as usize * self.size..][..self.size];
        shared(of(a), of(b)) >= self.least
    }

    /// For each of the distinct members of a group the number of its component.
    ///
    /// Members that are similar to one that was reached are removed from those left, so that a group of similar members
    /// costs a comparison per member, and only a group without similar ones costs all pairs. Those left are stored by
    /// kind, so that a kind whose members are not compared with each other costs nothing when nothing else is left.
    fn components(&self, members: &[Member], left: &mut [Vec<u32>], found: &mut Vec<u32>) {
        found.clear();
        found.resize(members.len(), 0);
        left.iter_mut().for_each(Vec::clear);
        for at in (0..members.len() as u32).rev() {
            left[usize::from(members[at as usize].1)].push(at);
        }
        let (mut reached, mut component) = (Vec::new(), 0);
        while let Some(member) = left.iter_mut().find_map(Vec::pop) {
            found[member as usize] = component;
            reached.push(member);
            while let Some(member) = reached.pop() {
                let (place, kind) = members[member as usize];
                for (other_kind, left) in (0..).zip(left.iter_mut()) {
                    if kind != 0 && kind == other_kind {
                        continue;
                    }
                    left.retain(|&other| {
                        let similar = self.similar(place, members[other as usize].0);
                        if similar {
                            found[other as usize] = component;
                            reached.push(other);
                        }
                        !similar
                    });
                }
            }
            component += 1;
        }
    }
}

/// The place of a member's sketch, and its kind.
type Member = (u32, u8);

fn firsts(starts: &[u64], places: &[u32], kinds: &[u8], sketches: &Sketches<'_>) -> PyResult<Vec<u64>> {
    let mut made = Vec::with_capacity(places.len());
    let mut left = vec![Vec::new(); usize::from(kinds.iter().max().map_or(0, |&kind| kind)) + 1];
    let (mut distinct, mut component, mut first) = (Vec::<Member>::new(), Vec::new(), Vec::new());
    for ends in starts.windows(2) {
        let ends = ends[0] as usize..ends[1] as usize;
        let (Some(places), Some(kinds)) = (places.get(ends.clone()), kinds.get(ends.clone())) else {
            return Err(PyValueError::new_err("a group reaches beyond the members"));
        };
        let group = || places.iter().copied().zip(kinds.iter().copied());
        distinct.clear();
        distinct.extend(group());
        distinct.sort_unstable();
        distinct.dedup();
        sketches.components(&distinct, &mut left, &mut component);
        first.clear();
        first.resize(distinct.len(), u64::MAX);
        for (at, member) in (ends.start as u64..).zip(group()) {
            let Ok(found) = distinct.binary_search(&member) else { continue };
            let first = &mut first[component[found] as usize];
            *first = at.min(*first);
            made.push(*first);
        }
    }
    Ok(made)
}

#[pyfunction]
pub fn first_similar(
    py: Python<'_>,
    starts: Numbers,
    places: Numbers<UInt32Type>,
    kinds: Numbers<UInt8Type>,
    sketches: InputArray,
    least: usize,
) -> PyResult<OutputNumbers> {
    py.allow_threads(|| {
        let found = sketches.0.as_fixed_size_binary_opt().ok_or_else(|| unfit(sketches.0.data_type()))?;
        let size = found.value_length() as usize;
        if places.iter().any(|&place| place as usize >= found.len()) {
            return Err(PyValueError::new_err("a member has no sketch"));
        }
        let sketches = Sketches { bytes: &found.value_data()[..found.len() * size], size, least };
        Ok(OutputNumbers::of::<UInt64Type>(firsts(&starts, &places, &kinds, &sketches)?))
    })
}
