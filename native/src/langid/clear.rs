//! A label that is clearly more probable than all others together, found without exponentials.

const LANES: usize = 16;
const SQUARINGS: i32 = 8;
/// Of all labels' exponentials, the own one is 1. The sum is below 2 by more than roundings to 32 bits make of it.
const CLEAR: f32 = 1.99;

/// The label whose probability by the softmax of these products is surely above a half. Overwrites them.
pub fn clear_label(products: &mut [f32]) -> Option<usize> {
    let highest = fold(products, f32::NEG_INFINITY, |one, other| if other > one { other } else { one });
    let label = products.iter().position(|product| *product == highest).filter(|_| highest.is_finite())?;
    products.iter_mut().for_each(|product| *product = most(highest - *product));
    (fold(products, 0.0, |one, other| one + other) < CLEAR).then_some(label)
}

/// At least `e^-distance`, by some percent if that is not small: `(1 + x/n)^n` is at most `e^x`.
#[inline]
fn most(distance: f32) -> f32 {
    let mut power = 1.0 + distance / 2_f32.powi(SQUARINGS);
    for _ in 0..SQUARINGS {
        power *= power;
    }
    1.0 / power
}

/// Combine numbers, many side by side.
#[inline]
fn fold(numbers: &[f32], start: f32, with: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let blocks = numbers.chunks_exact(LANES);
    let rest = blocks.remainder().iter().copied().fold(start, &with);
    for block in blocks {
        lanes.iter_mut().zip(block).for_each(|(lane, number)| *lane = with(*lane, *number));
    }
    lanes.into_iter().fold(rest, &with)
}
