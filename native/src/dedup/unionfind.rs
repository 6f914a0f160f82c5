//! Connected components of a graph of 64-bit node numbers. Twin: `refinery.kernels.reference.unionfind`.

use arrow_array::types::{UInt32Type, UInt64Type};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;

use crate::boundary::{Numbers, OutputNumbers};
use crate::dedup::lookup::Sorted;
use crate::dedup::radix::sorted;

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
        let mut nodes = sorted(&[a, b]);
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

/// Clusters of numbered documents, joined edge by edge: 4 bytes for each document that has an edge, a fifth for any.
#[pyclass]
pub struct Unions {
    /// A bit for each document that has an edge.
    marks: Vec<u64>,
    /// The number of bits set before each word; computed at the first edge.
    before: Vec<u32>,
    parents: Vec<u32>,
    /// The number of documents of each root; computed when first needed.
    sizes: Vec<u32>,
    documents: u64,
}

impl Unions {
    fn node(&self, document: u64) -> Option<usize> {
        let (word, bit) = ((document / 64) as usize, document % 64);
        let bits = *self.marks.get(word)?;
        let inside = (bits & ((1 << bit) - 1)).count_ones();
        (bits >> bit & 1 == 1).then(|| (self.before[word] + inside) as usize)
    }

    fn number(&mut self) -> PyResult<()> {
        let mut count = 0_u64;
        self.before = Vec::with_capacity(self.marks.len());
        for word in &self.marks {
            self.before.push(count as u32);
            count += u64::from(word.count_ones());
        }
        let Ok(count) = u32::try_from(count) else {
            return Err(PyOverflowError::new_err(format!("{count} documents with an edge do not fit 32-bit places")));
        };
        self.parents = (0..count).collect();
        Ok(())
    }

    fn nodes_of(&self, documents: &[u64]) -> PyResult<Vec<usize>> {
        let nodes = documents.iter().map(|&document| self.node(document).ok_or_else(|| unmarked(document)));
        nodes.collect()
    }
}

fn unmarked(document: u64) -> PyErr {
    PyValueError::new_err(format!("document {document} has not been marked"))
}

#[pymethods]
impl Unions {
    #[new]
    fn new(documents: u64) -> Self {
        let marks = vec![0; documents.div_ceil(64) as usize];
        Unions { marks, before: Vec::new(), parents: Vec::new(), sizes: Vec::new(), documents }
    }

    fn mark(&mut self, py: Python<'_>, documents: Numbers) -> PyResult<()> {
        py.allow_threads(|| {
            if !self.before.is_empty() {
                return Err(PyValueError::new_err("all documents are marked before the first edge"));
            }
            for &document in &*documents {
                if document >= self.documents {
                    return Err(PyValueError::new_err(format!("there is no document {document}")));
                }
                self.marks[(document / 64) as usize] |= 1 << (document % 64);
            }
            Ok(())
        })
    }

    fn join(&mut self, py: Python<'_>, a: Numbers, b: Numbers) -> PyResult<()> {
        py.allow_threads(|| {
            if a.len() != b.len() {
                return Err(PyValueError::new_err(format!("{} first ends of edges, but {} second", a.len(), b.len())));
            }
            if self.before.is_empty() {
                self.number()?;
            }
            self.sizes.clear();
            for (&a, &b) in a.iter().zip(&*b) {
                let a = self.node(a).ok_or_else(|| unmarked(a))?;
                let b = self.node(b).ok_or_else(|| unmarked(b))?;
                join(&mut self.parents, a, b);
            }
            Ok(())
        })
    }

    fn sizes(&mut self, py: Python<'_>, documents: Numbers) -> PyResult<OutputNumbers> {
        py.allow_threads(|| {
            if self.before.is_empty() {
                self.number()?;
            }
            if self.sizes.is_empty() {
                self.sizes = vec![0; self.parents.len()];
                for node in 0..self.parents.len() {
                    let root = root(&mut self.parents, node);
                    self.sizes[root] += 1;
                }
            }
            let mut nodes = self.nodes_of(&documents)?;
            nodes.iter_mut().for_each(|node| *node = root(&mut self.parents, *node));
            Ok(OutputNumbers::of::<UInt32Type>(nodes.iter().map(|&node| self.sizes[node]).collect()))
        })
    }

    fn clusters(&mut self, py: Python<'_>, first: u64, count: u64) -> PyResult<(OutputNumbers, OutputNumbers)> {
        py.allow_threads(|| {
            if self.before.is_empty() {
                self.number()?;
            }
            let (mut rows, mut labels) = (Vec::new(), Vec::new());
            for row in 0..count.min(self.documents.saturating_sub(first)) {
                if let Some(node) = self.node(first + row) {
                    rows.push(row as u32);
                    labels.push(root(&mut self.parents, node) as u64);
                }
            }
            Ok((OutputNumbers::of::<UInt32Type>(rows), OutputNumbers::of::<UInt64Type>(labels)))
        })
    }
}

#[pyfunction]
pub fn components(py: Python<'_>, a: Numbers, b: Numbers) -> PyResult<(OutputNumbers, OutputNumbers)> {
    py.allow_threads(|| {
        let components = Components::of(&a, &b)?;
        let labels = components.labels().collect();
        Ok((OutputNumbers::of::<UInt64Type>(components.nodes), OutputNumbers::of::<UInt64Type>(labels)))
    })
}

#[pyfunction]
pub fn spanning_forest(py: Python<'_>, a: Numbers, b: Numbers) -> PyResult<(OutputNumbers, OutputNumbers)> {
    py.allow_threads(|| {
        let (a, b) = Components::of(&a, &b)?.forest();
        Ok((OutputNumbers::of::<UInt64Type>(a), OutputNumbers::of::<UInt64Type>(b)))
    })
}
