//! Words between white space, divided at given places. Twin: `divided` of `refinery.kernels.reference.segmenter`.

use arrow_array::types::UInt32Type;
use pyo3::exceptions::PyValueError;
use pyo3::PyResult;

use crate::boundary::InputArray;
use crate::lists::Lists;

/// The cuts of each text, which may be none at all.
pub struct TextCuts<'a>(Vec<&'a [u32]>);

impl<'a> TextCuts<'a> {
    /// View lists as the cuts of `count` texts. An error if they are of another type or number.
    pub fn of(given: Option<&'a InputArray>, count: usize) -> PyResult<Self> {
        let lists = given.map(|array| Lists::<UInt32Type>::of(&array.0)).transpose()?;
        if lists.as_ref().is_some_and(|lists| lists.len() != count) {
            return Err(PyValueError::new_err("cuts and texts are of different numbers"));
        }
        Ok(TextCuts(lists.map_or_else(Vec::new, |lists| lists.iter().collect())))
    }

    /// The cuts of a text. An error unless they rise and lie between characters.
    pub fn row(&self, row: usize, text: &[u8]) -> PyResult<Cuts<'a>> {
        let cuts = self.0.get(row).copied().unwrap_or_default();
        let mut before = 0;
        for &cut in cuts {
            if cut < before || !is_boundary(text, cut as usize) {
                return Err(PyValueError::new_err(format!("no cut of a text of {} bytes: {cut}", text.len())));
            }
            before = cut;
        }
        Ok(Cuts(cuts))
    }
}

/// True if no character of UTF-8 text goes on at a place, which may be its end.
fn is_boundary(text: &[u8], at: usize) -> bool {
    at == text.len() || text.get(at).is_some_and(|byte| byte & 0xC0 != 0x80)
}

/// The cuts of a text that are not passed yet.
#[derive(Clone, Copy, Default)]
pub struct Cuts<'a>(&'a [u32]);

impl<'a> Cuts<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The cuts in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + 'a {
        self.0.iter().map(|cut| *cut as usize)
    }

    /// The first cut after a place, and the end of all texts if there is none. Places must rise.
    #[inline]
    pub fn after(&mut self, at: usize) -> usize {
        while let [cut, rest @ ..] = self.0 {
            if *cut as usize > at {
                return *cut as usize;
            }
            self.0 = rest;
        }
        usize::MAX
    }

    /// Emit the words between two places that have no white space between them. Places must rise from call to call.
    #[inline]
    pub fn divide(&mut self, start: usize, end: usize, mut found: impl FnMut(usize, usize)) {
        let mut start = start;
        if self.is_empty() && start < end {
            return found(start, end);
        }
        while start < end {
            let stop = self.after(start).min(end);
            found(start, stop);
            start = stop;
        }
    }
}
