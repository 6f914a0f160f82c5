//! Headings and their levels.

use super::attributes::raw;
use super::mark::{Kind, Mark};
use crate::extract::page::Page;
use crate::extract::tags::{self, Tag};

/// The level of a heading that gives none (WAI-ARIA 1.2, `heading`).
const DEFAULT_LEVEL: i32 = 2;

/// The highest heading of a text has this level or the one above: the title of a page is not always in its text.
const TOP: i32 = 2;

/// True if an element is a heading, by its tag or its role.
pub fn is_one(page: &Page, node: u32) -> bool {
    page.tree.nodes[node as usize].tag.is(tags::HEADINGS) || page.tree.headings.binary_search(&node).is_ok()
}

/// The level of a heading, 1 to 6.
pub fn level(page: &Page, node: u32) -> i32 {
    let tag = page.tree.nodes[node as usize].tag;
    if tag.is(tags::HEADINGS) {
        return tag as i32 - Tag::H1 as i32 + 1;
    }
    let given = raw(page.source, page.tree.markup[node as usize], "aria-level");
    given.and_then(|given| given.trim().parse().ok()).unwrap_or(DEFAULT_LEVEL).clamp(1, 6)
}

/// Move the levels of a text up, all by the same number, so that the highest is `TOP` or above.
pub fn normalise(marks: &mut [Mark]) {
    let headings = || marks.iter().filter(|mark| mark.kind == Kind::Heading);
    let highest = headings().filter_map(|mark| mark.number).min().unwrap_or(TOP);
    for mark in marks.iter_mut().filter(|mark| mark.kind == Kind::Heading) {
        mark.number = mark.number.map(|level| level - (highest - TOP).max(0));
    }
}
