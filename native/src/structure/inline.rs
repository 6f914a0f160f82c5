//! Lines of Markdown: text with its inline marks. Twin: `refinery.kernels.reference.markdown_inline`.

use super::dollars::{tex_lines, without_comment, without_formulas};
use super::escape::{add_at_start, flanks, is_entity, longest_run, spaces_around, stresses, touches};
use super::pieces::{blank, trimmed};
use super::tree::{Kind, Mark, Range, Tree};

/// Where a line stands.
#[derive(Clone, Copy, PartialEq)]
pub enum Place {
    Block,
    /// A heading or the like: no formula is for display, and images are icons.
    Line,
    /// A cell of a pipe table.
    Cell,
}

/// Writes the range of a text that becomes one line or paragraph.
struct Line<'t> {
    tree: &'t Tree<'t>,
    start: usize,
    end: usize,
    place: Place,
    dollars: bool,
    ticks: bool,
    stars: bool,
    stressed: bool,
    bars: bool,
    pictures: bool,
    out: String,
    closed: Option<(usize, char)>, // the sign that ends what was just written, and where that is
    floor: usize,                  // where the content of the innermost emphasis starts
}

/// The Markdown of a line, with the newlines of its text.
pub fn written(tree: &Tree<'_>, range: Range, place: Place) -> String {
    let mut line = Line::new(tree, range, place);
    line.inline(range);
    line.finish()
}

/// The Markdown of a mark as if it was a strong one.
pub fn bold(tree: &Tree<'_>, mark: usize) -> String {
    let range = tree.whole(mark);
    let mut line = Line::new(tree, range, Place::Line);
    line.stressed = true;
    line.emphasis(mark, "**");
    line.finish()
}

/// Add the lines of a paragraph that have something in them, with hard breaks between them.
pub fn paragraph(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len() + 1);
    for line in markdown.split('\n').map(trimmed).filter(|line| !line.is_empty()) {
        if !out.is_empty() {
            out.push_str("  \n");
        }
        add_at_start(line, &mut out);
    }
    out
}

impl<'t> Line<'t> {
    fn new(tree: &'t Tree<'t>, range: Range, place: Place) -> Self {
        let has = |kinds: &[Kind]| tree.marks[range.first..range.last].iter().any(|mark| kinds.contains(&mark.kind));
        let source = &tree.text.as_bytes()[range.start..range.end];
        let repeated = |sign: u8| memchr::memchr_iter(sign, source).nth(1).is_some();
        Line {
            tree,
            start: range.start,
            end: range.end,
            place,
            dollars: has(&[Kind::Formula]),
            ticks: has(&[Kind::Formula, Kind::Image, Kind::InlineCode, Kind::Code]) || repeated(b'`'),
            stars: repeated(b'*'),
            stressed: has(&[Kind::Strong, Kind::Emphasis]),
            bars: repeated(b'_'),
            pictures: place == Place::Block && trimmed(&tree.text[range.start..range.end]).is_empty(),
            out: String::with_capacity(source.len() + source.len() / 8),
            closed: None,
            floor: 0,
        }
    }

    fn finish(self) -> String {
        if self.dollars || self.pictures {
            self.out
        } else {
            without_formulas(self.out)
        }
    }

    fn inline(&mut self, range: Range) {
        let (tree, mut at) = (self.tree, range.start);
        for number in tree.siblings(range) {
            let mark = &tree.marks[number];
            self.literal(at, mark.start);
            self.mark(number);
            at = mark.end;
        }
        self.literal(at, range.end);
    }

    fn mark(&mut self, number: usize) {
        let tree = self.tree;
        let mark = &tree.marks[number];
        match mark.kind {
            Kind::Formula if !trimmed(mark.value).is_empty() => self.formula(mark),
            Kind::InlineCode | Kind::Code => self.code_span(&tree.text[mark.start..mark.end]),
            Kind::Image => self.image(mark),
            Kind::Strong => self.emphasis(number, "**"),
            Kind::Emphasis => self.emphasis(number, "*"),
            _ => self.inline(tree.whole(number)),
        }
    }

    /// Add content between signs; a gap keeps them from signs right before them.
    fn enclose(&mut self, sign: &str, content: &str, character: char) {
        if self.closed == Some((self.out.len(), character)) {
            self.out.push(' ');
        }
        self.out.push_str(sign);
        if self.place == Place::Cell {
            self.out.push_str(&content.replace('|', "\\|"));
        } else {
            self.out.push_str(content);
        }
        self.out.push_str(sign);
        self.closed = Some((self.out.len(), character));
    }

    fn formula(&mut self, mark: &Mark<'_>) {
        if mark.label == "asciimath" {
            return self.code_span(mark.value);
        }
        let lines = tex_lines(mark.value);
        let parts = lines.iter().map(|line| without_comment(line)).filter(|part| !part.is_empty());
        let mut tex = parts.collect::<Vec<_>>().join(" ");
        if tex.is_empty() {
            return;
        }
        if (tex.len() - tex.trim_end_matches('\\').len()) % 2 == 1 {
            tex.push(' ');
        }
        let display = mark.number == Some(1) && self.place == Place::Block;
        let before = self.tree.text[self.start..mark.start].chars().next_back();
        let after = self.tree.text[mark.end..self.end].chars().next();
        let bare = mark.start == mark.end;
        let (lead, trail) = spaces_around(before, after);
        self.out.push_str(if bare && lead { " " } else { "" });
        self.enclose(if display { "$$" } else { "$" }, &tex, '$');
        self.out.push_str(if bare && trail { " " } else { "" });
    }

    fn code_span(&mut self, source: &str) {
        let content = source.replace('\n', " ");
        if trimmed(&content).is_empty() {
            return self.out.push_str(&content);
        }
        let ticks = "`".repeat(longest_run(&content) + 1);
        let edges = |sign: char| (content.starts_with(sign), content.ends_with(sign));
        let (first, last) = edges('`');
        if first || last || edges(' ') == (true, true) {
            self.enclose(&ticks, &format!(" {content} "), '`');
        } else {
            self.enclose(&ticks, &content, '`');
        }
    }

    fn image(&mut self, mark: &Mark<'_>) {
        if mark.value.is_empty() || !self.pictures {
            return;
        }
        let label = mark.label.replace('\n', " ");
        let tree = Tree { text: trimmed(&label), marks: Vec::new() };
        let mut alt = Line::new(&tree, tree.all(), Place::Block);
        (alt.dollars, alt.ticks, alt.stars, alt.bars) = (true, true, true, true);
        alt.inline(tree.all());
        self.out.push_str("![");
        let mut escaped = false;
        for character in alt.out.chars() {
            if matches!(character, '[' | ']') && !escaped {
                self.out.push('\\');
            }
            self.out.push(character);
            escaped = character == '\\' && !escaped;
        }
        self.out.push_str("](");
        for character in mark.value.chars() {
            if character <= ' ' || "()<>\\|\x7f".contains(character) {
                self.out.push_str(&format!("%{:02X}", u32::from(character)));
            } else {
                self.out.push(character);
            }
        }
        self.out.push(')');
    }

    /// Add the content of a mark between signs, or without them where they would not be read as such.
    fn emphasis(&mut self, number: usize, sign: &str) {
        let (tree, at) = (self.tree, self.out.len());
        let previous = self.out[self.floor..].chars().next_back();
        let floor = std::mem::replace(&mut self.floor, at);
        self.closed = None;
        self.inline(tree.whole(number));
        (self.floor, self.closed) = (floor, None);
        let body = &self.out[at..];
        let core = trimmed(body);
        let (Some(first), Some(last)) = (core.chars().next(), core.chars().next_back()) else { return };
        let lead = body.len() - body.trim_start_matches(blank).len();
        let (start, end) = (at + lead, at + lead + core.len());
        let before = self.out[at..start].chars().next_back().or(previous);
        let source = || tree.text[tree.marks[number].end..self.end].chars().next();
        let after = self.out[end..].chars().next().or_else(source);
        if before != Some('*') && flanks(first, before) && flanks(last, after) {
            self.out.insert_str(end, sign);
            self.out.insert_str(start, sign);
        } else if before == Some(first) && matches!(first, '$' | '`') {
            self.out.replace_range(at..start, " ");
        }
    }

    /// Add text with what would be markup escaped.
    fn literal(&mut self, start: usize, end: usize) {
        let text = self.tree.text;
        if self.closed == Some((self.out.len(), '$')) && text[start..end].starts_with(|c: char| c.is_ascii_digit()) {
            self.out.push(' ');
        }
        let (mut at, mut plain) = (start, start);
        while let Some(length) = text.as_bytes()[at..end].iter().position(|byte| SPECIAL[usize::from(*byte)]) {
            at += length;
            self.out.push_str(&text[plain..at]);
            let sign = text.as_bytes()[at];
            if sign == b'_' {
                let run = text.as_bytes()[at..end].iter().take_while(|byte| **byte == b'_').count();
                let escaped = self.bars && stresses(self.before(at), self.after(at + run));
                self.out.push_str(&(if escaped { "\\_" } else { "_" }).repeat(run));
                at += run;
            } else {
                if self.is_markup(sign, at, end) {
                    self.out.push('\\');
                }
                self.out.push(if sign == b'\r' { ' ' } else { char::from(sign) });
                at += 1;
            }
            plain = at;
        }
        self.out.push_str(&text[plain..end]);
    }

    fn before(&self, at: usize) -> Option<char> {
        self.tree.text[self.start..at].chars().next_back()
    }

    fn after(&self, at: usize) -> Option<char> {
        self.tree.text[at..self.end].chars().next()
    }

    /// True if the sign at a place would be read as markup.
    fn is_markup(&self, sign: u8, at: usize, end: usize) -> bool {
        let (before, after) = (self.before(at), self.after(at + 1));
        let rest = &self.tree.text[at..self.end];
        match sign {
            b'\\' => {
                self.stressed || at + 1 == end || after.is_some_and(|next| next.is_ascii_punctuation() || next == '\n')
            }
            b'`' => self.ticks,
            b'*' => self.stressed || (self.stars && touches(before, after)),
            b'<' => after.is_some_and(|next| next.is_ascii_alphabetic() || "/!?".contains(next)),
            b'&' => is_entity(rest),
            b']' => after == Some('('),
            b'|' => self.place == Place::Cell,
            b'~' => before == Some('~') || after == Some('~'),
            b'$' => self.dollars,
            _ => false,
        }
    }
}

/// The characters that may be markup.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let signs = b"\\`*<&]|~$_\r";
    let mut at = 0;
    while at < signs.len() {
        table[signs[at] as usize] = true;
        at += 1;
    }
    table
};
