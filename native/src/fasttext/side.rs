//! Rows side by side, so that their products with a vector are computed at once.
//!
//! The product of each row adds in the same order as alone.

const ROWS: usize = 16;

/// For each 16 rows their first numbers, their second ones, and so on; zeros where the last rows are missing.
pub struct Side {
    numbers: Vec<[f32; ROWS]>,
    dimensions: usize,
}

impl Side {
    /// Copy rows that lie one after another.
    pub fn new(numbers: &[f32], dimensions: usize) -> Self {
        let mut side = Vec::new();
        for rows in numbers.chunks(ROWS * dimensions) {
            let at = |row: usize, column: usize| rows.get(row * dimensions + column).copied().unwrap_or(0.0);
            side.extend((0..dimensions).map(|column| std::array::from_fn(|row| at(row, column))));
        }
        Side { numbers: side, dimensions }
    }

    /// Append the products of all rows, and of those that are missing.
    pub fn products(&self, vector: &[f32], products: &mut Vec<f32>) {
        for rows in self.numbers.chunks_exact(self.dimensions) {
            products.extend_from_slice(&products_of(rows, vector));
        }
    }
}

/// As in `Matrix::add`: a function of its own with indices only.
#[inline(never)]
#[allow(clippy::needless_range_loop)]
fn products_of(rows: &[[f32; ROWS]], vector: &[f32]) -> [f32; ROWS] {
    let mut sums = [0.0_f32; ROWS];
    for column in 0..rows.len().min(vector.len()) {
        for row in 0..ROWS {
            sums[row] += rows[column][row] * vector[column];
        }
    }
    sums
}
