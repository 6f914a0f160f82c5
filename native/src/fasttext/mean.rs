//! The mean of rows, which is what a model sees of a text.

use super::matrix::Matrix;

/// A sum of rows, and after `finish` their mean.
#[derive(Default)]
pub struct Mean {
    sums: Vec<f32>,
    count: usize,
}

impl Mean {
    pub fn clear(&mut self, dimensions: usize) {
        self.sums.clear();
        self.sums.resize(dimensions, 0.0);
        self.count = 0;
    }

    /// Add rows to each of some sums.
    #[inline]
    pub fn add<const N: usize>(input: &Matrix, rows: &[u32], means: [&mut Mean; N]) {
        input.add(
            rows,
            means.map(|mean| {
                mean.count += rows.len();
                &mut mean.sums[..]
            }),
        );
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// The mean; None without rows.
    pub fn finish(&mut self) -> Option<&[f32]> {
        let share = (1.0 / self.count as f64) as f32;
        self.sums.iter_mut().for_each(|sum| *sum *= share);
        (self.count > 0).then_some(&self.sums[..])
    }
}
