//! The reasons for which lines and words are removed. Twin: `KINDS` of `refinery.kernels.reference.linewise`.

/// Why something is removed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Uppercase,
    Numeric,
    Counter,
    OneWord,
    Start,
    End,
    Anywhere,
    Break,
}

impl Reason {
    /// The reasons but for `Break`, by their number.
    pub const COUNTED: usize = Reason::Break as usize;

    /// Those for which a line is discarded as it is.
    pub const WHOLE: [Reason; 4] = [Reason::Uppercase, Reason::Numeric, Reason::Counter, Reason::OneWord];

    /// The reason in a set.
    pub fn bit(self) -> u8 {
        1 << self as u8
    }

    /// As the twin spells it.
    pub fn name(self) -> &'static str {
        ["uppercase", "numeric", "counter", "one_word", "start", "end", "anywhere", "break"][self as usize]
    }
}
