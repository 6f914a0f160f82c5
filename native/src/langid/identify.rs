//! The best label of a text, and the share of its lines that have the same one.

use memchr::memchr;

use super::clear::clear_label;
use crate::fasttext::line::{Line, Words, ENOUGH};
use crate::fasttext::mean::Mean;
use crate::fasttext::model::Model;
use crate::fasttext::output::Output;
use crate::fasttext::reader::Fault;
use crate::strings::count;

/// Letters of the shortest line whose language counts.
const SHORTEST: u64 = 20;
/// The least probability of a language of a line that counts.
const CERTAIN: f64 = 0.5;

/// A model with groups of labels that count together.
pub struct Identifier {
    model: Model,
    /// Of each label, the labels that count together with it; none if it stands alone.
    close: Vec<Vec<usize>>,
}

/// What a model finds in a text.
pub struct Found<'a> {
    pub label: &'a str,
    pub score: f64,
    pub main_share: Option<f64>,
}

/// Memory that texts use one after another.
#[derive(Default)]
pub struct Scratch {
    line: Line,
    whole: Mean,
    single: Mean,
    scores: Vec<f32>,
    /// Label and letters of each line that is certain.
    lines: Vec<(usize, u64)>,
}

impl Identifier {
    pub fn new(model: Model, groups: &[Vec<String>]) -> Self {
        let close = close(model.labels(), groups);
        Identifier { model, close }
    }

    pub fn labels(&self) -> &[String] {
        self.model.labels()
    }

    /// The best label of a text, its probability, and the share of its certain lines that have the same best label,
    /// both together with the labels of its group. None if the model knows nothing in the text.
    pub fn identify(&self, text: &[u8], scratch: &mut Scratch) -> Result<Option<Found<'_>>, Fault> {
        let Model { input, dictionary, grams, .. } = &self.model;
        let Scratch { line, whole, single, scores, lines } = scratch;
        line.clear();
        lines.clear();
        whole.clear(input.dimensions);
        let mut has_words = false;
        for part in lines_of(text) {
            let (first, letters) = (line.words(), letters(part));
            let is_long = letters >= SHORTEST;
            single.clear(input.dimensions);
            let words = self.add_line(part, line, whole, is_long.then_some(&mut *single));
            has_words |= words;
            if words && is_long {
                line.end(first, dictionary, grams, &mut |rows| Mean::add(input, rows, [&mut *single]));
                lines.extend(self.certain(single, scores)?.map(|label| (label, letters)));
            }
        }
        if !has_words {
            return Ok(None);
        }
        line.end(0, dictionary, grams, &mut |rows| Mean::add(input, rows, [&mut *whole]));
        let Some(mean) = whole.finish() else { return Ok(None) };
        let found = self.best(mean, scores)?.map(|(label, score)| Found {
            label: self.model.labels()[label].as_str(),
            score,
            main_share: self.share_of(label, lines),
        });
        Ok(found)
    }

    /// Add the rows of the words of a line to one sum or two. False if there are no words.
    fn add_line(&self, text: &[u8], line: &mut Line, whole: &mut Mean, mut single: Option<&mut Mean>) -> bool {
        let Model { input, dictionary, grams, .. } = &self.model;
        let mut words = Words(text).peekable();
        let has_words = words.peek().is_some();
        while let Some(word) = words.next() {
            line.add_word(word, dictionary, grams);
            if line.rows.len() >= ENOUGH || words.peek().is_none() {
                match single.as_deref_mut() {
                    Some(single) => Mean::add(input, &line.rows, [whole, single]),
                    None => Mean::add(input, &line.rows, [whole]),
                }
                line.rows.clear();
            }
        }
        has_words
    }

    /// The best label of a line if it is certain.
    fn certain(&self, mean: &mut Mean, scores: &mut Vec<f32>) -> Result<Option<usize>, Fault> {
        let Some(mean) = mean.finish() else { return Ok(None) };
        if matches!(self.model.output, Output::Softmax) {
            self.model.weights.products(mean, scores)?;
            if let Some(label) = clear_label(scores) {
                return Ok(Some(label));
            }
        }
        Ok(self.best(mean, scores)?.filter(|(_, score)| *score >= CERTAIN).map(|(label, _)| label))
    }

    /// The best label, and the probability of its group.
    fn best(&self, mean: &[f32], scores: &mut Vec<f32>) -> Result<Option<(usize, f64)>, Fault> {
        let Model { output, weights, .. } = &self.model;
        let Some((label, score)) = output.best(weights, mean, scores)? else { return Ok(None) };
        let score = match self.close[label].as_slice() {
            [] => f64::from(score.exp()),
            close => output.sum(close, weights, mean, scores)?,
        };
        Ok(Some((label, if score > 1.0 { 1.0 } else { score }))) // rounding gives more; NaN stays NaN
    }

    /// The share of one label and its group in the letters of lines; None without lines.
    fn share_of(&self, main: usize, lines: &[(usize, u64)]) -> Option<f64> {
        let all: u64 = lines.iter().map(|line| line.1).sum();
        let labels = self.model.labels();
        let is_own = |label: usize| labels[label] == labels[main] || self.close[main].contains(&label);
        let own: u64 = lines.iter().filter(|line| is_own(line.0)).map(|line| line.1).sum();
        (all > 0).then(|| own as f64 / all as f64)
    }
}

/// The lines of a text, of which there is at least one.
fn lines_of(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = memchr(b'\n', text);
        rest = end.map(|end| &text[end + 1..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}

/// The characters of a line without ASCII's digits, marks and white space.
fn letters(line: &[u8]) -> u64 {
    count(line, |byte| byte.is_ascii_alphabetic() || byte >= 0xC0)
}

/// Of each label, the members of its group.
fn close(labels: &[String], groups: &[Vec<String>]) -> Vec<Vec<usize>> {
    let group_of = |label: &String| groups.iter().find(|group| group.contains(label));
    let members = |group: &Vec<String>| (0..labels.len()).filter(|&at| group.contains(&labels[at])).collect();
    labels.iter().map(|label| group_of(label).map(members).unwrap_or_default()).collect()
}
