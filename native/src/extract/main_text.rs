//! From a page to its main text.

use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{is_nfc_quick, IsNormalized, UnicodeNormalization};

use super::blocks::Block;
use super::comments::{self, without, Comments};
use super::context::Context;
use super::copies;
use super::decode::decode;
use super::embedded::{embedded, terms, Origin, LITTLE};
use super::features::Features;
use super::grids;
use super::headings;
use super::layout::{written, Written};
use super::model::{Kind, Model};
use super::options::Options;
use super::page::{Page, Tables};
use super::programs;
use super::sink::Column;
use super::wholes;
use crate::forest::{Room, LANES};

/// The result for a page.
pub struct MainText {
    pub written: Written,
    pub title: Option<String>,
    /// The language that the page declares.
    pub lang: Option<String>,
    pub metadata: Metadata,
}

/// Metadata of a main text.
pub struct Metadata {
    /// The expected F-score, 0 to 1; none for data.
    pub confidence: Option<f32>,
    /// True if the page, or its data, went over a limit.
    pub cut: bool,
    /// The share of the page's visible terms that is kept; none if it shows no terms.
    pub share: Option<f32>,
    pub origin: Origin,
    /// The likely kind of page, one of `KINDS`; none without blocks.
    pub kind: Option<&'static str>,
}

/// The share by which beta is less for a product. People take its description and its data, while reviews, questions and
/// terms of sale, which are prose, too, are more.
const LESS_OF_PRODUCTS: f64 = 0.35;

/// The main text of a page: a line a block.
pub fn main_text(source: &str, url: &str, tables: &Tables, model: &Model, options: &Options) -> MainText {
    let page = Page::new(source, url, tables, options.structure);
    let Choice { chosen, confidence, kind } = choose(&page, model, options);
    let blocks = &page.blocks.blocks;
    let kept = terms_of(blocks, &chosen);
    let shown = terms(blocks);
    let cut = page.tree.cut || page.blocks.cut;
    let share = |kept: u64| (shown > 0).then(|| (kept as f64 / shown as f64) as f32);
    let (written, metadata) = match embedded(&page, shown, kept, tables, options) {
        Some(data) => {
            let cut = cut || data.cut;
            (data.written, Metadata { confidence: None, cut, share: share(0), origin: data.origin, kind })
        }
        None => {
            let confidence = Some(confidence as f32);
            (
                written(&page, &chosen, options),
                Metadata { confidence, cut, share: share(kept), origin: Origin::Page, kind },
            )
        }
    };
    let (lang, title) = (page.lang(), page.title);
    drop((page.tree, page.blocks)); // composing may take as much again
    let title = Some(title).filter(|title| !title.is_empty()).map(composed);
    MainText { written: all_composed(written), title, lang, metadata }
}

/// The blocks to keep, the expected F-score, and the likely kind of the page.
struct Choice {
    chosen: Vec<bool>,
    confidence: f64,
    kind: Option<&'static str>,
}

fn choose(page: &Page, model: &Model, options: &Options) -> Choice {
    let [texts, names] = page.scores(&model.lexicons);
    let (mut probabilities, guess) = scored(page, &page.contexts([&texts, &names]), model);
    let (kind, beta) = (guess.name, options.beta * (1.0 - LESS_OF_PRODUCTS * guess.product));
    copies::settle(page, &mut probabilities);
    wholes::settle(page, kind, &mut probabilities);
    comments::settle(page, options.comments, &mut probabilities);
    let blocks = &page.blocks.blocks;
    let (mut chosen, mut confidence) = decode(blocks, &probabilities, beta);
    if let Some(without) =
        (options.comments == Comments::Auto).then(|| without(page, kind, &probabilities, &chosen)).flatten()
    {
        let rest = decode(blocks, &without, beta);
        if terms_of(blocks, &rest.0) >= LITTLE {
            (chosen, confidence) = rest;
            probabilities = without;
        }
    }
    grids::settle(page, &probabilities, &mut chosen);
    headings::settle(page, &probabilities, &mut chosen);
    programs::settle(page, &probabilities, &mut chosen);
    Choice { chosen, confidence, kind }
}

fn terms_of(blocks: &[Block], chosen: &[bool]) -> u64 {
    terms(blocks.iter().zip(chosen).filter(|(_, &chosen)| chosen).map(|(block, _)| block))
}

/// The text in normalisation form C, with its spans and marks.
fn all_composed(mut written: Written) -> Written {
    if written.protected.is_empty() && written.marks.is_empty() || is_composed(&written.text) {
        written.text = composed(written.text);
        return written;
    }
    let Written { text, protected, marks } = &mut written;
    let mut places: Vec<usize> = protected.iter().flat_map(|(span, _)| [span.start, span.end]).collect();
    places.extend(marks.iter().flat_map(|mark| [mark.start as usize, mark.end as usize]));
    places.sort_unstable();
    places.dedup();
    let (made, moved) = composed_at(text, &places);
    let after = |at: usize| places.binary_search(&at).map_or(at, |n| moved[n]);
    for (span, _) in protected {
        *span = after(span.start)..after(span.end);
    }
    for mark in marks {
        (mark.start, mark.end) = (after(mark.start as usize) as u32, after(mark.end as usize) as u32);
    }
    *text = made;
    written
}

/// The text in normalisation form C, and where places in it, in order, are then. A place within what becomes one
/// character moves before it.
fn composed_at(text: &str, places: &[usize]) -> (String, Vec<usize>) {
    let (mut made, mut moved, mut start) = (String::with_capacity(text.len()), Vec::with_capacity(places.len()), 0);
    let ends = text.match_indices('\n').map(|(at, _)| at + 1).chain([text.len()]);
    let mut left = places.iter().copied().peekable();
    for end in ends {
        let line = &text[start..end];
        let plain = is_composed(line);
        let mut from = start;
        while let Some(place) = left.next_if(|&place| place < end) {
            if !plain && is_apart(&text[place..]) {
                made.push_str(&composed(text[from..place].to_owned()));
                from = place;
            }
            moved.push(made.len() + if plain { place - start } else { 0 });
        }
        made.push_str(&composed(text[from..end].to_owned()));
        start = end;
    }
    moved.extend(left.map(|_| made.len()));
    (made, moved)
}

/// True if a text begins with a character that is composed with none before it.
fn is_apart(text: &str) -> bool {
    let first = text.chars().next();
    first.is_none_or(|first| {
        canonical_combining_class(first) == 0 && is_nfc_quick(std::iter::once(first)) == IsNormalized::Yes
    })
}

fn is_composed(text: &str) -> bool {
    text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes
}

/// The probability of each block, and the kind of the page. Features are computed for a few blocks at a time, which
/// stay in the nearest cache.
fn scored(page: &Page, contexts: &[Context], model: &Model) -> (Vec<f64>, Kind) {
    let count = page.blocks.blocks.len();
    if count == 0 {
        return (Vec::new(), Kind::default());
    }
    let mut features = Features::new(page, contexts);
    let (mut rows, mut room) = (vec![[0.0; LANES]; model.width], Room::default());
    let (mut made, mut kind) = (Vec::with_capacity(count), Kind::default());
    for from in (0..count).step_by(LANES) {
        for at in from..count.min(from + LANES) {
            features.put(at, &mut Column::new(&mut rows, at));
        }
        if from == 0 {
            kind = model.begin(&rows, &mut room);
        }
        made.extend(model.probabilities(&rows, &mut room));
    }
    made.truncate(count);
    (made, kind)
}

/// The text in normalisation form C.
fn composed(text: String) -> String {
    if is_composed(&text) {
        text
    } else {
        let mut marks = 0;
        let kept = |character: &char| {
            marks = if canonical_combining_class(*character) == 0 { 0 } else { marks + 1 };
            marks <= MOST_MARKS
        };
        text.chars().filter(kept).nfc().collect()
    }
}

/// Marks on one character, at most, where marks are put in order. No writing needs more (UAX 15, stream-safe text).
const MOST_MARKS: usize = 30;
