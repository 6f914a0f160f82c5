//! The blocks to keep: the set with the best expected F-score of the page, counted in terms.

use super::blocks::Block;

/// The weight of a block without terms.
const LEAST: f64 = 0.3;

/// The weight of a block: its terms.
pub fn weight(block: &Block) -> f64 {
    f64::from(block.stats.terms) + LEAST
}

/// True if each block is kept, and the expected score. `beta` above 1 favours recall, below 1 precision.
pub fn decode(blocks: &[Block], probabilities: &[f64], beta: f64) -> (Vec<bool>, f64) {
    let weight = |at: usize| weight(&blocks[at]);
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    let square = beta * beta;
    let expected: f64 = (0..blocks.len()).map(|at| probabilities[at] * weight(at)).sum();
    let (mut hits, mut kept, mut best, mut count) = (0.0, 0.0, 0.0, 0);
    for (n, &at) in order.iter().enumerate() {
        hits += probabilities[at] * weight(at);
        kept += weight(at);
        let score = (1.0 + square) * hits / (kept + square * expected);
        if score > best {
            (best, count) = (score, n + 1);
        }
    }
    let mut chosen = vec![false; blocks.len()];
    for &at in &order[..count] {
        chosen[at] = true;
    }
    (chosen, best)
}
