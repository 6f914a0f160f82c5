//! Words as other programs and standards define them.

pub mod chunks;
mod form;
pub mod unicode;
