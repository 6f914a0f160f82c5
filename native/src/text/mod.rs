//! Words, lines and n-grams of texts: statistics, stop words, prose and line-wise corrections.

pub mod common_words;
pub mod copies;
pub mod corrections;
mod counters;
pub mod lines;
mod ngrams;
mod numbering;
mod phrases;
pub mod prose;
mod reason;
pub mod sentences;
pub mod statistics;
pub mod stop_words;
pub mod stops;
mod word_list;
