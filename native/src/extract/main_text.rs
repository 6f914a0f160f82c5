//! From a page to its main text.

use unicode_normalization::{is_nfc_quick, IsNormalized, UnicodeNormalization};

use super::context::Context;
use super::decode::decode;
use super::features::{Features, Values};
use super::model::{Model, LANES};
use super::page::{Page, Tables};

/// What is found in a page.
pub struct MainText {
    pub text: String,
    pub title: Option<String>,
    /// The language that the page says it is in.
    pub lang: Option<String>,
    /// The expected F-score of the text, 0 to 1.
    pub confidence: f32,
    /// Whether the page went over a limit.
    pub cut: bool,
}

/// The main text of a page: a line a block.
pub fn main_text(source: &str, url: &str, tables: &Tables, model: &Model, beta: f64) -> MainText {
    let page = Page::new(source, url, tables);
    let [texts, names] = page.scores(&model.lexicons);
    let probabilities = probabilities(&page, &page.contexts([&texts, &names]), model);
    let blocks = &page.blocks.blocks;
    let (chosen, confidence) = decode(blocks, &probabilities, beta);
    let mut text = String::new();
    for (block, _) in blocks.iter().zip(chosen).filter(|(_, chosen)| *chosen) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(page.blocks.text_of(block));
    }
    let (lang, cut, title) = (page.lang(), page.tree.cut || page.blocks.cut, page.title);
    drop((page.tree, page.blocks)); // composing may take as much again
    let title = Some(title).filter(|title| !title.is_empty()).map(composed);
    MainText { text: composed(text), title, lang, confidence: confidence as f32, cut }
}

/// The probability of each block. Features are made for a few blocks at a time, which stay in the nearest cache.
fn probabilities(page: &Page, contexts: &[Context], model: &Model) -> Vec<f64> {
    let count = page.blocks.blocks.len();
    if count == 0 {
        return Vec::new();
    }
    let mut features = Features::new(page, contexts);
    let mut values = Vec::new();
    let mut made = Vec::with_capacity(count);
    for from in (0..count).step_by(LANES) {
        values.clear();
        for at in from..count.min(from + LANES) {
            features.put(at, &mut Values(&mut values));
        }
        made.extend(model.probabilities(&values));
    }
    made
}

/// The text in normalisation form C.
fn composed(text: String) -> String {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        text
    } else {
        text.nfc().collect()
    }
}
