//! The matrices of a model: sums of rows, and products with a row. Rows are whole or coded by a product quantiser.
//!
//! Each dimension of a sum, and each product, adds in the library's order, so that rounding is the same.

use arrow_buffer::{Buffer, MutableBuffer};

use super::reader::{require, Fault, Reader};
use super::side::Side;

const CENTROIDS: usize = 256;
const BLOCK: usize = 16;
/// Rows that are added block by block of their columns.
const PART: usize = 128;
const LARGEST_DECODED: usize = 1 << 24;
const LEAST_ROWS: usize = 4;

pub struct Matrix {
    pub rows: usize,
    pub dimensions: usize,
    body: Body,
    side: Option<Side>,
}

enum Body {
    /// Numbers of 32 bits, little-endian.
    Whole(Buffer),
    Coded(Codes),
}

/// Rows in parts: each part is one of 256 centroids, and a row's centroids share a factor.
struct Codes {
    codes: Buffer,
    parts: usize,
    /// Dimensions of each part; the last may have less.
    width: usize,
    last: usize,
    centroids: Vec<f32>,
    norms: Option<(Buffer, Vec<f32>)>,
}

impl Matrix {
    pub fn read_whole(reader: &mut Reader) -> Result<Self, Fault> {
        let (rows, dimensions) = (reader.large_size("rows")?, reader.large_size("columns")?);
        let numbers = reader.take(rows.saturating_mul(dimensions).saturating_mul(4))?;
        Ok(Matrix { rows, dimensions, body: Body::Whole(numbers), side: None })
    }

    pub fn read_coded(reader: &mut Reader) -> Result<Self, Fault> {
        let with_norms = reader.byte()? != 0;
        let (rows, dimensions) = (reader.large_size("rows")?, reader.large_size("columns")?);
        let size = reader.size("codes")?;
        let bytes = reader.take(size)?;
        let (shape, centroids) = read_quantiser(reader)?;
        let [columns, parts, width, last] = shape;
        require(columns == dimensions && rows.checked_mul(parts) == Some(size), || {
            format!("{size} codes of {rows} × {parts} parts, {columns} of {dimensions} columns")
        })?;
        let norms = if with_norms { Some(read_norms(reader, rows)?) } else { None };
        let body = Body::Coded(Codes { codes: bytes, parts, width, last, centroids, norms });
        Ok(Matrix { rows, dimensions, body, side: None })
    }

    /// The same with a copy for `products`, if its rows are whole, and enough for the copy to be no waste.
    pub fn side_by_side(mut self) -> Self {
        if let (Body::Whole(numbers), LEAST_ROWS..) = (&self.body, self.rows) {
            self.side = Some(Side::new(&numbers.chunks_exact(4).map(number).collect::<Vec<_>>(), self.dimensions));
        }
        self
    }

    /// The same with whole rows, which are faster to add, unless that takes more than 64 MB.
    pub fn decoded(self) -> Self {
        match &self.body {
            Body::Coded(codes) if self.rows.saturating_mul(self.dimensions) <= LARGEST_DECODED => {
                let mut numbers = MutableBuffer::with_capacity(self.rows * self.dimensions * 4);
                for row in 0..self.rows {
                    let factor = codes.factor(row);
                    codes.for_each(row, |_, number| numbers.extend_from_slice(&(factor * number).to_le_bytes()));
                }
                Matrix { body: Body::Whole(numbers.into()), ..self }
            }
            _ => self,
        }
    }

    /// Add rows to each of some sums, in their order.
    pub fn add<const N: usize>(&self, rows: &[u32], mut sums: [&mut [f32]; N]) {
        match &self.body {
            Body::Whole(numbers) => {
                // For speed: the rows of a part stay in the nearest memory from one block of columns to the next.
                let part = if self.dimensions > BLOCK { PART } else { rows.len().max(1) };
                for rows in rows.chunks(part) {
                    add_whole(numbers, self.dimensions, rows, &mut sums);
                }
            }
            Body::Coded(codes) => {
                let mut numbers = vec![0.0; self.dimensions];
                for &row in rows {
                    let factor = codes.factor(row as usize);
                    codes.decode(row as usize, &mut numbers);
                    for sums in &mut sums {
                        sums.iter_mut().zip(&numbers).for_each(|(sum, number)| *sum += factor * number);
                    }
                }
            }
        }
    }

    /// The numbers of a row.
    pub fn row(&self, row: usize) -> Vec<f32> {
        let mut numbers = vec![0.0; self.dimensions];
        match &self.body {
            Body::Whole(all) => {
                let row = all[4 * self.dimensions * row..].chunks_exact(4);
                numbers.iter_mut().zip(row).for_each(|(own, four)| *own = number(four));
            }
            Body::Coded(codes) => {
                let factor = codes.factor(row);
                codes.for_each(row, |column, number| numbers[column] = factor * number);
            }
        }
        numbers
    }

    /// Write the products of all rows with `vector`.
    pub fn products(&self, vector: &[f32], products: &mut Vec<f32>) -> Result<(), Fault> {
        products.clear();
        if let Some(side) = &self.side {
            side.products(vector, products);
            products.truncate(self.rows);
            return products.iter().try_for_each(|product| check(*product));
        }
        for row in 0..self.rows {
            products.push(self.product(row, vector)?);
        }
        Ok(())
    }

    /// The product of a row with `vector`. A fault if that is no number, as in the library, which asks of whole rows.
    pub fn product(&self, row: usize, vector: &[f32]) -> Result<f32, Fault> {
        let mut sum = 0.0_f32;
        match &self.body {
            Body::Whole(numbers) => {
                let row = &numbers[4 * self.dimensions * row..][..4 * self.dimensions];
                for (four, factor) in row.chunks_exact(4).zip(vector) {
                    sum += number(four) * factor;
                }
                check(sum)?;
                Ok(sum)
            }
            Body::Coded(codes) => {
                codes.for_each(row, |column, number| sum += vector[column] * number);
                Ok(sum * codes.factor(row))
            }
        }
    }
}

impl Codes {
    fn factor(&self, row: usize) -> f32 {
        self.norms.as_ref().map_or(1.0, |(codes, norms)| norms[usize::from(codes[row])])
    }

    /// Write the centroids of a row. For speed: parts of few dimensions are copied by instructions of that width.
    fn decode(&self, row: usize, numbers: &mut [f32]) {
        match self.width {
            1 => self.decode_parts::<1>(row, numbers),
            2 => self.decode_parts::<2>(row, numbers),
            4 => self.decode_parts::<4>(row, numbers),
            8 => self.decode_parts::<8>(row, numbers),
            _ => self.for_each(row, |column, number| numbers[column] = number),
        }
    }

    fn decode_parts<const WIDTH: usize>(&self, row: usize, numbers: &mut [f32]) {
        let codes = &self.codes[row * self.parts..][..self.parts];
        let whole = numbers.len() / WIDTH;
        let tables = self.centroids.chunks_exact(CENTROIDS * WIDTH);
        for ((part, &code), table) in numbers.chunks_exact_mut(WIDTH).zip(codes).zip(tables) {
            part.copy_from_slice(&table[usize::from(code) * WIDTH..][..WIDTH]);
        }
        if whole < self.parts {
            let start = whole * CENTROIDS * WIDTH + usize::from(codes[whole]) * self.last;
            numbers[whole * WIDTH..].copy_from_slice(&self.centroids[start..][..self.last]);
        }
    }

    #[inline(always)]
    fn for_each(&self, row: usize, mut act: impl FnMut(usize, f32)) {
        let codes = &self.codes[row * self.parts..][..self.parts];
        for (part, &code) in codes.iter().enumerate() {
            let width = if part + 1 == self.parts { self.last } else { self.width };
            let start = part * CENTROIDS * self.width + usize::from(code) * width;
            for (column, &number) in self.centroids[start..][..width].iter().enumerate() {
                act(part * self.width + column, number);
            }
        }
    }
}

#[inline(always)]
fn number(four: &[u8]) -> f32 {
    f32::from_le_bytes([four[0], four[1], four[2], four[3]])
}

/// A fault for what is no number.
pub fn check(product: f32) -> Result<(), Fault> {
    if product.is_nan() {
        return Err(Fault("the fastText model gives what is no number (NaN)".to_owned()));
    }
    Ok(())
}

/// Add rows of whole numbers, block by block of their columns.
fn add_whole<const N: usize>(numbers: &[u8], dimensions: usize, rows: &[u32], sums: &mut [&mut [f32]; N]) {
    let (width, mut start) = (4 * dimensions, 0);
    while start + BLOCK <= dimensions {
        add_block::<N, BLOCK>(numbers, (width, start), rows, sums);
        start += BLOCK;
    }
    let rest = dimensions - start;
    if rest & 8 != 0 {
        add_block::<N, 8>(numbers, (width, start), rows, sums);
        start += 8;
    }
    if rest & 4 != 0 {
        add_block::<N, 4>(numbers, (width, start), rows, sums);
        start += 4;
    }
    if rest & 2 != 0 {
        add_block::<N, 2>(numbers, (width, start), rows, sums);
        start += 2;
    }
    if rest & 1 != 0 {
        add_block::<N, 1>(numbers, (width, start), rows, sums);
    }
}

/// `place` is the length of a row in bytes, and the first column. For speed: a function of its own with indices only, so
/// that the code around it cannot decide whether numbers are added side by side.
#[inline(never)]
#[allow(clippy::needless_range_loop)]
fn add_block<const N: usize, const WIDTH: usize>(
    numbers: &[u8],
    place: (usize, usize),
    rows: &[u32],
    sums: &mut [&mut [f32]; N],
) {
    let mut held = [[0.0_f32; WIDTH]; N];
    for sum in 0..N {
        held[sum].copy_from_slice(&sums[sum][place.1..place.1 + WIDTH]);
    }
    for row in 0..rows.len() {
        let part = numbers[place.0 * rows[row] as usize + 4 * place.1..].get(..4 * WIDTH);
        let Some(part) = part else { continue }; // a matrix has all rows
        for sum in 0..N {
            for column in 0..WIDTH {
                let at = 4 * column;
                held[sum][column] += f32::from_le_bytes([part[at], part[at + 1], part[at + 2], part[at + 3]]);
            }
        }
    }
    for sum in 0..N {
        sums[sum][place.1..place.1 + WIDTH].copy_from_slice(&held[sum]);
    }
}

/// Columns, parts, width, width of the last part; and the centroids of all parts.
fn read_quantiser(reader: &mut Reader) -> Result<([usize; 4], Vec<f32>), Fault> {
    let mut shape = [0; 4];
    for size in &mut shape {
        *size = reader.size("dimensions of a quantiser")?;
    }
    let [columns, parts, width, last] = shape;
    let fits = columns > 0 && width > 0 && parts == columns.div_ceil(width) && last == columns - (parts - 1) * width;
    require(fits, || format!("a quantiser of {columns} columns in {parts} parts of {width}, the last of {last}"))?;
    Ok((shape, reader.floats(columns * CENTROIDS)?))
}

fn read_norms(reader: &mut Reader, rows: usize) -> Result<(Buffer, Vec<f32>), Fault> {
    let codes = reader.take(rows)?;
    let (shape, norms) = read_quantiser(reader)?;
    require(shape == [1; 4], || format!("norms of {} columns", shape[0]))?;
    Ok((codes, norms))
}
