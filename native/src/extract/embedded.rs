//! Texts in the data that a page carries for machines and for its own scripts, written as markup: for pages that show
//! little before scripts run.

use super::blocks::Block;
use super::data::Data;
use super::layout::{written, Written};
use super::linked::linked;
use super::options::Options;
use super::page::{Page, Tables};
use super::state::state;

/// A text of fewer terms is little.
pub const LITTLE: u64 = 50;
/// States must have more: half of their words are not shown to readers.
const MUCH: u64 = 250;
/// Data must have at least so many times the terms of the text they replace.
const MORE: u64 = 4;

/// The origin of a main text.
#[derive(Clone, Copy)]
pub enum Origin {
    Page,
    Linked,
    State,
}

impl Origin {
    pub fn name(self) -> &'static str {
        match self {
            Origin::Page => "page",
            Origin::Linked => "json-ld",
            Origin::State => "state",
        }
    }
}

/// A text from data.
pub struct Embedded {
    pub written: Written,
    pub origin: Origin,
    pub cut: bool,
}

/// The text to take instead of that of a page which shows `shown` terms, `kept` of them in its main text: none unless
/// the main text is little and data have much more. States of scripts must also be much, and more than the page shows.
pub fn embedded(page: &Page, shown: u64, kept: u64, tables: &Tables, options: &Options) -> Option<Embedded> {
    if kept >= LITTLE {
        return None;
    }
    [Origin::Linked, Origin::State].into_iter().find_map(|origin| {
        let of_scripts = matches!(origin, Origin::State);
        let Data { markup, cut, .. } = if of_scripts { state(page) } else { linked(page, options.comments) };
        let made = Page::new(&markup, page.url, tables, options.structure);
        let blocks = &made.blocks.blocks;
        let terms = terms(blocks);
        let least = if of_scripts { MUCH.max(shown) } else { LITTLE };
        (terms >= least.max(kept * MORE)).then(|| Embedded {
            written: written(&made, &vec![true; blocks.len()], options),
            origin,
            cut: cut || made.tree.cut || made.blocks.cut,
        })
    })
}

/// The terms of blocks.
pub fn terms<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> u64 {
    blocks.into_iter().map(|block| u64::from(block.stats.terms)).sum()
}
