//! The words of a text, and their n-grams, that add most to the odds of a label: for people, not for rules.
//!
//! The mean of a text's rows is a sum of its words' shares, so that the logarithmic odds are one too: exactly with two
//! labels or independent ones, else in first order.

use std::collections::HashMap;

use super::line::{Line, Tokens, END};
use super::model::{Model, Scratch};
use super::reader::Fault;

/// Words of a text whose contributions are computed; those beyond count in the mean alone.
const LONGEST: usize = 100_000;

/// What all occurrences of a feature add to the odds, and their count.
pub type Contribution = (String, f64, u64);

/// The contributions that are furthest from 0, those first.
pub fn most(model: &Model, text: &str, label: usize, count: usize) -> Result<Vec<Contribution>, Fault> {
    let mut scratch = Scratch::default();
    let Some(mean) = model.mean(text.as_bytes(), &mut scratch) else { return Ok(Vec::new()) };
    let direction = model.output.direction(&model.weights, mean, label)?;
    let share = 1.0 / scratch.rows() as f64;
    let mut found: Vec<_> = Features::of(model, text, &direction)
        .into_iter()
        .map(|(feature, (weight, count))| (feature, weight * count as f64 * share, count))
        .collect();
    found.sort_by(|one, other| other.1.abs().total_cmp(&one.1.abs()).then_with(|| one.0.cmp(&other.0)));
    found.truncate(count);
    Ok(found)
}

struct Features<'a> {
    model: &'a Model,
    direction: &'a [f64],
    /// By feature: the sum of its rows along the direction, and how often it occurs.
    found: HashMap<String, (f64, u64)>,
}

impl<'a> Features<'a> {
    fn of(model: &'a Model, text: &str, direction: &'a [f64]) -> HashMap<String, (f64, u64)> {
        let mut features = Features { model, direction, found: HashMap::new() };
        let mut words = Vec::new();
        let mut line = Line::default();
        let tokens = Tokens(text.as_bytes()).take_while(|(word, _)| *word != END).take(LONGEST);
        for token in tokens.chain([Tokens::mark()]) {
            line.clear();
            line.add_word(token, &model.dictionary, &model.grams);
            let word = String::from_utf8_lossy(token.0);
            features.add(&word, &line.rows);
            if line.words() > 0 {
                words.push((word, token.1 .0));
            }
        }
        let hashes: Vec<_> = words.iter().map(|word| word.1).collect();
        for start in 0..words.len() {
            let mut before = 0;
            for size in 2..=model.grams.words.min(words.len() - start) {
                line.rows.clear();
                model.grams.of_words(&hashes[start..start + size], &mut line.rows);
                let spelling: Vec<_> = words[start..start + size].iter().map(|word| word.0.as_ref()).collect();
                features.add(&spelling.join(" "), &line.rows[before..]);
                before = line.rows.len();
            }
        }
        features.found
    }

    /// Count a feature, if it has rows.
    fn add(&mut self, feature: &str, rows: &[u32]) {
        if rows.is_empty() {
            return;
        }
        if let Some(known) = self.found.get_mut(feature) {
            known.1 += 1;
            return;
        }
        let mut weight = 0.0;
        for &row in rows {
            let numbers = self.model.input.row(row as usize);
            weight += numbers.iter().zip(self.direction).map(|(one, other)| f64::from(*one) * other).sum::<f64>();
        }
        self.found.insert(feature.to_owned(), (weight, 1));
    }
}
