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
#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn fold(numbers: &[f32], start: f32, with: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let whole = numbers.len() - numbers.len() % LANES;
    let mut at = 0;
    while at < whole {
        for lane in 0..LANES {
            lanes[lane] = with(lanes[lane], numbers[at + lane]);
        }
        at += LANES;
    }
    let rest = numbers[whole..].iter().fold(start, |one, other| with(one, *other));
    lanes.iter().fold(rest, |one, other| with(one, *other))
}
