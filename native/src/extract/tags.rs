//! The elements of HTML that the extractor distinguishes, and sets of them.

/// A set of tags, a bit each.
pub type Set = u128;

macro_rules! tags {
    ($($tag:ident $name:literal,)*) => {
        /// An element's name; `Other` for all that have no rule of their own.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Tag { $($tag,)* }
        const ALL: &[(Tag, &str)] = &[$((Tag::$tag, $name),)*];
    };
}

tags! {
    Other "", A "a", Abbr "abbr", Address "address", Area "area", Article "article", Aside "aside", Audio "audio", B "b",
    Base "base", Big "big", Blockquote "blockquote", Body "body", Br "br", Button "button", Canvas "canvas",
    Caption "caption", Center "center", Cite "cite", Code "code", Col "col", Colgroup "colgroup", Datalist "datalist",
    Dd "dd", Details "details", Dialog "dialog", Dir "dir", Div "div", Dl "dl", Dt "dt", Em "em", Embed "embed",
    Fieldset "fieldset", Figcaption "figcaption", Figure "figure", Font "font", Footer "footer", Form "form",
    Frame "frame", Frameset "frameset", H1 "h1", H2 "h2", H3 "h3", H4 "h4", H5 "h5", H6 "h6", Head "head",
    Header "header", Hgroup "hgroup", Hr "hr", Html "html", I "i", Iframe "iframe", Img "img", Input "input",
    Label "label", Legend "legend", Li "li", Link "link", Listing "listing", Main "main", Map "map",
    Marquee "marquee", Math "math", Menu "menu", Meta "meta", Nav "nav", Nobr "nobr", Noembed "noembed",
    Noframes "noframes", Noscript "noscript", Object "object", Ol "ol", Optgroup "optgroup", Option "option", P "p",
    Param "param", Picture "picture", Plaintext "plaintext", Pre "pre", S "s", Script "script", Search "search",
    Section "section", Select "select", Small "small", Source "source", Span "span", Strong "strong", Style "style",
    Sub "sub", Summary "summary", Sup "sup", Svg "svg", Table "table", Tbody "tbody", Td "td", Template "template",
    Textarea "textarea", Tfoot "tfoot", Th "th", Thead "thead", Time "time", Title "title", Tr "tr", Track "track",
    Tt "tt", U "u", Ul "ul", Video "video", Wbr "wbr", Xmp "xmp",
}

/// All tags, in the order of their numbers.
pub fn every() -> impl Iterator<Item = Tag> {
    ALL.iter().map(|&(tag, _)| tag)
}

impl Tag {
    /// The set of this tag alone.
    pub const fn bit(self) -> Set {
        1 << self as u8
    }

    /// True if the tag is one of a set.
    #[inline]
    pub const fn is(self, set: Set) -> bool {
        set >> (self as u8) & 1 != 0
    }
}

/// The set of some tags.
pub const fn set(tags: &[Tag]) -> Set {
    let (mut bits, mut at) = (0, 0);
    while at < tags.len() {
        bits |= tags[at].bit();
        at += 1;
    }
    bits
}

use Tag::*;

/// Elements that have no content.
pub const VOID: Set = set(&[Area, Base, Br, Col, Embed, Frame, Hr, Img, Input, Link, Meta, Param, Source, Track, Wbr]);

/// Elements whose content up to their end tag is text, not markup.
pub const RAW: Set = set(&[Script, Style, Iframe, Noembed, Noframes, Xmp, Textarea, Title, Plaintext]);

/// Elements without text for readers: they are dropped with their content.
pub const DROPPED: Set = set(&[
    Script, Style, Template, Iframe, Noembed, Noframes, Object, Embed, Svg, Canvas, Map, Audio, Video, Select, Option,
    Optgroup, Textarea, Input, Link, Meta, Math, Datalist, Dialog, Title, Base, Param, Source, Track, Area, Frame,
]);

/// Elements that begin and end a block of text.
pub const BLOCK: Set = set(&[
    P, Div, Section, Article, Main, Body, Html, Header, Footer, Aside, Nav, H1, H2, H3, H4, H5, H6, Ul, Ol, Li, Dl, Dt,
    Dd, Table, Tbody, Thead, Tfoot, Tr, Td, Th, Blockquote, Pre, Form, Fieldset, Figure, Figcaption, Address, Details,
    Summary, Hr, Center, Caption, Label, Legend, Menu, Dir, Listing, Xmp, Plaintext, Head, Hgroup, Search, Button,
]);

/// Start tags before which an open `p` ends.
pub const ENDS_P: Set = set(&[
    Address, Article, Aside, Blockquote, Center, Details, Dialog, Dir, Div, Dl, Fieldset, Figcaption, Figure, Footer,
    Header, Hgroup, Main, Menu, Nav, Ol, P, Search, Section, Summary, Ul, H1, H2, H3, H4, H5, H6, Pre, Listing, Form,
    Li, Dd, Dt, Plaintext, Table, Hr, Xmp,
]);

pub const HEADINGS: Set = set(&[H1, H2, H3, H4, H5, H6]);

/// Elements that an end tag inside them does not reach through.
pub const SCOPE: Set = set(&[Caption, Html, Table, Td, Th, Marquee, Object, Template, Svg, Math]);

/// The barriers of `p`, and of `li`.
pub const BUTTON_SCOPE: Set = SCOPE | Button.bit();
pub const LIST_SCOPE: Set = SCOPE | set(&[Ol, Ul]);

/// The barriers of the parts of a table.
pub const TABLE_SCOPE: Set = set(&[Html, Table, Template]);

pub const TABLE_PARTS: Set = set(&[Caption, Colgroup, Tbody, Thead, Tfoot, Tr, Td, Th]);
pub const SECTIONS: Set = set(&[Tbody, Thead, Tfoot]);

/// Elements whose end tag may come after the end of a block they were opened in.
pub const FORMATTING: Set = set(&[A, B, Big, Code, Em, Font, I, Nobr, S, Small, Strong, Tt, U]);

/// The standard's "special" elements, where the search for an inline element's start tag ends.
pub const SPECIAL: Set = BLOCK & !Label.bit()
    | set(&[Area, Base, Br, Col, Colgroup, Embed, Frame, Frameset, Iframe, Img, Input, Link, Marquee, Meta, Noembed])
    | set(&[Noframes, Noscript, Object, Param, Script, Select, Source, Style, Template, Textarea, Title, Track, Wbr]);

const SLOTS: usize = 512;

/// From names to tags: a hash table without collisions that matter.
pub struct Names {
    slots: Vec<(u128, Tag)>,
}

impl Names {
    /// The table of all tags.
    pub fn new() -> Self {
        let mut slots = vec![(0, Other); SLOTS];
        for &(tag, name) in &ALL[1..] {
            let key = key(name.as_bytes());
            let mut slot = slot(key);
            while slots[slot].0 != 0 {
                slot = (slot + 1) % SLOTS;
            }
            slots[slot] = (key, tag);
        }
        Names { slots }
    }

    /// The tag of a name in any case.
    #[inline]
    pub fn tag(&self, name: &[u8]) -> Tag {
        if name.len() > 16 {
            return Other;
        }
        if let [one] = name {
            match one | 0x20 {
                b'a' => return A,
                b'p' => return P,
                _ => {}
            }
        }
        let key = key(name);
        let mut slot = slot(key);
        while self.slots[slot].0 != 0 {
            if self.slots[slot].0 == key {
                return self.slots[slot].1;
            }
            slot = (slot + 1) % SLOTS;
        }
        if name.eq_ignore_ascii_case(b"image") {
            return Img;
        }
        Other
    }
}

/// A name of at most 16 bytes as a number, upper case as lower. Other bytes that differ by this bit stay apart from
/// names, because no name has them.
#[inline]
fn key(name: &[u8]) -> u128 {
    name.iter().fold(0, |key, byte| key << 8 | u128::from(byte.to_ascii_lowercase()))
}

#[inline]
fn slot(key: u128) -> usize {
    let folded = (key as u64) ^ (key >> 64) as u64;
    (folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 55) as usize
}
