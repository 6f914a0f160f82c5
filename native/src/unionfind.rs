//! Connected components of a graph of 64-bit node numbers. Twin: `refinery.kernels.reference.unionfind`.

use arrow_array::UInt64Array;
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;

use crate::boundary::{Given, Made};
use crate::lists::numbers;
use crate::sorted::Sorted;

/// The nodes in ascending order, and for each the place of the smallest node of its component.
struct Components {
    nodes: Vec<u64>,
    roots: Vec<u32>,
}

impl Components {
    fn of(a: &[u64], b: &[u64]) -> PyResult<Self> {
        if a.len() != b.len() {
            return Err(PyValueError::new_err(format!("{} first ends of edges, but {} second", a.len(), b.len())));
        }
        let mut nodes = [a, b].concat();
        nodes.sort_unstable();
        nodes.dedup();
        let Ok(count) = u32::try_from(nodes.len()) else {
            return Err(PyOverflowError::new_err(format!("{} nodes do not fit 32-bit places", nodes.len())));
        };
        let mut parents: Vec<u32> = (0..count).collect();
        let places = Sorted::of(&nodes, usize::MAX)?;
        for (&a, &b) in a.iter().zip(b) {
            if let (Some(a), Some(b)) = (places.rank(a), places.rank(b)) {
                join(&mut parents, a, b);
            }
        }
        // A parent is never larger than its child, so it is at its root when the child is reached.
        for node in 0..parents.len() {
            parents[node] = parents[parents[node] as usize];
        }
        Ok(Components { nodes, roots: parents })
    }

    fn labels(&self) -> impl Iterator<Item = u64> + '_ {
        self.roots.iter().map(|&root| self.nodes[root as usize])
    }

    /// An edge from each root to each other node of its component, by root and then by node.
    fn forest(&self) -> (Vec<u64>, Vec<u64>) {
        let inner = || (0..).zip(&self.roots).filter(|&(node, &root): &(usize, &u32)| node != root as usize);
        let mut places = vec![0_usize; self.roots.len() + 1];
        inner().for_each(|(_, &root)| places[root as usize + 1] += 1);
        (1..places.len()).for_each(|root| places[root] += places[root - 1]);
        let count = places[self.roots.len()];
        let (mut a, mut b) = (vec![0; count], vec![0; count]);
        for (node, &root) in inner() {
            let place = &mut places[root as usize];
            (a[*place], b[*place]) = (self.nodes[root as usize], self.nodes[node]);
            *place += 1;
        }
        (a, b)
    }
}

/// Put the larger of two roots under the smaller one.
fn join(parents: &mut [u32], a: usize, b: usize) {
    let (a, b) = (root(parents, a), root(parents, b));
    let (low, high) = (a.min(b), a.max(b));
    parents[high] = low as u32;
}

/// The root of a node; the path to it is halved on the way.
fn root(parents: &mut [u32], mut node: usize) -> usize {
    loop {
        let parent = parents[node] as usize;
        let grandparent = parents[parent];
        if parent == grandparent as usize {
            return parent;
        }
        parents[node] = grandparent;
        node = grandparent as usize;
    }
}

#[pyfunction]
fn components(py: Python<'_>, a: Given, b: Given) -> PyResult<(Made, Made)> {
    py.allow_threads(|| {
        let found = Components::of(numbers(&a.0)?, numbers(&b.0)?)?;
        let labels = UInt64Array::from_iter_values(found.labels());
        Ok((Made::new(UInt64Array::from(found.nodes)), Made::new(labels)))
    })
}

#[pyfunction]
fn spanning_forest(py: Python<'_>, a: Given, b: Given) -> PyResult<(Made, Made)> {
    py.allow_threads(|| {
        let (a, b) = Components::of(numbers(&a.0)?, numbers(&b.0)?)?.forest();
        Ok((Made::new(UInt64Array::from(a)), Made::new(UInt64Array::from(b))))
    })
}

/// Add this module's functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(components, module)?)?;
    module.add_function(wrap_pyfunction!(spanning_forest, module)?)
}
