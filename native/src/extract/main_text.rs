//! From a page to its main text.

use unicode_normalization::{is_nfc_quick, IsNormalized, UnicodeNormalization};

use super::context::Context;
use super::decode::decode;
use super::features::{Features, Values};
use super::model::{Model, LANES};
use super::page::{Page, Tables};

/// So many blocks of a page are scored in any case, and one more for so many bytes.
const SCORED: usize = 2000;
const BYTES_A_BLOCK: usize = 512;

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
    MainText {
        text: composed(text),
        title: Some(page.title.clone()).filter(|title| !title.is_empty()).map(composed),
        lang: page.lang(),
        confidence: confidence as f32,
        cut: page.tree.cut,
    }
}

/// The probability of each block. Where there are very many, for the size of the page, one stands for its neighbours.
fn probabilities(page: &Page, contexts: &[Context], model: &Model) -> Vec<f64> {
    let count = page.blocks.blocks.len();
    if count == 0 {
        return Vec::new();
    }
    let stride = count.div_ceil(SCORED.max(page.source.len() / BYTES_A_BLOCK));
    let mut features = Features::new(page, contexts);
    let mut values = Vec::new();
    let mut made = Vec::with_capacity(count);
    let scored: Vec<usize> = (0..count).step_by(stride).collect();
    for part in scored.chunks(LANES) {
        values.clear();
        for &at in part {
            features.put(at, &mut Values(&mut values));
        }
        for probability in model.probabilities(&values) {
            made.extend(std::iter::repeat_n(probability, stride.min(count - made.len())));
        }
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
