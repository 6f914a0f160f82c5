//! Classifiers by boosted trees over features of a text. Twins: `refinery.kernels.reference.features`, `.trees`.

mod grams;
mod scan;
mod similar;
mod tally;

use arrow_array::types::{Float32Type, Int64Type, UInt16Type, UInt32Type};
use arrow_array::Array;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{InputArray, Numbers, OutputNumbers};
use crate::classes::Classes;
use crate::forest::{probability, Forest, Lanes, Node, Room, LANES};
use crate::strings::{strings, text};
use scan::{Scan, FEATURES};

/// Bits of the number of a bucket: at least, at most.
const BITS: std::ops::RangeInclusive<u32> = 1..=24;

/// Trees over the features of a text and its linear score, which comes last.
#[pyclass(frozen)]
pub struct Trees {
    weights: Numbers<Float32Type>,
    bits: u32,
    bias: f32,
    forest: Forest,
}

#[pymethods]
impl Trees {
    /// Take the weights of `2 ** bits` buckets, and trees: the number of nodes of each, and the nodes of all. A leaf has
    /// no left child, and its value as `numbers`; the others have a threshold.
    #[new]
    fn new(
        weights: Numbers<Float32Type>,
        bias: f32,
        sizes: Numbers<UInt32Type>,
        numbers: Numbers<Float32Type>,
        features: Numbers<UInt16Type>,
        left: Numbers<UInt16Type>,
    ) -> PyResult<Self> {
        let wrong = || PyValueError::new_err("damaged trees");
        let bits = weights.len().checked_ilog2().filter(|bits| BITS.contains(bits)).ok_or_else(wrong)?;
        if weights.len() != 1 << bits || features.len() != numbers.len() || left.len() != numbers.len() {
            return Err(wrong());
        }
        let mut nodes = numbers.iter().zip(features.iter().zip(left.iter())).map(|(&number, (&feature, &left))| {
            if left == 0 {
                Node::Leaf(number)
            } else {
                Node::Split { threshold: number, feature, left }
            }
        });
        let mut trees = Vec::new();
        for &size in sizes.iter() {
            let tree: Vec<Node> = nodes.by_ref().take(size as usize).collect();
            trees.push(tree);
        }
        let is_whole = trees.iter().zip(sizes.iter()).all(|(tree, &size)| tree.len() == size as usize);
        if !is_whole || nodes.next().is_some() || trees.len() > usize::from(u16::MAX) {
            return Err(wrong());
        }
        let forest = Forest::new(&trees, &[false; FEATURES + 1], 0.0).ok_or_else(wrong)?;
        drop(nodes);
        Ok(Trees { weights, bits, bias, forest })
    }

    /// The probability of the positive label of each text.
    fn scores(&self, py: Python<'_>, texts: InputArray, classes: &[u8]) -> PyResult<OutputNumbers> {
        let classes = Classes::try_from(classes)?;
        py.allow_threads(|| {
            let texts = strings(&texts)?;
            let mut scan = Scan::new(classes);
            let mut room = Room::default();
            let mut found = Vec::with_capacity(texts.len());
            for start in (0..texts.len()).step_by(LANES) {
                let mut rows: [Lanes; FEATURES + 1] = [[0.0; LANES]; FEATURES + 1];
                let count = LANES.min(texts.len() - start);
                for lane in 0..count {
                    let features = scan.features(text(texts, start + lane)?);
                    let linear = scan.grams.score(&self.weights, self.bits, self.bias);
                    for (row, value) in rows.iter_mut().zip(features.into_iter().chain([linear])) {
                        row[lane] = value;
                    }
                }
                found.extend(self.forest.sums(&rows, &mut room)[..count].iter().map(|&sum| probability(sum)));
            }
            Ok(OutputNumbers::of::<arrow_array::types::Float64Type>(found))
        })
    }
}

/// The features of each text, one text after another.
#[pyfunction]
pub fn text_features(py: Python<'_>, texts: InputArray, classes: &[u8]) -> PyResult<OutputNumbers> {
    let classes = Classes::try_from(classes)?;
    py.allow_threads(|| {
        let texts = strings(&texts)?;
        let mut scan = Scan::new(classes);
        let mut found = Vec::with_capacity(texts.len() * FEATURES);
        for row in 0..texts.len() {
            found.extend(scan.features(text(texts, row)?));
        }
        Ok(OutputNumbers::of::<Float32Type>(found))
    })
}

/// The number of buckets of each text, and the buckets and counts of all.
#[pyfunction]
pub fn text_ngrams(
    py: Python<'_>,
    texts: InputArray,
    bits: u32,
    classes: &[u8],
) -> PyResult<(OutputNumbers, OutputNumbers, OutputNumbers)> {
    let classes = Classes::try_from(classes)?;
    if !BITS.contains(&bits) {
        return Err(PyValueError::new_err(format!("{bits} bits")));
    }
    py.allow_threads(|| {
        let texts = strings(&texts)?;
        let mut scan = Scan::new(classes);
        let (mut sizes, mut buckets, mut counts) = (Vec::with_capacity(texts.len()), Vec::new(), Vec::new());
        for row in 0..texts.len() {
            scan.features(text(texts, row)?);
            scan.grams.count(bits);
            let before = buckets.len();
            for (bucket, count) in scan.grams.buckets() {
                buckets.push(bucket as u32);
                counts.push(count);
            }
            sizes.push((buckets.len() - before) as i64);
        }
        let of = OutputNumbers::of::<UInt32Type>;
        Ok((OutputNumbers::of::<Int64Type>(sizes), of(buckets), of(counts)))
    })
}
