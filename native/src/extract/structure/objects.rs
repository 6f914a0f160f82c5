//! What marks say beside their place: ordinals, languages of code, sizes of cells, and the TeX of formulas.

use super::attributes::{decoded, raw};
use super::inline::Origin;
use super::mark::{Kind, Mark};
use super::tables::Tables;
use crate::extract::page::Page;
use crate::extract::tags::Tag;
use crate::extract::tree::Holder;

/// Describe the mark of an element.
pub fn describe(page: &Page, tables: &Tables, node: u32, mark: &mut Mark) {
    let this = page.tree.nodes[node as usize];
    let ordinal = |name| {
        let given = raw(page.source, page.tree.markup[node as usize], name);
        given.and_then(|given| given.trim().parse::<i32>().ok())
    };
    match mark.kind {
        Kind::Heading => mark.number = Some(this.tag as i32 - Tag::H1 as i32 + 1),
        Kind::List if this.tag == Tag::Ol => mark.number = Some(ordinal("start").unwrap_or(1)),
        Kind::Item => mark.number = ordinal("value"),
        Kind::Code => mark.value = None,
        Kind::Table => mark.number = Some(tables.header_rows(node)),
        Kind::Cell | Kind::Header => {
            let (columns, rows) = tables.spans(node);
            mark.number = (columns > 1).then_some(columns as i32);
            mark.value = (rows > 1).then(|| rows.to_string());
        }
        _ => {}
    }
}

/// True if a formula stands on lines of its own.
pub fn is_display(page: &Page, origin: Origin) -> bool {
    let Origin::Object(object) = origin else { return false };
    let object = page.tree.objects[object as usize];
    match object.holder {
        Holder::Script => raw(page.source, object.markup, "type").is_some_and(|kind| kind.contains("display")),
        Holder::Math => raw(page.source, object.markup, "display").is_some_and(|shown| shown == "block"),
    }
}

/// The TeX of a formula.
pub fn formula(page: &Page, origin: Origin) -> Option<String> {
    let Origin::Object(object) = origin else { return None };
    let object = page.tree.objects[object as usize];
    let source = page.text(object.span);
    let tex = match object.holder {
        Holder::Script => source,
        Holder::Math => {
            let from = memchr::memmem::find(source.as_bytes(), b"application/x-tex")?;
            let from = from + source[from..].find('>')? + 1;
            &source[from..from + source[from..].find("</")?]
        }
    };
    Some(decoded(tex.trim(), page.entities).into_owned()).filter(|tex| !tex.is_empty())
}
