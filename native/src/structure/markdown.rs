//! Markdown of a text with marks. Twin: `refinery.kernels.reference.markdown`.

use super::dollars::tex_lines;
use super::escape::longest_run;
use super::inline::{bold, paragraph, written, Place};
use super::pieces::{blank, trimmed};
use super::table;
use super::tree::{Kind, Range, Tree};

/// Longer numbers begin no list item.
const MAX_ORDINAL: i64 = 999_999_999;

/// The Markdown of a block; `sign` is the last character of a list's markers.
pub struct Block {
    text: String,
    sign: Option<char>,
    paragraph: bool,
}

/// The Markdown of a text.
pub fn markdown(tree: &Tree<'_>) -> String {
    joined(&flow(tree, tree.all()))
}

fn joined(blocks: &[Block]) -> String {
    blocks.iter().map(|block| block.text.as_str()).collect::<Vec<_>>().join("\n\n")
}

fn flow(tree: &Tree<'_>, range: Range) -> Vec<Block> {
    let mut out = Blocks { tree, blocks: Vec::new() };
    out.add_flow(range);
    out.blocks
}

/// The blocks of a range.
pub struct Blocks<'t> {
    tree: &'t Tree<'t>,
    blocks: Vec<Block>,
}

impl Blocks<'_> {
    /// Add a block that is neither a list nor a paragraph.
    pub fn add(&mut self, text: String) {
        self.blocks.push(Block { text, sign: None, paragraph: false });
    }

    /// Add a paragraph, unless it is empty.
    pub fn add_paragraph(&mut self, range: Range) {
        let text = paragraph(&written(self.tree, range, Place::Block));
        if !text.is_empty() {
            self.blocks.push(Block { text, sign: None, paragraph: true });
        }
    }

    /// Add the blocks of a range, among them a paragraph for each line outside of blocks.
    fn add_flow(&mut self, range: Range) {
        let tree = self.tree;
        let (mut at, mut first) = (range.start, range.first);
        for number in tree.siblings(range) {
            let mark = &tree.marks[number];
            if tree.is_block(mark, at, range.end) {
                self.add_lines(Range { start: at, end: mark.start, first, last: number });
                self.add_block(number);
                (at, first) = (mark.end, mark.after);
            }
        }
        self.add_lines(Range { start: at, end: range.end, first, last: range.last });
    }

    fn add_lines(&mut self, range: Range) {
        self.tree.lines(range).into_iter().for_each(|line| self.add_paragraph(line));
    }

    fn add_block(&mut self, number: usize) {
        let tree = self.tree;
        let mark = &tree.marks[number];
        match mark.kind {
            Kind::Heading => self.add_heading(number, mark.number),
            Kind::Paragraph | Kind::Caption => self.add_paragraph(tree.whole(number)),
            Kind::Term | Kind::Summary => self.add_bold(number),
            Kind::Code => self.add_code(&tree.text[mark.start..mark.end], mark.value),
            Kind::Formula => self.add(format!("$$\n{}\n$$", tex_lines(mark.value).join("\n"))),
            Kind::List => self.add_list(number, mark.number),
            Kind::Quote => self.add_quote(number),
            Kind::Table => {
                tree.captions(number).for_each(|caption| self.add_paragraph(tree.whole(caption)));
                table::pipes(tree, number).into_iter().for_each(|table| self.add(table));
            }
            _ => self.add_flow(tree.whole(number)),
        }
    }

    fn add_heading(&mut self, number: usize, level: Option<i32>) {
        let line = one_line(&written(self.tree, self.tree.whole(number), Place::Line));
        if line.is_empty() {
            return;
        }
        let core = line.trim_end_matches('#');
        let closes = core.len() < line.len() && core.chars().next_back().is_none_or(blank);
        let level = "#".repeat(level.unwrap_or(1).clamp(1, 6).unsigned_abs() as usize);
        let slash = if closes { "\\" } else { "" };
        self.add(format!("{level} {core}{slash}{}", &line[core.len()..]));
    }

    fn add_bold(&mut self, number: usize) {
        let mut text = String::new();
        for line in bold(self.tree, number).split('\n').map(trimmed).filter(|line| !line.is_empty()) {
            if !text.is_empty() {
                text.push(' ');
            }
            super::escape::add_at_start(line, &mut text);
        }
        if !text.is_empty() {
            self.blocks.push(Block { text, sign: None, paragraph: true });
        }
    }

    fn add_code(&mut self, code: &str, value: &str) {
        if trimmed(code).is_empty() {
            return;
        }
        let fence = "`".repeat(3.max(longest_run(code) + 1));
        let language = value.split(blank).find(|part| !part.is_empty()).unwrap_or_default();
        let plain = language.bytes().all(|byte| byte.is_ascii_graphic() && !b"`\\&".contains(&byte));
        self.add(format!("{fence}{}\n{code}\n{fence}", if plain { language } else { "" }));
    }

    fn add_quote(&mut self, number: usize) {
        let content = joined(&flow(self.tree, self.tree.whole(number)));
        if !content.is_empty() {
            let quoted = |line: &str| if line.is_empty() { ">".to_owned() } else { format!("> {line}") };
            self.add(content.split('\n').map(quoted).collect::<Vec<_>>().join("\n"));
        }
    }

    /// Add a list. Its markers differ from those of a list right before it, with which it would be one list.
    fn add_list(&mut self, list: usize, start: Option<i32>) {
        let tree = self.tree;
        let before = self.blocks.last().and_then(|block| block.sign);
        let sign = match (start, before) {
            (None, Some('-')) => '*',
            (None, _) => '-',
            (Some(_), Some('.')) => ')',
            (Some(_), _) => '.',
        };
        let mut ordinal = i64::from(start.unwrap_or(0)) - 1;
        let (mut items, mut loose) = (Vec::new(), false);
        for portion in tree.pieces(tree.whole(list), &[Kind::Item], None) {
            let given = portion.mark.and_then(|mark| tree.marks[mark].number);
            ordinal = given.map_or(ordinal + 1, i64::from);
            let number = start.map(|_| ordinal.clamp(0, MAX_ORDINAL).to_string()).unwrap_or_default();
            let content = item(&flow(tree, portion.range));
            if !content.is_empty() {
                loose |= content.contains("\n\n");
                items.push(indented(&content, &format!("{number}{sign}")));
            }
        }
        if !items.is_empty() {
            let text = items.join(if loose { "\n\n" } else { "\n" });
            self.blocks.push(Block { text, sign: Some(sign), paragraph: false });
        }
    }
}

/// A text without newlines.
pub fn one_line(text: &str) -> String {
    text.split('\n').map(trimmed).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The content of a list item: a list after its paragraph follows without a blank line.
fn item(blocks: &[Block]) -> String {
    let mut out = String::new();
    for (place, block) in blocks.iter().enumerate() {
        if place > 0 {
            let interrupts = ["- ", "* ", "1. ", "1) "].iter().any(|marker| block.text.starts_with(marker));
            let tight = blocks[place - 1].paragraph && block.sign.is_some() && interrupts;
            out.push_str(if tight { "\n" } else { "\n\n" });
        }
        out.push_str(&block.text);
    }
    out
}

fn indented(content: &str, marker: &str) -> String {
    let width = " ".repeat(marker.len() + 1);
    let mut out = format!("{marker} ");
    for (place, line) in content.split('\n').enumerate() {
        if place > 0 {
            out.push('\n');
            out.push_str(if line.is_empty() { "" } else { &width });
        }
        out.push_str(line);
    }
    out
}
