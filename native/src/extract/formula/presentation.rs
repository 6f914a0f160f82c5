//! The elements of presentation MathML as TeX.

use super::atoms::{row, Atom};
use super::markup::attribute;
use super::symbols::{accent, accent_below, push, Class};
use super::tokens::operator;

/// An element of elements; none for those that are not shown.
pub fn element(name: &str, tag: &str, inside: Vec<Atom>) -> Option<Atom> {
    Some(match name {
        "mspace" => space(tag),
        "mfrac" => fraction(tag, inside),
        "msqrt" => Atom::new(format!("\\sqrt{{{}}}", row(inside).tex), Class::Letter),
        "mroot" => {
            let [base, index] = parts(inside);
            Atom::new(format!("\\sqrt[{}]{{{}}}", index.tex, base.tex), Class::Letter)
        }
        "msub" => {
            let [base, below] = parts(inside);
            scripts(&base, Some(&below), None)
        }
        "msup" => {
            let [base, above] = parts(inside);
            scripts(&base, None, Some(&above))
        }
        "msubsup" => {
            let [base, below, above] = parts(inside);
            scripts(&base, Some(&below), Some(&above))
        }
        "munder" => {
            let [base, below] = parts(inside);
            under(&base, &below)
        }
        "mover" => {
            let [base, above] = parts(inside);
            over(&base, &above)
        }
        "munderover" => {
            let [base, below, above] = parts(inside);
            both(&base, &below, &above)
        }
        "mmultiscripts" => multiple(inside),
        "mprescripts" => Atom::new(PRESCRIPTS.to_owned(), Class::Empty),
        "none" => Atom::new(String::new(), Class::Empty),
        "mtd" => Atom { class: Class::Group, ..row(inside) },
        "mtr" => Atom::new(cells(&inside), Class::Group),
        "mlabeledtr" => {
            let label = inside.first().map(|label| label.tex.clone()).unwrap_or_default();
            Atom::new(
                format!("{} \\tag{{{}}}", cells(inside.get(1..).unwrap_or_default()), plain(&label)),
                Class::Group,
            )
        }
        "mtable" => table(tag, &inside),
        "mfenced" => fences(tag, inside),
        "menclose" => enclosed(tag, row(inside)),
        "mphantom" => Atom::new(format!("\\phantom{{{}}}", row(inside).tex), Class::Letter),
        "mo" => match row(inside) {
            word if word.tex == "\\mathrm{mod}" => Atom::new("\\bmod".to_owned(), Class::Binary),
            word if word.tex.starts_with("\\mathrm") => Atom { class: Class::Function, ..word },
            other => other,
        },
        "semantics" => inside.into_iter().next()?,
        "annotation" | "annotation-xml" | "maligngroup" | "malignmark" => return None,
        _ => row(inside),
    })
}

/// In place of `mprescripts`, which has no text of its own.
const PRESCRIPTS: &str = "\0";

/// So many arguments; those that are missing are empty, and more are part of the last.
fn parts<const N: usize>(inside: Vec<Atom>) -> [Atom; N] {
    let mut rest = inside.into_iter();
    std::array::from_fn(|at| if at + 1 < N { rest.next().unwrap_or_default() } else { row(rest.by_ref().collect()) })
}

fn space(tag: &str) -> Atom {
    let width = attribute(tag, "width").unwrap_or_default().trim();
    let tex = match width {
        "thinmathspace" | "verythinmathspace" => "\\,",
        "mediummathspace" => "\\:",
        "thickmathspace" => "\\;",
        _ if attribute(tag, "linebreak") == Some("newline") => "\\\\",
        _ => {
            let (size, unit) = width.split_at(width.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(width.len()));
            let size = size.parse::<f64>().unwrap_or(0.0) * if unit == "px" { 1.0 / 16.0 } else { 1.0 };
            match size {
                _ if size < 0.0 => "\\!",
                _ if size < 0.1 => "",
                _ if size < 0.2 => "\\,",
                _ if size < 0.25 => "\\:",
                _ if size < 0.6 => "\\;",
                _ if size < 1.5 => "\\quad",
                _ => "\\qquad",
            }
        }
    };
    Atom::new(tex.to_owned(), Class::Empty)
}

fn fraction(tag: &str, inside: Vec<Atom>) -> Atom {
    let [above, below] = parts(inside);
    let thin = attribute(tag, "linethickness").is_some_and(|value| value.starts_with('0'));
    if attribute(tag, "bevelled") == Some("true") {
        return Atom::new(format!("{}/{}", above.base(), below.base()), Class::Group);
    }
    let command = if thin { "\\genfrac{}{}{0pt}{}" } else { "\\frac" };
    Atom::new(format!("{command}{{{}}}{{{}}}", above.tex, below.tex), Class::Letter).tall(true)
}

fn is_prime(above: &Atom) -> bool {
    !above.tex.is_empty() && above.tex.bytes().all(|byte| byte == b'\'')
}

fn scripts(base: &Atom, below: Option<&Atom>, above: Option<&Atom>) -> Atom {
    let mut tex = base.base();
    for (mark, script) in [('_', below), ('^', above)] {
        match script {
            Some(script) if mark == '^' && is_prime(script) => tex.push_str(&script.tex),
            Some(script) if mark == '^' && script.tex.starts_with("^{") => tex.push_str(&script.tex),
            Some(script) if !script.tex.is_empty() => {
                tex.push(mark);
                tex.push_str(&script.script());
            }
            _ => {}
        }
    }
    let class = if matches!(base.class, Class::Large | Class::Function) { base.class } else { Class::Group };
    let class = if matches!(base.class, Class::Close | Class::Fence) { base.class } else { class };
    Atom::new(tex, class).tall(base.tall)
}

/// True if scripts of the base stand above and below it.
fn has_limits(base: &Atom) -> bool {
    matches!(base.class, Class::Large | Class::Function)
        || ["\\underbrace", "\\overbrace", "\\operatorname"].iter().any(|command| base.tex.starts_with(command))
}

fn under(base: &Atom, below: &Atom) -> Atom {
    if let Some(command) = below.mark.and_then(accent_below) {
        return Atom::new(format!("{command}{{{}}}", base.tex), Class::Letter);
    }
    if has_limits(base) {
        return scripts(base, Some(below), None);
    }
    if base.class == Class::Arrow {
        return Atom::new(format!("\\xrightarrow[{}]{{}}", below.tex), Class::Arrow);
    }
    Atom::new(format!("\\underset{{{}}}{{{}}}", below.tex, base.tex), base.class)
}

fn over(base: &Atom, above: &Atom) -> Atom {
    if let Some([one, more]) = above.mark.filter(|_| !has_limits(base)).and_then(accent) {
        let narrow = base.mark.is_some() || base.tex.chars().count() == 1;
        let wide = !narrow || one == "\\bar" && above.stretches && above.mark != Some('ˉ');
        return Atom::new(format!("{}{{{}}}", if wide { more } else { one }, base.tex), Class::Letter);
    }
    if has_limits(base) {
        return scripts(base, None, Some(above));
    }
    match base.mark {
        Some('→' | '⟶') => Atom::new(format!("\\xrightarrow{{{}}}", above.tex), Class::Arrow),
        Some('←' | '⟵') => Atom::new(format!("\\xleftarrow{{{}}}", above.tex), Class::Arrow),
        _ => Atom::new(format!("\\overset{{{}}}{{{}}}", above.tex, base.tex), base.class),
    }
}

fn both(base: &Atom, below: &Atom, above: &Atom) -> Atom {
    if has_limits(base) {
        return scripts(base, Some(below), Some(above));
    }
    match base.mark {
        Some('→' | '⟶') => Atom::new(format!("\\xrightarrow[{}]{{{}}}", below.tex, above.tex), Class::Arrow),
        Some('←' | '⟵') => Atom::new(format!("\\xleftarrow[{}]{{{}}}", below.tex, above.tex), Class::Arrow),
        _ => under(&over(base, above), below),
    }
}

/// A base with scripts after it and before it.
fn multiple(inside: Vec<Atom>) -> Atom {
    let mut atoms = inside.into_iter();
    let base = atoms.next().unwrap_or_default();
    let rest: Vec<Atom> = atoms.collect();
    let split = rest.iter().position(|atom| atom.tex == PRESCRIPTS).unwrap_or(rest.len());
    let pairs = |atoms: &[Atom], mut tex: String| {
        for (at, pair) in atoms.chunks(2).enumerate() {
            let empty = Atom::new(String::new(), Class::Empty);
            let base = Atom::new(std::mem::take(&mut tex), if at > 0 { Class::Group } else { Class::Letter });
            tex = scripts(if base.tex.is_empty() { &empty } else { &base }, pair.first(), pair.get(1)).tex;
        }
        tex
    };
    let before = rest.get(split + 1..).filter(|before| !before.is_empty()).map(|before| pairs(before, String::new()));
    let mut tex = before.unwrap_or_default();
    push(&pairs(&rest[..split], base.base()), &mut tex);
    Atom::new(tex, Class::Group)
}

/// The cells of a row.
fn cells(inside: &[Atom]) -> String {
    inside.iter().map(|cell| cell.tex.as_str()).collect::<Vec<_>>().join(" & ")
}

/// Words of `\text` without the command.
fn plain(tex: &str) -> String {
    tex.strip_prefix("\\text{")
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap_or(tex)
        .trim_matches(['(', ')'])
        .to_owned()
}

fn table(tag: &str, rows: &[Atom]) -> Atom {
    let align = attribute(tag, "columnalign").unwrap_or_default();
    let mut sides = align.split_ascii_whitespace();
    let equations = sides.next() == Some("right") && sides.any(|side| side == "left" || side == "center");
    if let [one] = rows {
        if one.tex.contains("\\tag{") {
            return Atom::new(one.tex.clone(), Class::Group);
        }
    }
    let rows: Vec<&str> = rows.iter().map(|row| row.tex.as_str()).collect();
    let name = if equations { "aligned" } else { "matrix" };
    Atom::new(format!("\\begin{{{name}}} {} \\end{{{name}}}", rows.join(" \\\\ ")), Class::Table)
}

fn fences(tag: &str, inside: Vec<Atom>) -> Atom {
    let fence = |name: &str, default: &str| {
        let text = attribute(tag, name).unwrap_or(default).trim();
        Atom { stretches: true, ..operator("", if text.len() > 8 { default } else { text }) }
    };
    let separators: Vec<char> =
        attribute(tag, "separators").unwrap_or(",").chars().filter(|c| !c.is_whitespace()).collect();
    let mut between = Vec::with_capacity(inside.len() * 2);
    for (at, atom) in inside.into_iter().enumerate() {
        if let Some(&mark) = at.checked_sub(1).and_then(|at| separators.get(at).or(separators.last())) {
            between.push(operator("", mark.encode_utf8(&mut [0; 4])));
        }
        between.push(atom);
    }
    let inside = row(between);
    let mut atoms = vec![Atom { class: Class::Open, ..fence("open", "(") }, inside];
    atoms.push(Atom { class: Class::Close, ..fence("close", ")") });
    row(atoms)
}

fn enclosed(tag: &str, inside: Atom) -> Atom {
    let notation = attribute(tag, "notation").unwrap_or_default();
    let has = |name: &str| notation.split_ascii_whitespace().any(|word| word == name);
    let command = match () {
        () if has("box") || has("roundedbox") => "\\boxed",
        () if has("updiagonalstrike") && has("downdiagonalstrike") => "\\xcancel",
        () if has("updiagonalstrike") => "\\cancel",
        () if has("downdiagonalstrike") => "\\bcancel",
        () if has("radical") => "\\sqrt",
        () if has("top") => "\\overline",
        () if has("bottom") => "\\underline",
        () => return inside,
    };
    Atom::new(format!("{command}{{{}}}", inside.tex), Class::Letter)
}
