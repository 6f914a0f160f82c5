//! A fastText model: its file, checked as a whole before use, and its prediction for a text.

use arrow_buffer::Buffer;
use memchr::memchr;

use super::dictionary::Dictionary;
use super::grams::{Grams, Sizes};
use super::line::{Line, Words};
use super::matrix::Matrix;
use super::output::Output;
use super::reader::{require, Fault, Reader};
use crate::strings::count;

const MAGIC: i32 = 793_712_314;
const NEWEST: i32 = 12;
const SUPERVISED: i32 = 3;
const ENOUGH: usize = 4096;
/// Letters of the shortest line whose language counts.
const SHORTEST: u64 = 20;
/// The least probability of a language of a line that counts.
const CERTAIN: f64 = 0.5;

pub struct Model {
    dictionary: Dictionary,
    grams: Grams,
    input: Matrix,
    weights: Matrix,
    output: Output,
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

/// A sum of rows, and after `finish` their mean.
#[derive(Default)]
struct Mean {
    sums: Vec<f32>,
    count: usize,
}

impl Mean {
    fn clear(&mut self, dimensions: usize) {
        self.sums.clear();
        self.sums.resize(dimensions, 0.0);
        self.count = 0;
    }

    /// Add rows to each of some sums.
    #[inline]
    fn add<const N: usize>(input: &Matrix, rows: &[u32], means: [&mut Mean; N]) {
        input.add(
            rows,
            means.map(|mean| {
                mean.count += rows.len();
                &mut mean.sums[..]
            }),
        );
    }

    /// The mean; None without rows.
    fn finish(&mut self) -> Option<&[f32]> {
        let share = (1.0 / self.count as f64) as f32;
        self.sums.iter_mut().for_each(|sum| *sum *= share);
        (self.count > 0).then_some(&self.sums[..])
    }
}

/// The numbers at the head of the file.
struct Head {
    dimensions: usize,
    loss: i32,
    sizes: Sizes,
}

impl Model {
    /// Read a model from its file, with groups of labels that count together.
    pub fn read(file: Buffer, groups: &[Vec<String>]) -> Result<Self, Fault> {
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
        let weights = if matches!(output, Output::Tree(_)) { weights } else { weights.side_by_side() };
        let close = close(&dictionary.labels, groups);
        Ok(Model { dictionary, grams, input, weights, output, close })
    }

    /// The labels without their prefix.
    pub fn labels(&self) -> &[String] {
        &self.dictionary.labels
    }

    /// The best label of a text, its probability, and the share of its certain lines that have the same best label,
    /// both together with the labels of its group. None if the model knows nothing in the text.
    pub fn identify(&self, text: &[u8], scratch: &mut Scratch) -> Result<Option<Found<'_>>, Fault> {
        let Scratch { line, whole, single, scores, lines } = scratch;
        line.clear();
        lines.clear();
        whole.clear(self.input.dimensions);
        let mut has_words = false;
        for part in lines_of(text) {
            let (first, letters) = (line.words(), letters(part));
            let is_long = letters >= SHORTEST;
            single.clear(self.input.dimensions);
            let words = self.add_line(part, line, whole, is_long.then_some(&mut *single));
            has_words |= words;
            if words && is_long {
                line.end(first, &self.dictionary, &self.grams);
                Mean::add(&self.input, &line.rows, [single]);
                line.rows.clear();
                lines.extend(self.certain(single, scores)?.map(|label| (label, letters)));
            }
        }
        if !has_words {
            return Ok(None);
        }
        line.end(0, &self.dictionary, &self.grams);
        Mean::add(&self.input, &line.rows, [whole]);
        let Some(mean) = whole.finish() else { return Ok(None) };
        let found = self.best(mean, scores)?.map(|(label, score)| Found {
            label: self.dictionary.labels[label].as_str(),
            score,
            main_share: self.share_of(label, lines),
        });
        Ok(found)
    }

    /// Add the rows of the words of a line to one sum or two. False if there are no words.
    fn add_line(&self, text: &[u8], line: &mut Line, whole: &mut Mean, mut single: Option<&mut Mean>) -> bool {
        let mut words = Words(text).peekable();
        let has_words = words.peek().is_some();
        while let Some(word) = words.next() {
            line.add_word(word, &self.dictionary, &self.grams);
            if line.rows.len() >= ENOUGH || words.peek().is_none() {
                match single.as_deref_mut() {
                    Some(single) => Mean::add(&self.input, &line.rows, [whole, single]),
                    None => Mean::add(&self.input, &line.rows, [whole]),
                }
                line.rows.clear();
            }
        }
        has_words
    }

    /// The best label of a line if it is certain.
    fn certain(&self, mean: &mut Mean, scores: &mut Vec<f32>) -> Result<Option<usize>, Fault> {
        let Some(mean) = mean.finish() else { return Ok(None) };
        if let Some(label) = self.output.clear(&self.weights, mean, scores)? {
            return Ok(Some(label));
        }
        Ok(self.best(mean, scores)?.filter(|(_, score)| *score >= CERTAIN).map(|(label, _)| label))
    }

    /// The best label, and the probability of its group.
    fn best(&self, mean: &[f32], scores: &mut Vec<f32>) -> Result<Option<(usize, f64)>, Fault> {
        let Some((label, score)) = self.output.best(&self.weights, mean, scores)? else { return Ok(None) };
        let score = match self.close[label].as_slice() {
            [] => f64::from(score.exp()),
            close => self.output.sum(close, &self.weights, mean, scores)?,
        };
        Ok(Some((label, if score > 1.0 { 1.0 } else { score }))) // rounding gives more; NaN stays NaN
    }

    /// The share of one label and its group in the letters of lines; None without lines.
    fn share_of(&self, main: usize, lines: &[(usize, u64)]) -> Option<f64> {
        let all: u64 = lines.iter().map(|line| line.1).sum();
        let labels = &self.dictionary.labels;
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
