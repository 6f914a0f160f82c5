//! What marks say beside their place: ordinals, languages of code, sizes of cells, and the TeX of formulas.

use super::attributes::raw;
use super::headings;
use super::language::language;
use super::mark::{Kind, Mark};
use super::tables::Tables;
use crate::extract::page::Page;
use crate::extract::tags::Tag;
use crate::extract::tree::ROLE_CHROME;

/// Describe the mark of an element.
pub fn describe(page: &Page, tables: &Tables, node: u32, mark: &mut Mark) {
    let this = page.tree.nodes[node as usize];
    let ordinal = |name| {
        let given = raw(page.source, page.tree.markup[node as usize], name);
        given.and_then(|given| given.trim().parse::<i32>().ok())
    };
    match mark.kind {
        Kind::Heading => mark.number = Some(headings::level(page, node)),
        Kind::List if this.tag == Tag::Ol => mark.number = Some(ordinal("start").unwrap_or(1)),
        Kind::Item => mark.number = ordinal("value"),
        Kind::Code => mark.value = language(page, node),
        Kind::Table => mark.number = Some(tables.header_rows(node)),
        Kind::Cell | Kind::Header => {
            let (columns, rows) = tables.spans(node);
            mark.number = (columns > 1).then_some(columns as i32);
            mark.value = (rows > 1).then(|| rows.to_string());
        }
        _ => {}
    }
}

/// True if an element is in the navigation of a site or a page, whose lists are none of the text.
pub fn navigates(page: &Page, node: u32) -> bool {
    let tree = &page.tree;
    let above = std::iter::successors(Some(node), |&at| (at > 0).then(|| tree.nodes[at as usize].parent));
    let role = |at| raw(page.source, tree.markup[at], "role").unwrap_or_default();
    above.map(|at| at as usize).any(|at| {
        let chrome = tree.nodes[at].flags & ROLE_CHROME != 0;
        tree.nodes[at].tag == Tag::Nav || chrome && role(at).trim().eq_ignore_ascii_case("navigation")
    })
}
