//! The search for items in one text after another.

use std::ops::Range;

use super::extent::{extent, Extent, Hit};
use super::index::{Index, Role, ANSWER, ONE, PASSAGE, QUESTION, SHORT};
use super::units::Unit;

/// The weight, times the share that was found, that counts in full; the score of a lighter match is less in proportion.
const ENOUGH: u64 = 4 * ONE as u64;
/// Of the weight of a text its trigrams in a window must have this share, in tenths, before they are looked at.
const SEEDS: u64 = 3;
/// Places of one text in another that are looked at.
const TIMES: usize = 16;
/// Groups with one text that are looked at.
const SHARING: usize = 64;
/// The weight of a question without which its answers are not looked for.
const LIGHT: u64 = 2 * ONE as u64;
/// Matches with a lower score, in parts of ten, are not returned.
const FLOOR: u64 = 3;
/// Matches of a text that are returned, the best.
const MOST: usize = 256;

/// A range of a text that is a part of an item: `row` is that of the answer that was found, or `u32::MAX`.
pub struct Match {
    pub group: u32,
    pub row: u32,
    pub matched: u64,
    pub total: u64,
    pub needed: u64,
    pub start: u32,
    pub end: u32,
}

/// A text of an item in a range of units.
#[derive(Clone, Copy)]
struct Found {
    piece: u32,
    matched: u64,
    first: usize,
    last: usize,
}

pub struct Search<'a> {
    index: &'a Index,
    folds: &'a [u32],
    units: Vec<Unit>,
    ids: Vec<u32>,
    seeds: Vec<(u32, u32, Range<u32>)>,
    touched: Vec<u32>,
    sums: Vec<u64>,
    wanted: Vec<u32>,
    by_word: Vec<(u32, u32)>,
}

impl<'a> Search<'a> {
    pub fn new(index: &'a Index, folds: &'a [u32]) -> Self {
        Search {
            index,
            folds,
            units: Vec::new(),
            ids: Vec::new(),
            seeds: Vec::new(),
            touched: Vec::new(),
            sums: vec![0; index.totals.len()],
            wanted: vec![0; index.weights.len()],
            by_word: Vec::new(),
        }
    }

    /// Append the items in a text.
    pub fn run(&mut self, text: &str, matches: &mut Vec<Match>) {
        self.index.find(text, self.folds, &mut self.units, &mut self.ids);
        let hits = self.hits();
        if hits.is_empty() {
            return;
        }
        let mut found = Vec::new();
        for run in hits.chunk_by(|a, b| a.0 == b.0) {
            self.places(run[0].0, run.iter().map(|(_, hit)| *hit).collect(), &mut found);
        }
        if !found.is_empty() {
            self.by_word.clear();
            self.judge(&found, matches);
        }
    }

    /// The trigrams of the text in pieces of which it has enough, sorted by piece.
    fn hits(&mut self) -> Vec<(u32, Hit)> {
        self.seeds.clear();
        for (at, words) in self.ids.windows(3).enumerate() {
            if let Some((places, weight)) = self.index.places_of(words) {
                for place in &self.index.places[places.start as usize..places.end as usize] {
                    let sum = &mut self.sums[place.piece as usize];
                    if *sum == 0 {
                        self.touched.push(place.piece);
                    }
                    *sum += u64::from(weight);
                }
                self.seeds.push((at as u32, weight, places));
            }
        }
        let enough = |piece: u32, sums: &[u64]| is_enough(sums[piece as usize], self.index.totals[piece as usize]);
        let mut hits = Vec::new();
        if self.touched.iter().any(|&piece| enough(piece, &self.sums)) {
            for (unit, weight, places) in &self.seeds {
                let places = &self.index.places[places.start as usize..places.end as usize];
                let some = places.iter().filter(|place| enough(place.piece, &self.sums));
                hits.extend(some.map(|place| (place.piece, Hit { unit: *unit, at: place.at, weight: *weight })));
            }
            hits.sort_unstable_by_key(|(piece, hit)| (*piece, hit.unit, hit.at));
        }
        self.touched.drain(..).for_each(|piece| self.sums[piece as usize] = 0);
        hits
    }

    /// Append the ranges in which most of a piece is.
    fn places(&mut self, piece: u32, mut hits: Vec<Hit>, found: &mut Vec<Found>) {
        let total = self.index.totals[piece as usize];
        let words = self.index.piece(piece);
        let length = words.len() + words.len() / 4 + 3;
        let mut cleared = Vec::new();
        for _ in 0..TIMES {
            let (start, weight) = best_window(&hits, words.len(), length);
            if !is_enough(weight, total) {
                break;
            }
            let end = (start + length).min(self.ids.len());
            let is_inside = |hit: &Hit| (start..end.saturating_sub(2)).contains(&(hit.unit as usize));
            let inside: Vec<Hit> = hits.iter().filter(|hit| is_inside(hit)).copied().collect();
            let Some(Extent { first, last, is_exact }) = extent(&self.units, &self.ids, words, &inside, start..end)
            else {
                break;
            };
            let matched = self.matched(words, start..end);
            if matched * 2 >= total {
                found.push(Found { piece, matched, first, last });
            }
            cleared.push((first, self.ids[first..=last].to_vec()));
            self.ids[first..=last].fill(0);
            let is_cleared = |hit: &Hit| hit.unit as usize + 2 >= first && hit.unit as usize <= last;
            hits.retain(|hit| !is_cleared(hit) && (is_exact || !is_inside(hit)));
        }
        for (first, ids) in cleared.into_iter().rev() {
            self.ids[first..first + ids.len()].copy_from_slice(&ids);
        }
    }

    /// The weight of the words that a window and a piece have, in any order.
    fn matched(&mut self, words: &[u32], window: Range<usize>) -> u64 {
        words.iter().for_each(|&word| self.wanted[word as usize] += 1);
        let mut matched = 0;
        for &word in &self.ids[window] {
            let left = &mut self.wanted[word as usize];
            if *left > 0 {
                *left -= 1;
                matched += u64::from(self.index.weights[word as usize]);
            }
        }
        words.iter().for_each(|&word| self.wanted[word as usize] = 0);
        matched
    }

    /// Append the groups of which enough was found, best first.
    fn judge(&mut self, found: &[Found], matches: &mut Vec<Match>) {
        let mut roles: Vec<(Role, usize)> = Vec::new();
        for (number, one) in found.iter().enumerate() {
            let shared = self.index.roles_of(one.piece).iter().take(SHARING);
            roles.extend(shared.map(|role| (*role, number)));
        }
        roles.sort_by_key(|(role, number)| (role.group, role.kind, role.row, *number));
        let mut groups: Vec<(u128, Vec<Match>)> = Vec::new();
        for run in roles.chunk_by(|a, b| a.0.group == b.0.group) {
            groups.extend(self.group(run, found));
        }
        groups.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        matches.extend(groups.into_iter().flat_map(|(_, some)| some).take(MOST));
    }

    /// The match of one group, with its score times 2^64.
    fn group(&mut self, roles: &[(Role, usize)], found: &[Found]) -> Option<(u128, Vec<Match>)> {
        let group = roles[0].0.group;
        let weight = |number: usize| (found[number].matched, self.index.totals[found[number].piece as usize]);
        let best = |kind: u8| {
            let some = roles.iter().filter(|(role, _)| role.kind == kind);
            some.max_by_key(|(role, number)| (found[*number].matched, u32::MAX - role.row)).copied()
        };
        let question = best(QUESTION).map(|(_, number)| weight(number));
        let passage = best(PASSAGE).map(|(_, number)| weight(number));
        let mut answer = best(ANSWER).map(|(role, number)| (role.row, weight(number), None));
        if question.is_some_and(|(matched, _)| matched >= LIGHT) {
            for role in self.index.answers_of(group) {
                let total = self.index.totals[role.piece as usize];
                if answer.is_some_and(|(_, (matched, _), _)| matched >= total) {
                    continue;
                }
                if let Some(range) = self.exact(role.piece) {
                    answer = Some((role.row, (total, total), Some(range)));
                }
            }
        }
        let parts = [question, passage, answer.map(|(_, weight, _)| weight)];
        let mut chosen = (0, 0, 0, 1, 0);
        for set in 1..8_usize {
            let some = || (0..3).filter(|part| set >> part & 1 == 1);
            if some().any(|part| parts[part].is_none()) {
                continue;
            }
            let (matched, total) = some().filter_map(|part| parts[part]).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
            let needed = if set == 4 { 2 * ENOUGH } else { ENOUGH };
            let score = score(matched, total, needed);
            if score >= chosen.0 {
                chosen = (score, matched, total, needed, set);
            }
        }
        let (score, matched, total, needed, set) = chosen;
        if score * 10 < FLOOR as u128 * SCALE {
            return None;
        }
        let row = answer.filter(|_| set & 4 > 0).map_or(u32::MAX, |(row, _, _)| row);
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for (role, number) in roles.iter().filter(|(role, _)| set >> role.kind & 1 == 1) {
            let _ = role;
            ranges.push((self.units[found[*number].first].start, self.units[found[*number].last].end));
        }
        if let Some((_, _, Some((first, last)))) = answer.filter(|_| set & 4 > 0) {
            ranges.push((self.units[first].start, self.units[last].end));
        }
        ranges.sort_unstable();
        ranges.dedup();
        let some = ranges.into_iter().map(|(start, end)| Match { group, row, matched, total, needed, start, end });
        Some((score, some.collect()))
    }

    /// The first place of a short answer, word by word.
    fn exact(&mut self, piece: u32) -> Option<(usize, usize)> {
        let words = self.index.piece(piece);
        if words.is_empty() || words.len() > SHORT {
            return None;
        }
        if self.by_word.is_empty() {
            self.by_word.extend(self.ids.iter().enumerate().map(|(at, &word)| (word, at as u32)));
            self.by_word.sort_unstable();
        }
        let from = self.by_word.partition_point(|(word, _)| *word < words[0]);
        let starts = self.by_word[from..].iter().take_while(|(word, _)| *word == words[0]);
        let fits = |at: usize| self.ids.get(at..at + words.len()).is_some_and(|some| some == words);
        starts.map(|(_, at)| *at as usize).find(|at| fits(*at)).map(|at| (at, at + words.len() - 1))
    }
}

const SCALE: u128 = 1 << 32;

/// True if trigrams of this weight are worth a look at a piece.
fn is_enough(weight: u64, total: u64) -> bool {
    weight > 0 && weight * 10 >= total * SEEDS
}

/// The share of the weight that matched, less in proportion where matched weight times share is light; times `SCALE`.
fn score(matched: u64, total: u64, needed: u64) -> u128 {
    let matched = u128::from(matched);
    let share = matched * SCALE / u128::from(total.max(1));
    share * (matched * share / u128::from(needed)).min(SCALE) / SCALE
}

/// The start of the window with the heaviest trigrams, and their weight.
fn best_window(hits: &[Hit], size: usize, length: usize) -> (usize, u64) {
    let begin = |hit: &Hit| (hit.unit as usize).saturating_sub(hit.at as usize + size / 8);
    let mut starts: Vec<usize> = hits.iter().map(begin).collect();
    starts.sort_unstable();
    let (mut first, mut next, mut sum) = (0, 0, 0_u64);
    let mut best = (0, 0);
    for start in starts {
        while next < hits.len() && hits[next].unit as usize + 2 < start + length {
            sum += u64::from(hits[next].weight);
            next += 1;
        }
        while first < next && (hits[first].unit as usize) < start {
            sum -= u64::from(hits[first].weight);
            first += 1;
        }
        if sum > best.1 {
            best = (start, sum);
        }
    }
    best
}
