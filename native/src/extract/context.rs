//! Features of a block from scores of the blocks around it.

use super::sink::Sink;

const STEPS: [isize; 4] = [-2, -1, 1, 2];
const WIDTHS: [usize; 3] = [3, 8, 20];

/// The features of every block, from a score of each and how much each weighs.
pub fn context(name: &str, scores: &[f32], weights: &[f32]) -> Context {
    let mut sums = vec![(0.0, 0.0)];
    let (mut mass, mut all) = (0.0_f64, 0.0_f64);
    for (&score, &weight) in scores.iter().zip(weights) {
        mass += f64::from(weight);
        all += f64::from(score) * f64::from(weight);
        sums.push((mass, all));
    }
    Context { name: name.to_owned(), mean: format!("{name}.99"), scores: scores.to_vec(), sums }
}

pub struct Context {
    name: String,
    /// The name of the mean of the page.
    mean: String,
    scores: Vec<f32>,
    sums: Vec<(f64, f64)>,
}

impl Context {
    /// Put the features of a block.
    pub fn put(&self, at: usize, sink: &mut impl Sink) {
        let n = self.scores.len();
        let name = &self.name[..];
        sink.put_nth(name, 0, self.scores[at]);
        for (nth, step) in (1..).zip(STEPS) {
            let near = at.checked_add_signed(step).and_then(|near| self.scores.get(near));
            sink.put_nth(name, nth, near.copied().unwrap_or(0.0));
        }
        for (nth, width) in (1 + STEPS.len()..).step_by(2).zip(WIDTHS) {
            sink.put_nth(name, nth, self.mean(at.saturating_sub(width), at));
            sink.put_nth(name, nth + 1, self.mean(at + 1, (at + 1 + width).min(n)));
        }
        sink.put_of_page(&self.mean, self.mean(0, n));
    }

    fn mean(&self, from: usize, to: usize) -> f32 {
        let (mass, all) = (self.sums[to].0 - self.sums[from].0, self.sums[to].1 - self.sums[from].1);
        if mass > 0.0 {
            (all / mass) as f32
        } else {
            0.0
        }
    }
}
