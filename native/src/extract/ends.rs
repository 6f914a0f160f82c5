//! The ends of elements: by their end tag, by the start of another element, and by the end of an outer one.

use super::builder::Builder;
use super::tags::{self, Set, Tag};
use super::tree::hash;

/// How far up the start tag of an inline element or a list item is looked for.
const REACH: usize = 64;

const TABLE_CONTEXT: Set = tags::SECTIONS | tags::set(&[Tag::Table, Tag::Template]);
const ROW_CONTEXT: Set = TABLE_CONTEXT | Tag::Tr.bit();
const CELLS: Set = tags::set(&[Tag::Td, Tag::Th]);
const ITEM: Set = Tag::Li.bit();
const TERM: Set = tags::set(&[Tag::Dd, Tag::Dt]);
const THIN: Set = tags::set(&[Tag::Address, Tag::Div, Tag::P]);

impl Builder<'_> {
    /// End the elements that a start tag ends. False if the start tag is not allowed here.
    pub(super) fn end_implied(&mut self, tag: Tag) -> bool {
        if tag.is(tags::ENDS_P) && self.open[Tag::P as usize] > 0 {
            if tag.is(ITEM | TERM) {
                self.end_items(tag);
            }
            self.close(Tag::P.bit(), tags::BUTTON_SCOPE);
            if tag.is(tags::HEADINGS) && self.top().tag.is(tags::HEADINGS) {
                self.pop_to(self.stack.len() - 1);
            }
            if tag == Tag::Table {
                self.end_table_in_table();
            }
            return true;
        }
        match tag {
            Tag::Li | Tag::Dd | Tag::Dt => self.end_items(tag),
            Tag::A if self.links > 0 => self.end_formatting(Tag::A),
            Tag::Button => self.close(Tag::Button.bit(), tags::SCOPE),
            Tag::Option if self.top().tag == Tag::Option => self.pop_to(self.stack.len() - 1),
            Tag::Table => self.end_table_in_table(),
            Tag::Select | Tag::Input if self.open[Tag::Select as usize] > 0 => {
                self.close(Tag::Select.bit(), tags::SCOPE);
                return tag != Tag::Select;
            }
            _ if tag.is(tags::HEADINGS) && self.top().tag.is(tags::HEADINGS) => self.pop_to(self.stack.len() - 1),
            _ if tag.is(tags::TABLE_PARTS) => return self.end_table_parts(tag),
            _ => {}
        }
        true
    }

    fn end_items(&mut self, tag: Tag) {
        let items = if tag == Tag::Li { ITEM } else { TERM };
        for depth in (1..self.stack.len()).rev().take(REACH) {
            let open = self.stack[depth].tag;
            if open.is(items) {
                return self.pop_to(depth);
            }
            if open.is(tags::SPECIAL & !THIN) {
                return;
            }
        }
    }

    fn end_table_in_table(&mut self) {
        if self.top().tag.is(ROW_CONTEXT & !Tag::Template.bit()) {
            self.close(Tag::Table.bit(), tags::TABLE_SCOPE);
        }
    }

    fn end_table_parts(&mut self, tag: Tag) -> bool {
        if self.open[Tag::Table as usize] == 0 {
            return false;
        }
        let context = match tag {
            _ if tag.is(CELLS) => ROW_CONTEXT,
            Tag::Tr => TABLE_CONTEXT,
            _ => tags::set(&[Tag::Table, Tag::Template]),
        };
        if let Some(depth) = self.stack.iter().rposition(|open| open.tag.is(context)) {
            self.pop_to(depth + 1);
        }
        if tag.is(CELLS) && self.top().tag.is(tags::SECTIONS | Tag::Table.bit()) {
            self.implied(Tag::Tr);
        }
        true
    }

    pub(super) fn end(&mut self, tag: Tag, name: &[u8]) {
        if self.beyond > 0 && !tag.is(tags::VOID | tags::RAW) {
            self.beyond -= 1;
            return;
        }
        if matches!(tag, Tag::P | Tag::Br) {
            self.leave_foreign();
        }
        match tag {
            Tag::Html | Tag::Body => return,
            Tag::P if self.open[Tag::P as usize] == 0 => {
                if self.body && !self.top().dropped {
                    self.leaf(Tag::P); // it ends the line
                }
                return;
            }
            Tag::Br if !self.top().dropped => return self.leaf(Tag::Br),
            _ if tag.is(tags::HEADINGS) => return self.close(tags::HEADINGS, tags::SCOPE),
            _ if self.open[tag as usize] == 0 => return,
            _ => {}
        }
        match tag {
            Tag::P => self.close(Tag::P.bit(), tags::BUTTON_SCOPE),
            Tag::Li => self.close(ITEM, tags::LIST_SCOPE),
            Tag::Form => self.end_form(),
            Tag::Other => self.end_other(hash(name)),
            _ if tag.is(tags::FORMATTING) => self.end_formatting(tag),
            _ if tag.is(tags::TABLE_PARTS) || tag == Tag::Table => self.close(tag.bit(), tags::TABLE_SCOPE),
            _ if tag.is(tags::SPECIAL | tags::DROPPED) => self.close(tag.bit(), tags::SCOPE),
            _ => self.end_inline(tag),
        }
    }

    /// Take everything off the stack down to the nearest open element of a set, unless a barrier is nearer.
    fn close(&mut self, ends: Set, barriers: Set) {
        for depth in (1..self.stack.len()).rev() {
            let open = self.stack[depth].tag;
            if open.is(ends) {
                return self.pop_to(depth);
            }
            if open.is(barriers) {
                return;
            }
        }
    }

    fn end_inline(&mut self, tag: Tag) {
        self.close(tag.bit(), tags::SPECIAL);
    }

    fn end_other(&mut self, hash: u32) {
        for depth in (1..self.stack.len()).rev().take(REACH) {
            let open = self.stack[depth];
            if open.tag == Tag::Other && open.hash == hash {
                return self.pop_to(depth);
            }
            if open.tag.is(tags::SPECIAL) {
                return;
            }
        }
    }

    fn end_formatting(&mut self, tag: Tag) {
        let mut inside = true;
        for depth in (1..self.stack.len()).rev().take(REACH) {
            let open = self.stack[depth];
            if open.tag == tag && !open.closed {
                if inside {
                    return self.pop_to(depth);
                }
                return self.mark_closed(depth);
            }
            if open.tag.is(tags::SCOPE) {
                return;
            }
            inside &= !open.tag.is(tags::SPECIAL);
        }
    }

    fn end_form(&mut self) {
        if let Some(depth) = self.stack.iter().rposition(|open| open.tag == Tag::Form && !open.closed) {
            if depth + 1 == self.stack.len() {
                self.pop_to(depth);
            } else {
                self.mark_closed(depth);
            }
        }
    }

    fn mark_closed(&mut self, depth: usize) {
        self.stack[depth].closed = true;
        self.forget(self.stack[depth].tag);
    }

    fn forget(&mut self, tag: Tag) {
        self.open[tag as usize] -= 1;
        self.links -= u32::from(tag == Tag::A);
    }

    pub(super) fn pop_to(&mut self, depth: usize) {
        while self.stack.len() > depth {
            let Some(open) = self.stack.pop() else { return };
            if !open.closed {
                self.forget(open.tag);
            }
            if open.tag == Tag::Math && self.open[Tag::Math as usize] == 0 {
                self.tree.end_object(self.place);
            }
            let own = !open.dropped;
            if own {
                self.tree.nodes[open.node as usize].end = self.tree.nodes.len() as u32;
            }
        }
    }
}
