//! Parts of words in class and id attributes that indicate the purpose of an element, searched by one automaton.

/// Looked for anywhere in the names of an element, in lower case.
pub const FRAGMENTS: &[&str] = &[
    "nav",
    "menu",
    "foot",
    "head",
    "side",
    "comment",
    "reply",
    "share",
    "social",
    "related",
    "recommend",
    "promo",
    "advert",
    "banner",
    "breadcrumb",
    "meta",
    "tag",
    "author",
    "byline",
    "date",
    "widget",
    "cookie",
    "consent",
    "login",
    "sign",
    "subscri",
    "newsletter",
    "popup",
    "modal",
    "hidden",
    "search",
    "pag",
    "article",
    "content",
    "post",
    "entry",
    "main",
    "body",
    "text",
    "story",
    "title",
    "caption",
    "list",
    "item",
    "product",
    "price",
    "card",
    "teaser",
    "more",
    "copyright",
    "legal",
    "disclaim",
    "forum",
    "message",
    "thread",
    "answer",
    "question",
    "description",
    "summary",
    "intro",
    "lead",
    "abstract",
    "section",
    "column",
    "col-",
    "row",
    "wrap",
    "container",
    "gallery",
    "image",
    "video",
    "rating",
    "review",
    "table",
    "code",
    "block",
    "detail",
    "quote",
    "signature",
    "user",
    "avatar",
    "button",
    "btn",
    "link",
    "lang",
    "sponsor",
    "feature",
    "hero",
    "tab",
    "accordion",
    "faq",
    "slide",
    "carousel",
    "grid",
    "result",
    "excerpt",
    "thumb",
    "media",
    "editor",
    "markdown",
    "bio",
    "contact",
    "event",
    "time",
    "icon",
    "tool",
    "action",
    "info",
    "spec",
    "form",
    "top",
    "bottom",
    "left",
    "right",
    "center",
    "inner",
    "category",
    "archive",
    "topic",
    "panel",
];

const CLASSES: usize = 28;

/// An automaton over the letters, `-`, and all else.
pub struct Fragments {
    next: Vec<u16>,
    found: Vec<u128>,
}

#[inline]
fn class(byte: u8) -> usize {
    match byte | 0x20 {
        letter @ b'a'..=b'z' if byte != b'\x5b' => usize::from(letter - b'a'),
        _ if byte == b'-' => 26,
        _ => 27,
    }
}

impl Fragments {
    /// The automaton, with the transitions of failure filled in.
    pub fn new() -> Self {
        let mut made = Fragments { next: vec![0; CLASSES], found: vec![0] };
        for (bit, fragment) in FRAGMENTS.iter().enumerate() {
            let mut state = 0;
            for byte in fragment.bytes() {
                let edge = state * CLASSES + class(byte);
                if made.next[edge] == 0 {
                    made.next[edge] = made.found.len() as u16;
                    made.found.push(0);
                    made.next.resize(made.found.len() * CLASSES, 0);
                }
                state = usize::from(made.next[edge]);
            }
            made.found[state] |= 1 << bit;
        }
        made.fill();
        made
    }

    /// Breadth first: a state's missing transitions are those of its longest proper suffix.
    fn fill(&mut self) {
        let mut queue = std::collections::VecDeque::from([(0usize, 0usize)]);
        while let Some((state, suffix)) = queue.pop_front() {
            self.found[state] |= self.found[suffix];
            for class in 0..CLASSES {
                let edge = state * CLASSES + class;
                let other = if state == 0 { 0 } else { self.next[suffix * CLASSES + class] };
                if self.next[edge] == 0 {
                    self.next[edge] = other;
                } else {
                    queue.push_back((usize::from(self.next[edge]), usize::from(other)));
                }
            }
        }
    }

    /// The fragments in some names, a bit each.
    #[inline]
    pub fn find(&self, names: &[u8]) -> u128 {
        let (mut state, mut bits) = (0, 0);
        for &byte in names {
            state = usize::from(self.next[state * CLASSES + class(byte)]);
            bits |= self.found[state];
        }
        bits
    }
}
