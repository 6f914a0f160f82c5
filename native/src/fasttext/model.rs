//! A fastText model: its file, checked as a whole before use, and the means of texts.

use arrow_buffer::Buffer;

use super::dictionary::Dictionary;
use super::grams::{Grams, Sizes};
use super::line::{Line, Tokens, END};
use super::matrix::Matrix;
use super::mean::Mean;
use super::output::Output;
use super::reader::{require, Fault, Reader};

const MAGIC: i32 = 793_712_314;
const NEWEST: i32 = 12;
const SUPERVISED: i32 = 3;

pub struct Model {
    pub dictionary: Dictionary,
    pub grams: Grams,
    pub input: Matrix,
    pub weights: Matrix,
    pub output: Output,
}

/// Memory that texts use one after another.
#[derive(Default)]
pub struct Scratch {
    line: Line,
    mean: Mean,
}

impl Scratch {
    /// The rows of the last text.
    pub fn rows(&self) -> usize {
        self.mean.count()
    }
}

/// The numbers at the head of the file.
struct Head {
    dimensions: usize,
    loss: i32,
    sizes: Sizes,
}

impl Model {
    /// Read a model from its file.
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
        let weights = if matches!(output, Output::Tree(_)) { weights } else { weights.side_by_side() };
        Ok(Model { dictionary, grams, input, weights, output })
    }

    /// The labels without their prefix.
    pub fn labels(&self) -> &[String] {
        &self.dictionary.labels
    }

    /// The mean of a text as the library sees it: one line, which ends at the word that marks the end of a line. None
    /// if the model knows nothing in the text, not even its end.
    pub fn mean<'a>(&self, text: &[u8], scratch: &'a mut Scratch) -> Option<&'a [f32]> {
        let Scratch { line, mean } = scratch;
        line.clear();
        mean.clear(self.input.dimensions);
        let mut add = |rows: &[u32]| Mean::add(&self.input, rows, [&mut *mean]);
        for word in Tokens(text).take_while(|(word, _)| *word != END) {
            line.add_long(word, &self.dictionary, &self.grams, &mut add);
            line.drain_if_long(&mut add);
        }
        line.end(0, &self.dictionary, &self.grams, &mut add);
        mean.finish()
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
