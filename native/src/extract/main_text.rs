//! From a page to its main text.

use unicode_normalization::{is_nfc_quick, IsNormalized, UnicodeNormalization};

use super::decode::decode;
use super::features::{features, Values};
use super::model::Model;
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
    let mut values = Vec::new();
    features(&page, &page.contexts([&texts, &names]), &mut Values(&mut values));
    let probabilities = model.probabilities(&values);
    let blocks = &page.blocks.blocks;
    let (chosen, confidence) = decode(blocks, &probabilities, beta);
    let mut text = String::new();
    for (block, _) in blocks.iter().zip(chosen).filter(|(_, chosen)| *chosen) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(page.blocks.text_of(block));
    }
    MainText {
        text: composed(text),
        title: Some(page.title.clone()).filter(|title| !title.is_empty()).map(composed),
        lang: page.lang(),
        confidence: confidence as f32,
        cut: page.tree.cut,
    }
}

/// The text in normalisation form C.
fn composed(text: String) -> String {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        text
    } else {
        text.nfc().collect()
    }
}
