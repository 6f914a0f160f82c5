//! The main text of HTML pages: parse, cut into blocks, score each, keep the set with the best expected F1.

mod blocks;
mod clean;
mod context;
mod decode;
mod entities;
mod features;
mod fragments;
mod lexicon;
mod main_text;
mod model;
mod page;
mod python;
mod scanner;
mod stats;
mod tags;
mod tree;

pub use python::register;
