//! From the mean of a text's rows to its best label, or to all, by the loss that the model was trained with.
//!
//! The widths of the library's computations, 32 or 64 bits, are kept: they decide the last bits. So is which of two
//! equal scores wins: the later one.

use super::matrix::{check, Matrix};
use super::reader::{require, Fault};

const LARGEST: f32 = 8.0;
const STEPS: usize = 512;
const COUNT_OF_NONE: i64 = 1_000_000_000_000_000;

pub enum Output {
    /// Hierarchical softmax: the children of each inner node. Labels are nodes too, and come before them.
    Tree(Vec<(usize, usize)>),
    Softmax,
    /// Independent labels: a table of the logistic function.
    Logistic(Vec<f32>),
}

impl Output {
    /// The output of a loss as the file numbers it, for labels of these counts.
    pub fn new(loss: i32, counts: &[i64]) -> Result<Self, Fault> {
        match loss {
            1 => tree(counts).map(Output::Tree),
            2 | 4 => Ok(Output::Logistic((0..=STEPS).map(logistic_at).collect())),
            3 => Ok(Output::Softmax),
            _ => Err(Fault(format!("damaged fastText model: loss {loss}"))),
        }
    }

    /// The best label and its logarithmic score; `scores` has the probabilities of all labels, but of a tree. None if
    /// every score is next to nothing.
    #[allow(clippy::neg_cmp_op_on_partial_ord)] // NaN stays among them
    pub fn best(&self, matrix: &Matrix, mean: &[f32], scores: &mut Vec<f32>) -> Result<Option<(usize, f32)>, Fault> {
        if let Output::Tree(nodes) = self {
            let mut best: Option<(usize, f32)> = None;
            leaves(nodes, matrix, mean, |leaf, score| {
                best = Some((leaf, score));
                score
            })?;
            return Ok(best);
        }
        matrix.products(mean, scores)?;
        match self {
            Output::Logistic(table) => {
                scores.iter_mut().for_each(|score| *score = logistic(table, *score));
                Ok(best_score(scores.iter().copied().enumerate()))
            }
            _ => {
                softmax(scores);
                let least = least_rival(scores);
                Ok(best_score(scores.iter().copied().enumerate().filter(|&(_, score)| !(score < least))))
            }
        }
    }

    /// Write the probability of every label as the library returns it. A fault if one is no number.
    pub fn all(&self, matrix: &Matrix, mean: &[f32], scores: &mut Vec<f32>) -> Result<(), Fault> {
        if let Output::Tree(nodes) = self {
            scores.clear();
            scores.resize(nodes.len() + 1, 0.0); // what is next to nothing is not returned
            leaves(nodes, matrix, mean, |leaf, score| {
                scores[leaf] = score.exp();
                f32::NEG_INFINITY
            })?;
        } else {
            matrix.products(mean, scores)?;
            match self {
                Output::Logistic(table) => scores.iter_mut().for_each(|score| *score = logistic(table, *score)),
                _ => softmax(scores),
            }
            scores.iter_mut().for_each(|score| *score = log(*score).exp());
        }
        scores.iter().try_for_each(|score| check(*score))
    }

    /// The direction in which the logarithmic odds of a label grow most at a mean. Of a tree, those of all decisions on
    /// the way to the label.
    pub fn direction(&self, matrix: &Matrix, mean: &[f32], label: usize) -> Result<Vec<f64>, Fault> {
        let mut direction = vec![0.0; matrix.dimensions];
        let mut add = |row: usize, factor: f64| {
            let weights = matrix.row(row);
            direction.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += factor * f64::from(weight));
        };
        match self {
            Output::Tree(nodes) => {
                let labels = nodes.len() + 1;
                let mut below = label;
                for (inner, &(left, right)) in nodes.iter().enumerate() {
                    if below == left || below == right {
                        add(inner, if below == right { 1.0 } else { -1.0 });
                        below = labels + inner;
                    }
                }
            }
            Output::Logistic(_) => add(label, 1.0),
            Output::Softmax => {
                let mut scores = Vec::new();
                matrix.products(mean, &mut scores)?;
                scores[label] = f32::NEG_INFINITY;
                softmax(&mut scores); // of the others alone
                add(label, 1.0);
                scores
                    .iter()
                    .enumerate()
                    .filter(|&(row, _)| row != label)
                    .for_each(|(row, &p)| add(row, -f64::from(p)));
            }
        }
        Ok(direction)
    }

    /// The probability of some labels together; `scores` as `best` left them. Exact, so their order means nothing.
    pub fn sum(&self, labels: &[usize], matrix: &Matrix, mean: &[f32], scores: &[f32]) -> Result<f64, Fault> {
        if let Output::Tree(nodes) = self {
            let mut sum = 0.0;
            leaves(nodes, matrix, mean, |leaf, score| {
                sum += if labels.contains(&leaf) { f64::from(score.exp()) } else { 0.0 };
                f32::NEG_INFINITY
            })?;
            return Ok(sum);
        }
        Ok(labels.iter().map(|&label| f64::from(log(scores[label]).exp())).sum())
    }
}

/// The library's logarithm of a probability.
fn log(probability: f32) -> f32 {
    (f64::from(probability) + 1e-5).ln() as f32
}

#[allow(clippy::neg_cmp_op_on_partial_ord)] // NaN takes the place, as in the library
fn best_score(scores: impl Iterator<Item = (usize, f32)>) -> Option<(usize, f32)> {
    let mut best: Option<(usize, f32)> = None;
    for (label, score) in scores {
        let score = if score < 0.0 { continue } else { log(score) };
        if best.is_none_or(|(_, highest)| !(score < highest)) {
            best = Some((label, score));
        }
    }
    best
}

/// Take leaves with their logarithmic scores, those next to nothing left out. `take` returns the score below which it
/// wants no more of them.
fn leaves(
    nodes: &[(usize, usize)],
    matrix: &Matrix,
    mean: &[f32],
    mut take: impl FnMut(usize, f32) -> f32,
) -> Result<(), Fault> {
    let labels = nodes.len() + 1;
    let least = log(0.0);
    let mut wanted = least;
    let mut open = vec![(2 * labels - 2, 0.0_f32)];
    while let Some((node, score)) = open.pop() {
        if score < least || score < wanted {
            continue;
        }
        let Some(inner) = node.checked_sub(labels) else {
            wanted = take(node, score);
            continue;
        };
        let right = (1.0 / f64::from(1.0 + (-matrix.product(inner, mean)?).exp())) as f32;
        let left = (1.0 - f64::from(right)) as f32;
        open.push((nodes[inner].1, score + log(right)));
        open.push((nodes[inner].0, score + log(left)));
    }
    Ok(())
}

/// The Huffman tree of labels, which have descending counts.
fn tree(counts: &[i64]) -> Result<Vec<(usize, usize)>, Fault> {
    let labels = counts.len();
    let total = counts.iter().try_fold(0_i64, |sum, &count| sum.checked_add(count).filter(|_| count >= 0));
    require(total.is_some_and(|total| total < COUNT_OF_NONE), || "counts of labels".to_owned())?;
    let mut all = counts.to_vec();
    let mut nodes = Vec::with_capacity(labels.saturating_sub(1));
    let (mut leaves, mut inner) = (labels, labels);
    for _ in 1..labels {
        let mut next = || {
            if leaves > 0 && all[leaves - 1] < all.get(inner).copied().unwrap_or(COUNT_OF_NONE) {
                leaves -= 1;
                leaves
            } else {
                inner += 1;
                inner - 1
            }
        };
        let (left, right) = (next(), next());
        all.push(all[left] + all[right]);
        nodes.push((left, right));
    }
    Ok(nodes)
}

/// The probability below which no label can have the highest logarithm: rounding makes only close ones equal.
fn least_rival(probabilities: &[f32]) -> f32 {
    let highest = probabilities.iter().copied().fold(0.0, f32::max);
    highest - (highest + 1e-5) * 1e-5
}

fn softmax(scores: &mut [f32]) {
    let highest = scores.iter().fold(scores[0], |highest, &score| if score < highest { highest } else { score });
    let mut total = 0.0_f32;
    for score in scores.iter_mut() {
        *score = f64::from(*score - highest).exp() as f32;
        total += *score;
    }
    scores.iter_mut().for_each(|score| *score /= total);
}

fn logistic_at(step: usize) -> f32 {
    let place = (2 * step * LARGEST as usize) as f32 / STEPS as f32 - LARGEST;
    (1.0 / (1.0 + f64::from((-place).exp()))) as f32
}

fn logistic(table: &[f32], place: f32) -> f32 {
    if place < -LARGEST {
        0.0
    } else if place > LARGEST {
        1.0
    } else {
        table[((place + LARGEST) * STEPS as f32 / LARGEST / 2.0) as usize]
    }
}
