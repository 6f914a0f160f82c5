//! MathML as TeX: the annotation that has it, or the presentation converted.
//!
//! Elements close as their end tags come, in one pass; elements beyond a depth are merged into those around them, so
//! that each character is copied at most so often.

use super::atoms::{row, Atom};
use super::markup::{attribute, clean, decoded, is_plausible};
use super::presentation::element;
use super::tokens::token;
use crate::extract::entities::Entities;
use crate::extract::scanner::{Scanner, Token};

const MAX_DEPTH: usize = 100;

/// The TeX of a `math` element, from its start tag to its end tag, and true if it is displayed.
pub fn tex_of_mathml(source: &str, entities: &Entities) -> Option<(String, bool)> {
    let mut scanner = Scanner::new(source.as_bytes());
    let Token::Start { name } = scanner.next() else { return None };
    let tag = source.get(name.end as usize..scanner.place() as usize)?;
    let display = attribute(tag, "display").is_some_and(|value| value.eq_ignore_ascii_case("block"))
        || attribute(tag, "mode").is_some_and(|value| value.eq_ignore_ascii_case("display"));
    let alternative = || {
        ["alttext", "data-latex", "data-tex"].iter().find_map(|name| {
            let tex = clean(&decoded(attribute(tag, name)?, entities));
            is_plausible(&tex).then_some(tex)
        })
    };
    let tex = annotation(source, entities).or_else(alternative).unwrap_or_else(|| converted(source, entities));
    (!tex.trim().is_empty()).then_some((tex, display))
}

/// The text of the first annotation that is TeX.
fn annotation(source: &str, entities: &Entities) -> Option<String> {
    let bytes = source.as_bytes();
    for at in memchr::memmem::find_iter(bytes, b"annotation") {
        if !matches!(bytes.get(at.wrapping_sub(1)), Some(b'<' | b':')) {
            continue;
        }
        let end = at + memchr::memchr(b'>', &bytes[at..])?;
        let encoding = attribute(&source[at + "annotation".len()..end], "encoding").unwrap_or_default();
        let is = |word: &str| word.eq_ignore_ascii_case("tex") || word.eq_ignore_ascii_case("latex");
        if encoding.split(['/', '-']).any(is) {
            let inside = &source[end + 1..];
            let tex = clean(&decoded(&inside[..memchr::memmem::find(inside.as_bytes(), b"</")?], entities));
            if !tex.is_empty() {
                return Some(tex);
            }
        }
    }
    None
}

/// An element that is open.
struct Open<'a> {
    name: &'a str,
    tag: &'a str,
    text: String,
    inside: Vec<Atom>,
}

impl<'a> Open<'a> {
    fn new(name: &'a str, tag: &'a str) -> Self {
        Open { name, tag, text: String::new(), inside: Vec::new() }
    }

    fn close(self) -> Option<Atom> {
        let token = if self.inside.is_empty() { token(self.name, self.tag, &self.text) } else { None };
        token.or_else(|| element(self.name, self.tag, self.inside))
    }
}

/// The presentation as TeX.
fn converted(source: &str, entities: &Entities) -> String {
    let mut scanner = Scanner::new(source.as_bytes());
    let mut stack = vec![Open::new("math", "")];
    let mut beyond = 0_usize;
    loop {
        match scanner.next() {
            Token::Text(span) => {
                if let (Some(top), Some(text)) = (stack.last_mut(), source.get(span.start as usize..span.end as usize))
                {
                    top.text.push_str(&decoded(text, entities));
                }
            }
            Token::Start { name } => {
                let tag = source.get(name.end as usize..scanner.place() as usize).unwrap_or_default();
                let name = local(source.get(name.start as usize..name.end as usize).unwrap_or_default());
                let empty = scanner.self_closing() || matches!(name, "mspace" | "none" | "mprescripts" | "malignmark");
                if empty {
                    let atom = Open::new(name, tag).close();
                    put(&mut stack, atom);
                } else if stack.len() < MAX_DEPTH {
                    stack.push(Open::new(name, tag));
                } else {
                    beyond += 1;
                }
            }
            Token::End { .. } if beyond > 0 => beyond -= 1,
            Token::End { name } => {
                let name = local(source.get(name.start as usize..name.end as usize).unwrap_or_default());
                if let Some(depth) = stack.iter().rposition(|open| open.name == name).filter(|&depth| depth > 0) {
                    close_to(&mut stack, depth);
                }
            }
            Token::EndOfFile => break,
        }
    }
    close_to(&mut stack, 1);
    stack.pop().map(|top| row(top.inside).tex).unwrap_or_default()
}

/// Close the elements at and above a depth.
fn close_to(stack: &mut Vec<Open>, depth: usize) {
    while stack.len() > depth {
        let atom = stack.pop().and_then(Open::close);
        put(stack, atom);
    }
}

/// Put what an element is in the one that is open.
fn put(stack: &mut [Open], atom: Option<Atom>) {
    if let Some(top) = stack.last_mut() {
        top.inside.extend(atom);
    }
}

/// A name without the prefix of its namespace.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

#[cfg(test)]
mod tests {
    use super::{tex_of_mathml, MAX_DEPTH};
    use crate::extract::entities::Entities;

    fn tex(inside: &str) -> String {
        let named = [("alpha;", "α"), ("lt;", "<"), ("amp;", "&"), ("nbsp;", "\u{A0}")];
        let entities = Entities::new(named.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let source = if inside.starts_with("<math") { inside.to_owned() } else { format!("<math>{inside}</math>") };
        tex_of_mathml(&source, &entities).map(|found| found.0).unwrap_or_default()
    }

    #[test]
    fn presentation_becomes_tex() {
        for (source, made) in [
            ("<mi>x</mi><mo>=</mo><mn>2</mn><mi>&alpha;</mi><mi>y</mi>", r"x = 2\alpha y"),
            ("<mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>2</mn></mfrac>", r"\frac{a + b}{2}"),
            ("<msqrt><mi>x</mi></msqrt><mroot><mi>x</mi><mn>3</mn></mroot>", r"\sqrt{x}\sqrt[3]{x}"),
            ("<msubsup><mi>x</mi><mi>i</mi><mrow><mn>1</mn><mn>0</mn></mrow></msubsup>", "x_i^{10}"),
            ("<msup><msup><mi>x</mi><mn>2</mn></msup><mn>3</mn></msup>", "{x^2}^3"),
            ("<msup><mi>f</mi><mo>′</mo></msup><mo>(</mo><mi>x</mi><mo>)</mo>", "f'(x)"),
            ("<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>", r"\sum_{i = 1}^n"),
            ("<munder><mi>lim</mi><mrow><mi>x</mi><mo>→</mo><mn>0</mn></mrow></munder>", r"\lim_{x \rightarrow 0}"),
            ("<mover><mi>x</mi><mo>^</mo></mover><mover><mi>v</mi><mo>→</mo></mover>", r"\hat{x}\vec{v}"),
            ("<mover><mrow><mi>A</mi><mi>B</mi></mrow><mo>¯</mo></mover>", r"\overline{AB}"),
            ("<mi>sin</mi><mi>x</mi><mi>Var</mi><mi mathvariant='bold'>w</mi>", r"\sin x\mathrm{Var}\mathbf{w}"),
            ("<mi mathvariant='normal'>a</mi><mi mathvariant='normal'>b</mi>", r"\mathrm{ab}"),
            ("<mtext>if 5%</mtext><mspace width='1em'/><ms>s</ms>", r#"\text{if 5\%}\quad\text{"s"}"#),
            ("<mrow><mo>(</mo><mtable><mtr><mtd><mn>1</mn></mtd><mtd/></mtr><mtr><mtd/><mtd><mn>1</mn></mtd></mtr></mtable><mo>)</mo></mrow>",
                r"\begin{pmatrix} 1 &  \\  & 1 \end{pmatrix}"),
            ("<mrow><mo>{</mo><mtable><mtr><mtd><mi>x</mi></mtd></mtr></mtable><mo></mo></mrow>", r"\begin{cases} x \end{cases}"),
            ("<mtable columnalign='right left'><mtr><mtd><mi>a</mi></mtd><mtd><mo>=</mo><mi>b</mi></mtd></mtr></mtable>",
                r"\begin{aligned} a & = b \end{aligned}"),
            ("<mfenced open='[' close=')'><mi>a</mi><mi>b</mi></mfenced>", "[a, b)"),
            ("<mrow><mo>(</mo><mfrac><mn>1</mn><mn>2</mn></mfrac><mo>)</mo></mrow>", r"\left( \frac{1}{2} \right)"),
            ("<mrow><mo>(</mo><mfrac linethickness='0'><mi>n</mi><mi>k</mi></mfrac><mo>)</mo></mrow>", r"\binom{n}{k}"),
            ("<mmultiscripts><mi>X</mi><mi>c</mi><mi>d</mi><mprescripts/><mi>a</mi><none/></mmultiscripts>", "{}_aX_c^d"),
            ("<menclose notation='box'><mi>x</mi></menclose><mphantom><mi>y</mi></mphantom>", r"\boxed{x}\phantom{y}"),
            ("<mi>ℝ</mi><mo>&lt;</mo><mi>𝐀</mi>", r"\mathbb{R} < \mathbf{A}"),
            ("<mi>f</mi><mo>\u{2061}</mo><mo>{</mo><mi>x</mi><mo>}</mo>", r"f\{x\}"),
        ] {
            assert_eq!(tex(source), made, "{source}");
        }
    }

    #[test]
    fn tex_of_the_author_goes_before_a_conversion() {
        let annotated = "<semantics><mi>x</mi><annotation encoding='application/x-tex'>{\\displaystyle a &lt; b}</annotation></semantics>";
        assert_eq!(tex(annotated), "a < b");
        assert_eq!(tex("<math alttext='x^{2}'><mi>y</mi></math>"), "x^{2}");
        assert_eq!(tex("<math alttext='x squared'><msup><mi>x</mi><mn>2</mn></msup></math>"), "x^2");
        assert_eq!(tex("<semantics><mi>x</mi><annotation encoding='StarMath 5.0'>y</annotation></semantics>"), "x");
        assert_eq!(
            tex("<semantics><mi>x</mi><annotation-xml encoding='text/html'>y</annotation-xml></semantics>"),
            "x"
        );
    }

    #[test]
    fn hostile_markup_takes_linear_time() {
        let many = 200_000;
        assert!(tex(&format!("{}<mi>x</mi>", "<msqrt>".repeat(many))).matches("sqrt").count() < MAX_DEPTH);
        let row = "<mtd><mn>1</mn></mtd>".repeat(many);
        assert_eq!(tex(&format!("<mtable><mtr>{row}</mtr></mtable>")).matches('&').count(), many - 1);
        assert!(tex(&"<mi>a</mi>".repeat(many)).len() == many);
        assert!(!tex(&"<mfenced open='".repeat(many)).contains("left"));
        assert!(tex(&format!("{}{}", "<msup>".repeat(90), "<mi>x</mi>".repeat(many))).len() < 3 * many);
        tex(&"</math></mrow><annotation".repeat(many));
    }
}
