//! Formulas between delimiters among the other marks of a block.

use std::ops::Range;

use super::mark::{Kind, Mark};
use crate::extract::formula::{Delimited, Formula};

/// The display formulas between delimiters that are all of a text but for its punctuation; none if there is more.
pub fn displayed(text: &str, found: Vec<Delimited>) -> Vec<Formula> {
    let (mut made, mut end) = (Vec::new(), 0);
    let is_between = |between: &str| between.chars().all(|c| c.is_whitespace() || matches!(c, '.' | ',' | ';'));
    for one in found {
        if !one.display || !is_between(&text[end..one.whole.start]) {
            return Vec::new();
        }
        end = one.whole.end;
        made.push(Formula { tex: text[one.source].trim().to_owned(), display: true, ascii: false });
    }
    if is_between(&text[end..]) {
        made
    } else {
        Vec::new()
    }
}

/// Add the formulas between delimiters to the marks of a block, which are those from `first` on. The block begins at
/// `start`, and its outermost marks have a depth.
pub fn insert(marks: &mut Vec<Mark>, first: usize, depth: usize, start: usize, text: &str, found: Vec<Delimited>) {
    let inline = marks.split_off(first);
    let shift = |range: &Range<usize>| (start + range.start) as u32..(start + range.end) as u32;
    let formulas = found.iter().map(|one| {
        let mut mark = Mark::new(Kind::Formula, 0, depth);
        (mark.start, mark.end) = (shift(&one.whole).start, shift(&one.whole).end);
        mark.number = one.display.then_some(1);
        mark.label = one.ascii.then(|| "asciimath".to_owned());
        mark.value = Some(text[one.source.clone()].trim().to_owned());
        mark
    });
    let formulas = apart(formulas, &inline);
    let mut next = 0;
    // Ends and depths of the marks around, and the depths of those that are left out.
    let (mut around, mut gone): (Vec<(u32, u8)>, Vec<u8>) = (Vec::new(), Vec::new());
    let mut end = 0;
    for mut mark in inline {
        gone.retain(|&depth| depth < mark.depth);
        while let Some(formula) = formulas.get(next).filter(|one| one.start <= mark.start && !holds(&mark, one)) {
            end = formula.end;
            put(marks, &mut around, formula.clone(), depth);
            next += 1;
        }
        let reaches = formulas.partition_point(|one| one.start < mark.end);
        let crosses = formulas[next..reaches.max(next)].last().is_some_and(|one| !holds(&mark, one));
        if mark.start < end || crosses {
            gone.push(mark.depth);
            continue;
        }
        mark.depth -= gone.len() as u8;
        around.retain(|&(_, depth)| depth < mark.depth);
        around.push((mark.end, mark.depth));
        marks.push(mark);
    }
    formulas.into_iter().skip(next).for_each(|formula| put(marks, &mut around, formula, depth));
}

/// The formulas that share no text with code or with another formula.
fn apart(formulas: impl Iterator<Item = Mark>, inline: &[Mark]) -> Vec<Mark> {
    let taken = |mark: &&Mark| matches!(mark.kind, Kind::InlineCode | Kind::Formula) && mark.start < mark.end;
    let mut others = inline.iter().filter(taken).peekable();
    let mut until = 0;
    let mut made = Vec::new();
    for formula in formulas {
        while let Some(other) = others.next_if(|other| other.start < formula.end) {
            until = until.max(other.end);
        }
        if until <= formula.start {
            made.push(formula);
        }
    }
    made
}

fn holds(mark: &Mark, formula: &Mark) -> bool {
    mark.start <= formula.start && formula.end <= mark.end
}

fn put(marks: &mut Vec<Mark>, around: &mut Vec<(u32, u8)>, mut formula: Mark, depth: usize) {
    while around.last().is_some_and(|&(end, _)| end < formula.end) {
        around.pop();
    }
    formula.depth = around.last().map_or(depth as u8, |&(_, depth)| depth + 1);
    marks.push(formula);
}
