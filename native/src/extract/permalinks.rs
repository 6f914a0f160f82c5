//! What programs add to headings, and nobody reads: signs that link to the heading itself, and links to edit a section.

use super::structure::inline::Recorder;
use super::tags::Tag;
use super::tree::Tree;

/// Classes of MediaWiki around the links that edit a section.
const EDITS: [&[u8]; 2] = [b"mw-editsection", b"editsection"];

/// An element in a heading that may be none of its text.
pub struct Addition {
    pub node: u32,
    /// The place where its text begins.
    pub start: usize,
    /// The number of marks before it.
    pub marks: usize,
    edits: bool,
}

impl Addition {
    /// The addition that an element may be, whose text begins at a place.
    pub fn of(source: &str, tree: &Tree, node: u32, start: usize, marks: &Recorder) -> Option<Self> {
        let tag = tree.nodes[node as usize].tag;
        let edits = tag == Tag::Span && tree.class_words(source, node).any(|word| EDITS.contains(&word));
        (edits || tag == Tag::A).then_some(Addition { node, start, marks: marks.marks.len(), edits })
    }

    /// True if an element with this text is no text of the heading: the section's edit link, or a sign. Where a page
    /// states a wrong charset, a sign is two characters.
    pub fn is_one(&self, text: &str) -> bool {
        let mut signs = text.trim().trim_end_matches('\u{FE0F}').chars().rev();
        let is_sign = |c: char| c == '#' || !c.is_alphanumeric() && !c.is_ascii();
        self.edits
            || signs.next().is_some_and(is_sign) && signs.next().is_none_or(|c| !c.is_ascii()) && signs.next().is_none()
    }
}
