//! Pieces of TeX, and rows of them.

use super::symbols::{push, Class};

/// TeX of an element.
#[derive(Clone, Debug, Default)]
pub struct Atom {
    pub tex: String,
    pub class: Class,
    /// The character of an operator or identifier of one character.
    pub mark: Option<char>,
    /// Stretches with its content, if it is a fence.
    pub stretches: bool,
    /// The command of its alphabet, if it is letters in one.
    pub style: Option<&'static str>,
    /// Higher than a line of text: a fraction, a table, a large operator.
    pub tall: bool,
}

impl Atom {
    pub fn new(tex: String, class: Class) -> Self {
        let tall = matches!(class, Class::Large | Class::Table);
        Atom { tex, class, mark: None, stretches: false, style: None, tall }
    }

    /// Letters in an alphabet.
    pub fn styled(style: &'static str, letters: &str) -> Self {
        Atom { style: Some(style), ..Atom::new(format!("{style}{{{letters}}}"), Class::Letter) }
    }

    pub fn tall(self, tall: bool) -> Self {
        Atom { tall, ..self }
    }

    /// The TeX as the base of a script: in braces unless it is one atom.
    pub fn base(&self) -> String {
        match self.class {
            Class::Group if !self.tex.is_empty() => format!("{{{}}}", self.tex),
            Class::Empty => "{}".to_owned(),
            _ if self.tex.is_empty() => "{}".to_owned(),
            _ => self.tex.clone(),
        }
    }

    /// The TeX as a script: in braces unless it is one character.
    pub fn script(&self) -> String {
        let mut characters = self.tex.chars();
        match (characters.next(), characters.next()) {
            (Some(one), None) if one.is_alphanumeric() || "*+-".contains(one) => self.tex.clone(),
            _ => format!("{{{}}}", self.tex),
        }
    }

    fn is_operand(&self) -> bool {
        matches!(self.class, Class::Letter | Class::Group | Class::Close | Class::Fence | Class::Text | Class::Table)
    }
}

/// Atoms side by side.
pub fn row(mut atoms: Vec<Atom>) -> Atom {
    atoms.retain(|atom| !atom.tex.is_empty());
    atoms.dedup_by(|next, atom| merge(atom, next));
    if atoms.len() == 1 {
        return atoms.pop().unwrap_or_default();
    }
    if let Some(fenced) = fenced(&atoms) {
        return fenced;
    }
    let tall = atoms.iter().any(|atom| atom.tall);
    let is = |atom: Option<&Atom>, class| atom.is_some_and(|atom| atom.class == class);
    let fences = is(atoms.first(), Class::Open) && is(atoms.last(), Class::Close);
    Atom::new(joined(&atoms), if fences { Class::Close } else { Class::Group }).tall(tall)
}

/// Append letters to letters of the same alphabet; false if the atoms are others.
fn merge(atom: &mut Atom, next: &Atom) -> bool {
    let Some(style) = atom.style.filter(|_| atom.style == next.style) else { return false };
    let Some(letters) = next.tex.get(style.len() + 1..) else { return false };
    atom.tex.pop();
    atom.tex.push_str(letters);
    atom.mark = None;
    true
}

/// The TeX of atoms side by side, with spaces around the operators between operands.
fn joined(atoms: &[Atom]) -> String {
    let mut tex = String::new();
    for (at, atom) in atoms.iter().enumerate() {
        let operand = at > 0 && atoms[at - 1].is_operand();
        let follows = at + 1 < atoms.len();
        let apart = match atom.class {
            Class::Relation | Class::Arrow => at == 0 || atoms[at - 1].class != atom.class,
            Class::Binary => operand && follows && atom.tex != "/",
            _ => false,
        };
        if apart && !tex.is_empty() && !tex.ends_with(' ') {
            tex.push(' ');
        }
        push(&atom.tex, &mut tex);
        let after = match atom.class {
            Class::Relation | Class::Arrow => follows && atoms[at + 1].class != atom.class,
            Class::Punctuation => follows,
            _ => apart,
        };
        if after {
            tex.push(' ');
        }
    }
    tex
}

/// A row whose first atom is a fence around all the others, where TeX has a form of its own for it.
fn fenced(atoms: &[Atom]) -> Option<Atom> {
    let (first, rest) = atoms.split_first()?;
    let (last, inside) = rest.split_last()?;
    let opens = matches!(first.class, Class::Open | Class::Fence);
    if opens && first.tex == "\\{" && last.class == Class::Table && inside.is_empty() {
        return Some(Atom::new(environment(&last.tex, "cases"), Class::Table));
    }
    if !opens || !matches!(last.class, Class::Close | Class::Fence) || inside.is_empty() {
        return None;
    }
    let pair = (first.tex.as_str(), last.tex.as_str());
    if let [table] = inside {
        let name = match pair {
            ("(", ")") => Some("pmatrix"),
            ("[", "]") => Some("bmatrix"),
            ("\\{", "\\}") => Some("Bmatrix"),
            ("|", "|") => Some("vmatrix"),
            ("\\|", "\\|") => Some("Vmatrix"),
            _ => None,
        };
        if let Some(name) = name.filter(|_| table.class == Class::Table && table.tex.starts_with("\\begin{matrix}")) {
            return Some(Atom::new(environment(&table.tex, name), Class::Letter).tall(true));
        }
        if let Some(rest) = table.tex.strip_prefix("\\genfrac{}{}{0pt}{}").filter(|_| pair == ("(", ")")) {
            return Some(Atom::new(format!("\\binom{rest}"), Class::Letter).tall(true));
        }
    }
    let tall = inside.iter().any(|atom| atom.tall);
    if !tall || !first.stretches || !last.stretches {
        return None;
    }
    let mut tex = format!("\\left{}", first.tex);
    push(&format!(" {} \\right{}", joined(inside), last.tex), &mut tex);
    Some(Atom::new(tex, Class::Letter).tall(true))
}

/// A matrix as another environment.
fn environment(table: &str, name: &str) -> String {
    let inside = table.strip_prefix("\\begin{").and_then(|rest| rest.split_once('}'));
    let Some((_, inside)) = inside else { return table.to_owned() };
    let inside = inside.rsplit_once("\\end{").map_or(inside, |(inside, _)| inside);
    format!("\\begin{{{name}}}{inside}\\end{{{name}}}")
}
