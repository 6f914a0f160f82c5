//! The phrase that is cut from the words of a line. Twin: `refinery.kernels.reference.phrases.find_phrase`.

use std::collections::HashMap;
use std::ops::Range;

use crate::text::reason::Reason;

const ROOT: u32 = 0;

/// An automaton over numbered words: it walks along a line as long as some phrase goes on.
#[derive(Default)]
struct Walk {
    next: HashMap<(u32, u32), u32>, // from state and word to state
    ends: Vec<bool>,                // by state, whether a phrase ends there
}

impl Walk {
    fn add(&mut self, phrase: impl Iterator<Item = u32>) {
        let mut state = ROOT;
        self.ends.resize(self.ends.len().max(1), false);
        for word in phrase {
            let fresh = self.ends.len() as u32;
            state = *self.next.entry((state, word)).or_insert(fresh);
            if state == fresh {
                self.ends.push(false);
            }
        }
        self.ends[state as usize] = state != ROOT;
    }

    /// The length of the longest phrase that starts with the first of these words and may have that length; 0 if none.
    fn longest(&self, words: impl Iterator<Item = u32>, may: impl Fn(usize) -> bool) -> usize {
        let (mut state, mut longest) = (ROOT, 0);
        for (word, length) in words.zip(1..) {
            let Some(next) = self.next.get(&(state, word)) else { break };
            state = *next;
            if self.ends[state as usize] && may(length) {
                longest = length;
            }
        }
        longest
    }
}

/// The phrases by the place where they are cut.
#[derive(Default)]
pub struct Phrases {
    start: Walk,
    end: Walk, // backwards
    anywhere: Walk,
}

impl Phrases {
    /// Phrases as numbers of words, in the order of the fields.
    pub fn new([start, end, anywhere]: [Vec<Vec<u32>>; 3]) -> Self {
        let mut phrases = Phrases::default();
        start.into_iter().for_each(|phrase| phrases.start.add(phrase.into_iter()));
        end.into_iter().for_each(|phrase| phrases.end.add(phrase.into_iter().rev()));
        anywhere.into_iter().for_each(|phrase| phrases.anywhere.add(phrase.into_iter()));
        phrases
    }

    /// Place and range of the longest phrase at the start, else at the end, else anywhere in the words, of those that
    /// stand alone.
    pub fn find(&self, words: &[Option<u32>], edges: &Edges) -> Option<(Reason, Range<usize>)> {
        let length = self.start.longest(words.iter().map_while(|word| *word), |length| edges.ends[length]);
        if length > 0 {
            return Some((Reason::Start, 0..length));
        }
        let backwards = words.iter().rev().map_while(|word| *word);
        let length = self.end.longest(backwards, |length| edges.begins[words.len() - length]);
        if length > 0 {
            return Some((Reason::End, words.len() - length..words.len()));
        }
        let mut best = 0..0;
        for first in (0..words.len()).filter(|&first| edges.begins[first]) {
            let rest = words[first..].iter().map_while(|word| *word);
            let length = self.anywhere.longest(rest, |length| edges.ends[first + length]);
            if length > best.len() {
                best = first..first + length;
            }
        }
        (!best.is_empty()).then_some((Reason::Anywhere, best))
    }
}

/// For each word, and the end: true if a phrase may begin, or end, before it, separated from other words.
#[derive(Default)]
pub struct Edges {
    pub begins: Vec<bool>,
    pub ends: Vec<bool>,
}
