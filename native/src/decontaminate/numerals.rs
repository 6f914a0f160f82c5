//! Numbers that are written as words, such as `two hundred and five`, as one unit.

use super::units::{append_units, Kind, Unit};

/// A word of a number: a value, or what multiplies the value before it.
#[derive(Clone, Copy)]
pub enum Numeral {
    And,
    Times(u64),
    Value(u64),
}

/// The words of numbers, by the keys of units.
pub fn numerals(words: &[String], values: &[u64], folds: &[u32]) -> Vec<(u64, Numeral)> {
    let mut found = Vec::new();
    for (word, &value) in words.iter().zip(values) {
        let mut units = Vec::new();
        append_units(word, folds, &mut units);
        let numeral = match value {
            AND => Numeral::And,
            value if value >= TIMES => Numeral::Times(value - TIMES),
            value => Numeral::Value(value),
        };
        if let [unit] = units[..] {
            found.push((unit.key, numeral));
        }
    }
    found
}

/// The number that begins with the first of some units, and how many units it has. `numeral` is what each unit is.
pub fn number(units: &[Unit], text: &str, numeral: impl Fn(usize) -> Option<Numeral>) -> Option<(u64, usize)> {
    if let Some(number) = digit_by_digit(units, &numeral) {
        return Some(number);
    }
    let (mut total, mut current, mut least) = (0_u64, None, u64::MAX);
    let (mut count, mut after_value) = (0, false);
    while let Some(unit) = units.get(count) {
        let found = numeral(count);
        match found {
            Some(Numeral::Value(value)) => match joined(current.filter(|&value| value > 0 || total == 0), value) {
                Some(sum) => current = Some(sum),
                None => break,
            },
            Some(Numeral::Times(10)) => match current {
                None => current = Some(10),
                Some(value) if value % 100 > 0 && value % 100 < 10 => current = Some(value + 9 * (value % 100)),
                Some(value) if value % 100 == 0 => current = Some(value + 10),
                _ => break,
            },
            Some(Numeral::Times(100)) => match current {
                None => current = Some(100),
                Some(value) if value > 0 && value < 100 => current = Some(value * 100),
                _ => break,
            },
            Some(Numeral::Times(times)) => match current {
                Some(value) if times < least && value > 0 && value < 10_000 => {
                    (total, current, least) = (total + value * times, None, times);
                }
                None if count == 0 => (total, least) = (times, times),
                _ => break,
            },
            Some(Numeral::And) => {
                if count == 0 || after_value || !matches!(numeral(count + 1), Some(Numeral::Value(_))) {
                    break;
                }
            }
            None if count == 0 && unit.kind == Kind::Digits => {
                let digits = text[unit.start as usize..unit.end as usize].parse::<u64>();
                match (numeral(1), digits) {
                    (Some(Numeral::Times(_)), Ok(value)) if value > 0 && value < 1000 => current = Some(value),
                    _ => break,
                }
            }
            None => break,
        }
        after_value = matches!(found, Some(Numeral::Value(_)));
        count += 1;
    }
    (count > 0).then(|| (total + current.unwrap_or(0), count))
}

/// A number that is written with a Han character for each digit, such as `一七八三`.
fn digit_by_digit(units: &[Unit], numeral: impl Fn(usize) -> Option<Numeral>) -> Option<(u64, usize)> {
    let (mut value, mut count) = (0, 0);
    while let (Some(unit), Some(Numeral::Value(digit))) = (units.get(count), numeral(count)) {
        if unit.kind != Kind::Han || digit > 9 || count == MOST_DIGITS {
            break;
        }
        (value, count) = (value * 10 + digit, count + 1);
    }
    (count > 1 && !matches!(numeral(count), Some(Numeral::Times(_)))).then_some((value, count))
}

/// Digits of a number that has a word for each.
const MOST_DIGITS: usize = 18;

/// Values from here on multiply; the greatest is `and`.
const TIMES: u64 = 1 << 62;
const AND: u64 = u64::MAX;

/// The value of a number so far with one more word, if that continues it: `twenty` and `five`, `two hundred` and `ten`.
fn joined(current: Option<u64>, value: u64) -> Option<u64> {
    match current {
        None => Some(value),
        Some(before) if before >= 100 && before % 100 == 0 && value < 100 => Some(before + value),
        Some(before) if before % 100 >= 10 && before % 10 == 0 && value > 0 && value < 10 => Some(before + value),
        _ => None,
    }
}
