//! Receivers of a block's features: values, lanes of rows, or names.

use crate::forest::{Lanes, LANES};

/// Takes a row's features one by one.
pub trait Sink {
    fn put(&mut self, name: &str, value: f32);
    fn put_nth(&mut self, name: &str, n: usize, value: f32);
}

/// Collects values.
pub struct Values<'a>(pub &'a mut Vec<f32>);

impl Sink for Values<'_> {
    #[inline(always)]
    fn put(&mut self, _: &str, value: f32) {
        self.0.push(value);
    }
    #[inline(always)]
    fn put_nth(&mut self, _: &str, _: usize, value: f32) {
        self.0.push(value);
    }
}

/// Writes the values of one of some rows that are scored together.
pub struct Column<'a> {
    rows: std::slice::IterMut<'a, Lanes>,
    lane: usize,
}

impl<'a> Column<'a> {
    pub fn new(rows: &'a mut [Lanes], lane: usize) -> Self {
        Column { rows: rows.iter_mut(), lane }
    }
}

impl Sink for Column<'_> {
    #[inline(always)]
    fn put(&mut self, _: &str, value: f32) {
        if let Some(row) = self.rows.next() {
            row[self.lane % LANES] = value;
        }
    }
    #[inline(always)]
    fn put_nth(&mut self, name: &str, _: usize, value: f32) {
        self.put(name, value);
    }
}

/// Collects names.
#[derive(Default)]
pub struct Labels(pub Vec<String>);

impl Sink for Labels {
    fn put(&mut self, name: &str, _: f32) {
        self.0.push(name.to_owned());
    }
    fn put_nth(&mut self, name: &str, n: usize, _: f32) {
        self.0.push(format!("{name}.{n}"));
    }
}
