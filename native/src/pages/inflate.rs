//! Deflate streams that are whole and sound, into memory of a bounded size.
//!
//! The decoder is a port of zlib, which Python's module `zlib` is too: both accept the same streams.

use zlib_rs::{Inflate, InflateFlush, Status};

const FIRST: usize = 1 << 20;

/// The wrapper of a deflate stream.
#[derive(Clone, Copy, PartialEq)]
pub enum Wrapper {
    Gzip,
    Zlib,
    None,
}

/// The result of reading a stream.
#[derive(Debug, PartialEq)]
pub enum Stream {
    /// It has `used` bytes at the start of the input, and inflates to `made` bytes.
    Whole { used: usize, made: usize },
    /// The input ends before it does.
    Short,
    /// It is damaged, or larger than was allowed.
    Odd,
}

/// Inflate the stream at the beginning of `data` into `out`, which grows as needed, to at most `most` bytes of output.
pub fn inflate(data: &[u8], wrapper: Wrapper, out: &mut Vec<u8>, most: usize) -> Stream {
    if out.is_empty() {
        *out = vec![0; FIRST.min(most + 1)];
    }
    loop {
        let mut stream = match wrapper {
            Wrapper::Gzip => Inflate::new(true, 31),
            Wrapper::Zlib => Inflate::new(true, 15),
            Wrapper::None => Inflate::new(false, 15),
        };
        let Ok(status) = stream.decompress(data, out, InflateFlush::Finish) else { return Stream::Odd };
        let (used, made) = (stream.total_in() as usize, stream.total_out() as usize);
        if status == Status::StreamEnd {
            return if made <= most { Stream::Whole { used, made } } else { Stream::Odd };
        }
        if made < out.len() {
            return Stream::Short;
        }
        if out.len() > most {
            return Stream::Odd;
        }
        out.resize((2 * out.len()).min(most + 1), 0);
    }
}
