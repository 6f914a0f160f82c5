//! A fastText model: its file, checked as a whole before use, and its prediction for a text.

use arrow_buffer::Buffer;

use super::dictionary::Dictionary;
use super::grams::{Grams, Sizes};
use super::line::{Line, Words};
use super::matrix::Matrix;
use super::output::Output;
use super::reader::{require, Fault, Reader};

const MAGIC: i32 = 793_712_314;
const NEWEST: i32 = 12;
const SUPERVISED: i32 = 3;
const ENOUGH: usize = 4096;

pub struct Model {
    dictionary: Dictionary,
    grams: Grams,
    input: Matrix,
    weights: Matrix,
    output: Output,
}

/// Memory that texts use one after another.
#[derive(Default)]
pub struct Scratch {
    line: Line,
    mean: Vec<f32>,
    scores: Vec<f32>,
}

/// The numbers at the head of the file.
struct Head {
    dimensions: usize,
    loss: i32,
    sizes: Sizes,
}

impl Model {
    pub fn read(file: Buffer) -> Result<Self, Fault> {
        let mut reader = Reader::new(file);
        let head = read_head(&mut reader)?;
        let (dictionary, pruned) = Dictionary::read(&mut reader)?;
        let grams = Grams::read(&mut reader, &head.sizes, pruned, dictionary.words)?;
        let coded = reader.byte()? != 0;
        require(coded || pruned < 0, || "it is pruned but not quantised".to_owned())?;
        let input = read_matrix(&mut reader, coded)?.decoded();
        let coded_output = reader.byte()? != 0;
        let weights = read_matrix(&mut reader, coded && coded_output)?;
        let labels = dictionary.labels.len();
        require(input.dimensions == head.dimensions && input.rows >= grams.rows(), || {
            format!("{} × {} numbers for {} × {}", input.rows, input.dimensions, grams.rows(), head.dimensions)
        })?;
        require(weights.dimensions == head.dimensions && weights.rows == labels, || {
            format!("{} × {} weights for {labels} × {}", weights.rows, weights.dimensions, head.dimensions)
        })?;
        let output = Output::new(head.loss, &dictionary.counts)?;
        Ok(Model { dictionary, grams, input, weights, output })
    }

    /// The best label of a text and its probability. None if the model knows nothing in the text.
    pub fn identify(&self, text: &[u8], scratch: &mut Scratch) -> Result<Option<(&str, f32)>, Fault> {
        let Scratch { line, mean, scores } = scratch;
        if !self.average(text, line, mean) {
            return Ok(None);
        }
        let best = self.output.best(&self.weights, mean, scores)?;
        Ok(best.map(|(label, score)| (self.dictionary.labels[label].as_str(), score.exp())))
    }

    /// The mean of the rows of a text; false if it has none.
    fn average(&self, text: &[u8], line: &mut Line, mean: &mut Vec<f32>) -> bool {
        line.clear();
        mean.clear();
        mean.resize(self.input.dimensions, 0.0);
        let mut count = 0;
        let mut words = Words(text).peekable();
        if words.peek().is_none() {
            return false;
        }
        for word in words {
            line.add_word(word, &self.dictionary, &self.grams);
            if line.rows.len() >= ENOUGH {
                count += self.flush(line, mean);
            }
        }
        line.end(&self.dictionary, &self.grams);
        line.add_word_grams(&self.grams);
        count += self.flush(line, mean);
        let share = (1.0 / count as f64) as f32;
        mean.iter_mut().for_each(|sum| *sum *= share);
        count > 0
    }

    fn flush(&self, line: &mut Line, sums: &mut [f32]) -> usize {
        self.input.add(&line.rows, sums);
        let count = line.rows.len();
        line.rows.clear();
        count
    }
}

fn read_head(reader: &mut Reader) -> Result<Head, Fault> {
    let wrong = || Fault("not a fastText model".to_owned());
    let (magic, version) = (reader.int().map_err(|_| wrong())?, reader.int().map_err(|_| wrong())?);
    if magic != MAGIC || version > NEWEST {
        return Err(wrong());
    }
    let dimensions = reader.size("dimensions")?;
    require(dimensions > 0, || "it has no dimensions".to_owned())?;
    for _unused in ["context", "epochs", "least count", "negatives"] {
        reader.int()?;
    }
    let (words, loss, kind) = (reader.int()?, reader.int()?, reader.int()?);
    let (buckets, shortest, longest) = (reader.int()?, reader.int()?, reader.int()?);
    reader.int()?; // steps between changes of the learning rate
    reader.long()?; // sampling threshold
    if kind != SUPERVISED {
        return Err(Fault("the fastText model has word vectors only, no labels".to_owned()));
    }
    // Of this version, models with labels have no n-grams of characters, whatever the file contains.
    let longest = if version == 11 { 0 } else { longest };
    Ok(Head { dimensions, loss, sizes: Sizes { words, buckets, shortest, longest } })
}

fn read_matrix(reader: &mut Reader, coded: bool) -> Result<Matrix, Fault> {
    if coded {
        Matrix::read_coded(reader)
    } else {
        Matrix::read_whole(reader)
    }
}
