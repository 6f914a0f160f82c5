//! Native twins of `refinery.kernels.reference`: same values, bit for bit. Each module names its twin.

#![deny(unsafe_code)]

#[allow(unsafe_code)]
mod boundary;
mod bpe;
mod classes;
mod content;
mod decontaminate;
mod dedup;
mod extract;
mod fasttext;
mod forest;
mod hashes;
mod langid;
mod lists;
mod mojibake;
mod pages;
mod personal;
mod rights;
mod segmenter;
mod strings;
mod structure;
mod text;
mod trees;
mod url;
mod words;

use pyo3::pymodule;

/// The extension module. `refinery.kernels` offers these names, or functions that use them.
#[pymodule]
pub mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::{
        bpe::Tokenizer,
        content::ContentHashes,
        decontaminate::PreparedBenchmarks,
        dedup::minhash::{band_keys, shingles, sketches, word_ids, word_sizes},
        dedup::normalise::{character_spans, Pieces},
        dedup::repeats::{at_most_twice, duplicated, order_of, repeated},
        dedup::similar::first_similar,
        dedup::spans::{byte_ranges, take_out},
        dedup::unionfind::{components, spanning_forest, Unions},
        dedup::windows::{contains, mark_copies, mark_repeated, mix64, window_hashes},
        extract::Extractor,
        fasttext::FastText,
        hashes::string_hashes,
        langid::scripts::main_scripts,
        langid::LanguageModel,
        mojibake::mojibake_segments,
        pages::{decoded, unpacked, Charsets, PageRows},
        personal::personal_candidates,
        rights::rights_tags,
        segmenter::Segmenter,
        structure::objects::{objects, spared},
        structure::render,
        structure::shift::shifted_marks,
        text::common_words::CommonWords,
        text::copies::copy_shares,
        text::corrections::correct_lines,
        text::lines::PreparedLineRules,
        text::prose::prose_statistics,
        text::sentences::sentence_ends,
        text::statistics::text_statistics,
        text::stop_words::{distinct_words, StopWords},
        trees::{text_features, text_ngrams, Trees},
        url::PreparedUrlRules,
        words::chunks::PreparedChunks,
        words::unicode::unicode_cuts,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("EXTRACTOR", env!("EXTRACTOR"))?;
        module.add("SOURCES", env!("SOURCES"))
    }
}
