//! The blocks to keep: the set with the best expected F-score of the page, counted in terms.

use super::blocks::Block;

/// The weight of a block without terms.
const LEAST: f64 = 0.3;

/// How wrong the scorer may be about all blocks of a page at once: what their odds are multiplied by, and how likely
/// that is. For logits that are off by a normal error of deviation 1, the three points of Gauss and Hermite, with
/// `exp(±sqrt(3))`.
const ERRORS: [(f64, f64); 3] = [(0.176_921_206, 1.0 / 6.0), (1.0, 2.0 / 3.0), (5.652_233_674, 1.0 / 6.0)];

const AS_SCORED: usize = 1;

/// The weight of a block: its terms.
pub fn weight(block: &Block) -> f64 {
    f64::from(block.stats.terms) + LEAST
}

/// True if each block is kept, and the expected score if the scorer is right. `beta` above 1 favours recall, below 1
/// precision.
pub fn decode(blocks: &[Block], probabilities: &[f64], beta: f64) -> (Vec<bool>, f64) {
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    let square = beta * beta;
    let terms = |at: usize| {
        let (p, weight) = (probabilities[at], weight(&blocks[at]));
        ERRORS.map(|(factor, _)| weight * p * factor / (p * factor + 1.0 - p))
    };
    let main: Vec<[f64; 3]> = order.iter().map(|&at| terms(at)).collect();
    let expected = main.iter().fold([0.0; 3], added);
    let (mut hits, mut kept, mut best, mut count, mut confidence) = ([0.0; 3], 0.0, 0.0, 0, 0.0);
    for (n, (&at, main)) in order.iter().zip(&main).enumerate() {
        hits = added(hits, main);
        kept += weight(&blocks[at]);
        let scores: [f64; 3] =
            std::array::from_fn(|error| (1.0 + square) * hits[error] / (kept + square * expected[error]));
        let score: f64 = ERRORS.iter().zip(scores).map(|((_, likely), score)| likely * score).sum();
        if score > best {
            (best, count, confidence) = (score, n + 1, scores[AS_SCORED]);
        }
    }
    let mut chosen = vec![false; blocks.len()];
    for &at in &order[..count] {
        chosen[at] = true;
    }
    (chosen, confidence)
}

fn added(sums: [f64; 3], more: &[f64; 3]) -> [f64; 3] {
    [sums[0] + more[0], sums[1] + more[1], sums[2] + more[2]]
}
