//! The main text of HTML pages: parse, cut into blocks, score each, keep the set with the best expected F1.

mod blocks;
mod builder;
mod clean;
mod comments;
mod context;
mod copies;
mod data;
mod decode;
mod embedded;
mod ends;
mod entities;
mod features;
mod forest;
mod formula;
mod fragments;
mod json;
mod layout;
mod lexicon;
mod linked;
mod main_text;
mod marks;
mod model;
mod options;
mod page;
mod python;
mod scanner;
mod seams;
mod sink;
mod state;
mod stats;
mod structure;
mod sums;
mod tags;
mod tree;
mod whole;

pub use python::Extractor;
