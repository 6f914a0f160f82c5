//! The parts of a model's file, in order: little-endian numbers and words that end with NUL.

use arrow_buffer::Buffer;
use pyo3::exceptions::PyValueError;
use pyo3::PyErr;

/// Why a file is no model, or a model has no result: a ValueError of Python.
#[derive(Debug)]
pub struct Fault(pub String);

impl From<Fault> for PyErr {
    fn from(fault: Fault) -> PyErr {
        PyValueError::new_err(fault.0)
    }
}

/// A fault unless a condition of every model is met.
pub fn require(holds: bool, what: impl FnOnce() -> String) -> Result<(), Fault> {
    if holds {
        Ok(())
    } else {
        Err(Fault(format!("damaged fastText model: {}", what())))
    }
}

/// A place in a file. Nothing is ever taken that the file does not have, so a wrong count costs no memory.
pub struct Reader {
    file: Buffer,
    at: usize,
}

impl Reader {
    pub fn new(file: Buffer) -> Self {
        Reader { file, at: 0 }
    }

    /// The next bytes, without a copy.
    pub fn take(&mut self, count: usize) -> Result<Buffer, Fault> {
        let left = self.file.len() - self.at;
        require(count <= left, || format!("it ends after {} bytes, where {count} more belong", self.file.len()))?;
        self.at += count;
        Ok(self.file.slice_with_length(self.at - count, count))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.take(N)?);
        Ok(bytes)
    }

    pub fn byte(&mut self) -> Result<u8, Fault> {
        Ok(self.array::<1>()?[0])
    }

    pub fn int(&mut self) -> Result<i32, Fault> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    pub fn long(&mut self) -> Result<i64, Fault> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// A count of 32 bits.
    pub fn size(&mut self, of: &str) -> Result<usize, Fault> {
        let found = self.int()?;
        usize::try_from(found).map_err(|_| Fault(format!("damaged fastText model: {found} {of}")))
    }

    /// A count of 64 bits.
    pub fn large_size(&mut self, of: &str) -> Result<usize, Fault> {
        let found = self.long()?;
        usize::try_from(found).map_err(|_| Fault(format!("damaged fastText model: {found} {of}")))
    }

    /// Floating-point numbers of 32 bits.
    pub fn floats(&mut self, count: usize) -> Result<Vec<f32>, Fault> {
        let bytes = self.take(count.saturating_mul(4))?;
        Ok(bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect())
    }

    /// The bytes up to the next NUL, which is skipped.
    pub fn word(&mut self) -> Result<Buffer, Fault> {
        let rest = &self.file[self.at..];
        let length = rest.iter().position(|&byte| byte == 0);
        require(length.is_some(), || "it ends inside a word".to_owned())?;
        let word = self.take(length.unwrap_or(0))?;
        self.at += 1;
        Ok(word)
    }
}
