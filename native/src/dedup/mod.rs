//! Deduplication: MinHash, repeated windows of tokens, connected components, and the sorts and look-ups behind them.

mod duplicates;
mod lookup;
pub mod minhash;
#[allow(unsafe_code)]
mod minima;
pub mod normalise;
mod radix;
pub mod repeats;
pub mod similar;
pub mod spans;
pub mod unionfind;
pub mod windows;
