//! Receivers of a block's features: values, lanes of rows, or names.

use crate::forest::{Lanes, LANES};

/// Takes a row's features one by one.
pub trait Sink {
    fn put(&mut self, name: &str, value: f32);
    fn put_nth(&mut self, name: &str, n: usize, value: f32);
    /// One that all rows of a page have.
    fn put_of_page(&mut self, name: &str, value: f32);
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
    #[inline(always)]
    fn put_of_page(&mut self, _: &str, value: f32) {
        self.0.push(value);
    }
}

/// Writes the values of one of some rows that are scored together. Those of the page come with its first row.
pub struct Column<'a> {
    rows: std::slice::IterMut<'a, Lanes>,
    lane: usize,
    first: bool,
}

impl<'a> Column<'a> {
    /// The column of a row of the page, in rows that had those before it.
    pub fn new(rows: &'a mut [Lanes], at: usize) -> Self {
        Column { rows: rows.iter_mut(), lane: at % LANES, first: at == 0 }
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
    #[inline(always)]
    fn put_of_page(&mut self, _: &str, value: f32) {
        if let Some(row) = self.rows.next().filter(|_| self.first) {
            row.fill(value);
        }
    }
}

/// Collects names, and those of the page among them.
#[derive(Default)]
pub struct Labels {
    pub names: Vec<String>,
    pub of_page: Vec<bool>,
}

impl Sink for Labels {
    fn put(&mut self, name: &str, _: f32) {
        self.names.push(name.to_owned());
        self.of_page.push(false);
    }
    fn put_nth(&mut self, name: &str, n: usize, value: f32) {
        self.put(&format!("{name}.{n}"), value);
    }
    fn put_of_page(&mut self, name: &str, _: f32) {
        self.names.push(name.to_owned());
        self.of_page.push(true);
    }
}
