//! HTML of a text with marks. Twin: `refinery.kernels.reference.html_form`.

use super::escape::spaces_around;
use super::pieces::{blank, trimmed};
use super::tree::{Kind, Mark, Range, Tree};

/// A text, and whether it is for Markdown: formulas between dollar signs, links as text, and no images.
struct Form<'t> {
    tree: &'t Tree<'t>,
    markdown: bool,
}

/// The HTML of a text.
pub fn html(tree: &Tree<'_>) -> String {
    Form { tree, markdown: false }.flow(tree.all()).join("\n")
}

/// The HTML of a table without its captions, for Markdown.
pub fn html_table(tree: &Tree<'_>, table: usize) -> String {
    Form { tree, markdown: true }.table(table, false)
}

fn is_formula(mark: &Mark<'_>) -> bool {
    mark.kind == Kind::Formula && !trimmed(mark.value).is_empty()
}

/// A text for use between tags and in attributes.
fn add_escaped(text: &str, out: &mut String) {
    for piece in text.split_inclusive(['&', '<', '>', '"']) {
        let (plain, sign) = match piece.as_bytes().last() {
            Some(b'&') => (&piece[..piece.len() - 1], "&amp;"),
            Some(b'<') => (&piece[..piece.len() - 1], "&lt;"),
            Some(b'>') => (&piece[..piece.len() - 1], "&gt;"),
            Some(b'"') => (&piece[..piece.len() - 1], "&quot;"),
            _ => (piece, ""),
        };
        out.push_str(plain);
        out.push_str(sign);
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    add_escaped(text, &mut out);
    out
}

/// True for an absolute address of http or https.
fn is_web(address: &str) -> bool {
    let starts =
        |scheme: &[u8]| address.as_bytes().get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts(b"http://") || starts(b"https://")
}

fn element(name: &str, content: &str, edge: &str) -> String {
    if content.is_empty() {
        String::new()
    } else {
        format!("<{name}>{edge}{content}{edge}</{name}>")
    }
}

fn broken(content: &str) -> String {
    trimmed(content).replace('\n', "<br>\n")
}

impl Form<'_> {
    fn flow(&self, range: Range) -> Vec<String> {
        let mut out = Vec::new();
        let (mut at, mut first) = (range.start, range.first);
        for number in self.tree.siblings(range) {
            let mark = &self.tree.marks[number];
            if !self.tree.is_block(mark, at, range.end) {
                continue;
            }
            self.add_paragraphs(Range { start: at, end: mark.start, first, last: number }, &mut out);
            match mark.kind {
                Kind::Item | Kind::Term | Kind::Definition | Kind::Row | Kind::Cell | Kind::Header => {
                    out.extend(self.flow(self.tree.whole(number)));
                }
                _ => out.extend(Some(self.block(number)).filter(|block| !block.is_empty())),
            }
            (at, first) = (mark.end, mark.after);
        }
        self.add_paragraphs(Range { start: at, end: range.end, first, last: range.last }, &mut out);
        out
    }

    fn add_paragraphs(&self, range: Range, out: &mut Vec<String>) {
        let lines = self.tree.lines(range).into_iter().map(|line| broken(&self.inline(line)));
        out.extend(lines.filter(|line| !line.is_empty()).map(|line| format!("<p>{line}</p>")));
    }

    /// The content of an item or cell: a single paragraph without its tags.
    fn content(&self, range: Range) -> String {
        let blocks = self.flow(range);
        match &blocks[..] {
            [only] if only.starts_with("<p>") => only[3..only.len() - 4].to_owned(),
            _ => blocks.join("\n"),
        }
    }

    fn block(&self, number: usize) -> String {
        let mark = &self.tree.marks[number];
        let range = self.tree.whole(number);
        match mark.kind {
            Kind::List => self.list(number, mark.number),
            Kind::Terms => self.terms(number),
            Kind::Table => self.table(number, true),
            Kind::Code => {
                let class = format!(" class=\"language-{}\"", escaped(mark.value));
                let code = escaped(&self.tree.text[mark.start..mark.end]);
                format!("<pre><code{}>{code}</code></pre>", if mark.value.is_empty() { "" } else { &class })
            }
            Kind::Formula => element("p", &self.mark(number), ""),
            Kind::Heading => element(&format!("h{}", mark.number.unwrap_or(1).clamp(1, 6)), &self.inline(range), ""),
            Kind::Paragraph => element("p", &broken(&self.inline(range)), ""),
            Kind::Caption => element("figcaption", &broken(&self.inline(range)), ""),
            Kind::Summary => element("summary", &broken(&self.inline(range)), ""),
            Kind::Quote => element("blockquote", &self.flow(range).join("\n"), "\n"),
            Kind::Figure => element("figure", &self.flow(range).join("\n"), "\n"),
            _ => element("details", &self.flow(range).join("\n"), "\n"),
        }
    }

    fn list(&self, list: usize, start: Option<i32>) -> String {
        let mut items = Vec::new();
        for portion in self.tree.pieces(self.tree.whole(list), &[Kind::Item], None) {
            let number = portion.mark.filter(|_| start.is_some()).and_then(|mark| self.tree.marks[mark].number);
            let value = number.map(|number| format!(" value=\"{number}\"")).unwrap_or_default();
            items.push(format!("<li{value}>{}</li>", self.content(portion.range)));
        }
        let first = start.filter(|number| *number != 1).map(|number| format!(" start=\"{number}\""));
        let name = if start.is_some() { "ol" } else { "ul" };
        if items.is_empty() {
            return String::new();
        }
        format!("<{name}{}>\n{}\n</{name}>", first.unwrap_or_default(), items.join("\n"))
    }

    fn terms(&self, terms: usize) -> String {
        let mut items = Vec::new();
        for portion in self.tree.pieces(self.tree.whole(terms), &[Kind::Term, Kind::Definition], None) {
            let is_term = portion.mark.is_some_and(|mark| self.tree.marks[mark].kind == Kind::Term);
            let name = if is_term { "dt" } else { "dd" };
            items.push(format!("<{name}>{}</{name}>", self.content(portion.range)));
        }
        element("dl", &items.join("\n"), "\n")
    }

    fn table(&self, table: usize, captions: bool) -> String {
        let mut lines = vec!["<table>".to_owned()];
        if captions {
            let inline = |caption| element("caption", &self.inline(self.tree.whole(caption)), "");
            lines.extend(self.tree.captions(table).map(inline).filter(|line| !line.is_empty()));
        }
        let headers = self.tree.marks[table].number.unwrap_or(0);
        for (row, number) in self.tree.rows(table).iter().zip(0..) {
            let mut cells = String::new();
            for cell in self.tree.cells(row) {
                let is_header = cell.mark.is_some_and(|mark| self.tree.marks[mark].kind == Kind::Header);
                let name = if number < headers || is_header { "th" } else { "td" };
                let (columns, rows) = self.tree.spans(&cell);
                let columns = if columns > 1 { format!(" colspan=\"{columns}\"") } else { String::new() };
                let rows = if rows > 1 { format!(" rowspan=\"{rows}\"") } else { String::new() };
                cells.push_str(&format!("<{name}{columns}{rows}>{}</{name}>", self.content(cell.range)));
            }
            lines.push(format!("<tr>{cells}</tr>"));
        }
        lines.push("</table>".to_owned());
        lines.join("\n")
    }

    fn inline(&self, range: Range) -> String {
        let (mut out, mut at) = (String::new(), range.start);
        for number in self.tree.siblings(range) {
            let mark = &self.tree.marks[number];
            add_escaped(&self.tree.text[at..mark.start], &mut out);
            let before = self.tree.text[range.start..mark.start].chars().next_back();
            let bare = is_formula(mark) && mark.start == mark.end;
            let (lead, trail) = spaces_around(before, self.tree.text[mark.end..range.end].chars().next());
            out.push_str(if bare && lead { " " } else { "" });
            out.push_str(&self.mark(number));
            out.push_str(if bare && trail { " " } else { "" });
            at = mark.end;
        }
        add_escaped(&self.tree.text[at..range.end], &mut out);
        out
    }

    fn mark(&self, number: usize) -> String {
        let mark = &self.tree.marks[number];
        if is_formula(mark) {
            return self.formula(mark);
        }
        let web = !self.markdown && is_web(mark.value);
        if mark.kind == Kind::Image {
            let image = || format!("<img src=\"{}\" alt=\"{}\">", escaped(mark.value), escaped(mark.label));
            return if web { image() } else { String::new() };
        }
        let content = self.inline(self.tree.whole(number));
        let name = match mark.kind {
            Kind::Link if web => return format!("<a href=\"{}\">{content}</a>", escaped(mark.value)),
            Kind::Strong => "strong",
            Kind::Emphasis => "em",
            Kind::InlineCode => "code",
            Kind::Superscript => "sup",
            Kind::Subscript => "sub",
            _ => return content,
        };
        if content.chars().all(blank) {
            content
        } else {
            format!("<{name}>{content}</{name}>")
        }
    }

    fn formula(&self, mark: &Mark<'_>) -> String {
        let tex = escaped(trimmed(mark.value));
        match (mark.label, self.markdown, mark.number) {
            ("asciimath", _, _) => format!("<code>{tex}</code>"),
            (_, true, _) => format!("${tex}$"),
            (_, _, Some(1)) => format!("<span class=\"math display\">\\[{tex}\\]</span>"),
            _ => format!("<span class=\"math inline\">\\({tex}\\)</span>"),
        }
    }
}
