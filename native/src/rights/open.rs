//! The elements that are open at a place of a page, as far as their end tags are obligatory.

// As in the twin.
const NAMES: [&[u8]; 27] = [
    b"article",
    b"aside",
    b"blockquote",
    b"button",
    b"code",
    b"details",
    b"dialog",
    b"div",
    b"dl",
    b"figcaption",
    b"figure",
    b"footer",
    b"form",
    b"header",
    b"main",
    b"math",
    b"nav",
    b"ol",
    b"pre",
    b"section",
    b"select",
    b"span",
    b"svg",
    b"table",
    b"template",
    b"ul",
    b"noscript",
];
const INERT: [&[u8]; 4] = [b"math", b"select", b"svg", b"template"];
const DEEPEST: usize = 512;
const NEAREST: usize = 24;
const LONGEST: usize = 400;

struct Element {
    name: usize,
    start: usize,
    end: usize,
}

pub struct Open<'a> {
    page: &'a str,
    elements: Vec<Element>,
    counts: [usize; NAMES.len()],
    inert: usize,
}

fn number(name: &[u8]) -> Option<usize> {
    NAMES.iter().position(|one| *one == name)
}

impl<'a> Open<'a> {
    pub fn new(page: &'a str) -> Self {
        Open { page, elements: Vec::new(), counts: [0; NAMES.len()], inert: 0 }
    }

    /// True in an element that shows nothing, or no text.
    pub fn inert(&self) -> bool {
        self.inert > 0
    }

    /// Open an element whose start tag has this range.
    pub fn start(&mut self, name: &[u8], start: usize, end: usize) {
        if let Some(name) = number(name).filter(|_| self.elements.len() < DEEPEST) {
            self.counts[name] += 1;
            self.inert += usize::from(INERT.contains(&NAMES[name]));
            self.elements.push(Element { name, start, end });
        }
    }

    /// Close the last element of a name, and all in it.
    pub fn end(&mut self, name: &[u8]) {
        let Some(wanted) = number(name).filter(|name| self.counts[*name] > 0) else { return };
        while let Some(Element { name, .. }) = self.elements.pop() {
            self.counts[name] -= 1;
            self.inert -= usize::from(INERT.contains(&NAMES[name]));
            if name == wanted {
                return;
            }
        }
    }

    /// The start tags of the nearest elements; a long one has no attributes.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for Element { name, start, end } in &self.elements[self.elements.len().saturating_sub(NEAREST)..] {
            match self.page.get(*start..*end).filter(|tag| tag.len() <= LONGEST) {
                Some(tag) => path.push_str(tag),
                None => {
                    path.push('<');
                    path.extend(NAMES[*name].iter().map(|byte| char::from(*byte)));
                    path.push('>');
                }
            }
        }
        path
    }
}
