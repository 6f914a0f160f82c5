//! Words as other programs and standards define them.

pub mod chunks;
pub mod unicode;
