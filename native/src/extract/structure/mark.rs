//! Marks over a text.

macro_rules! kinds {
    ($($kind:ident $name:literal,)*) => {
        /// The kind of a mark.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Kind { $($kind,)* }

        impl Kind {
            pub fn name(self) -> &'static str {
                match self { $(Kind::$kind => $name,)* }
            }
        }
    };
}

kinds! {
    Heading "heading", List "list", Item "item", Terms "terms", Term "term", Definition "definition", Quote "quote",
    Paragraph "paragraph", Code "code", Table "table", Row "row", Cell "cell", Header "header", Caption "caption",
    Figure "figure", Details "details", Summary "summary", Formula "formula", Image "image", Link "link",
    Strong "strong", Emphasis "emphasis", InlineCode "inline_code", Superscript "superscript", Subscript "subscript",
}

/// A mark over a part of a text. Marks of a text are a tree in document order: the children of one follow it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Bytes of the text; equal for what has no text.
    pub start: u32,
    pub end: u32,
    /// The number of marks around it.
    pub depth: u8,
    pub kind: Kind,
    pub number: Option<i32>,
    pub value: Option<String>,
    pub label: Option<String>,
}

impl Mark {
    pub fn new(kind: Kind, start: usize, depth: usize) -> Self {
        let start = start as u32;
        Mark { start, end: start, depth: depth.min(DEEPEST) as u8, kind, number: None, value: None, label: None }
    }
}

/// The greatest depth. Marks beyond are left out.
pub const DEEPEST: usize = 250;
