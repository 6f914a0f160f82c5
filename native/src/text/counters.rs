//! The form of a line that counts something. Twin: `refinery.kernels.reference.counters`.

use std::collections::HashSet;

use crate::classes::{Classes, DIGIT, SPACE};
use crate::text::word_list::Undecided;

/// Beside the classes: a character that a number may not have.
pub const OTHER: u8 = 64;
/// Stands for the number in a counter: as a word, and as the number of that word.
pub const NUMBER: (&str, u32) = ("#", u32::MAX);
const NUMERIC_SEPARATORS: [char; 10] = ['.', ',', ':', '/', '-', '%', '$', '€', '٫', '٬'];
const DIGIT_GROUPS: usize = 4;

/// The classes of a character, and OTHER if it fits no number.
#[inline]
pub fn numeric(character: char, class: u8) -> u8 {
    let fits = class & (DIGIT | SPACE) != 0 || NUMERIC_SEPARATORS.contains(&character);
    class | if fits { 0 } else { OTHER }
}

fn is_number(word: &str, classes: Classes) -> bool {
    let all = word.chars().fold(0, |all, character| all | numeric(character, classes.of(character)));
    all & (DIGIT | OTHER) == DIGIT
}

/// Forms of counters, as numbers of words.
pub struct Counters {
    forms: HashSet<Vec<u32>>,
    longest: usize,
    suffixes: String, // of rounded numbers, in any case
}

/// The form of a line as far as it was read.
#[derive(Default)]
struct Form {
    words: Vec<u32>,
    grouped: bool, // the last word is a number that a group of three digits may continue
}

impl Counters {
    pub fn new(forms: Vec<Vec<u32>>, suffixes: String) -> Self {
        let longest = forms.iter().map(Vec::len).max().unwrap_or(0) + DIGIT_GROUPS - 1;
        Counters { forms: forms.into_iter().collect(), longest, suffixes }
    }

    /// True if a line of these words is a counter; `known` returns the number of a word in one.
    pub fn contain<'t>(
        &self,
        words: impl Iterator<Item = &'t str>,
        classes: Classes,
        mut known: impl FnMut(&str) -> Result<Option<u32>, Undecided>,
    ) -> Result<bool, Undecided> {
        let mut form = Form::default();
        for (place, core) in words.map(|word| classes.bare(word)).filter(|core| !core.is_empty()).enumerate() {
            if place == self.longest {
                return Ok(false);
            }
            for unit in self.units(core, classes).into_iter().filter(|unit| !unit.is_empty()) {
                if is_number(unit, classes) {
                    form.add_number(unit, classes);
                } else if let Some(word) = known(unit)? {
                    form.add(word);
                } else {
                    return Ok(false);
                }
            }
        }
        Ok(self.forms.contains(&form.words))
    }

    /// The number in a word, and what is written around that without a space.
    fn units<'t>(&self, core: &'t str, classes: Classes) -> [&'t str; 3] {
        let digit = |character: char| classes.of(character) & DIGIT != 0;
        let (Some(first), Some(last)) = (core.find(digit), core.rfind(digit)) else { return [core, "", ""] };
        let end = last + core[last..].chars().next().map_or(0, char::len_utf8);
        let (before, number, mut after) = (&core[..first], &core[first..end], &core[end..]);
        let mut beyond = after.chars();
        if beyond.next().is_some_and(|suffix| self.suffixes.contains(suffix)) && beyond.next().is_none() {
            after = "";
        }
        if !is_number(number, classes) || before.chars().chain(after.chars()).any(|letter| letter.is_ascii_alphabetic())
        {
            return [core, "", ""];
        }
        [classes.bare(before), number, classes.bare(after)]
    }
}

impl Form {
    fn add(&mut self, word: u32) {
        self.words.push(word);
        self.grouped = false;
    }

    fn add_number(&mut self, number: &str, classes: Classes) {
        let digits = number.chars().all(|character| classes.of(character) & DIGIT != 0);
        let size = number.chars().count();
        if !(digits && self.grouped && size == 3) {
            self.words.push(NUMBER.1);
            self.grouped = digits && size <= 3;
        }
    }
}
