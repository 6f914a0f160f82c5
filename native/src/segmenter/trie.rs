//! A double array over words of codes: the child of a node by a code is at the node's base plus the code, if it names
//! the node as its parent. Aoe 1989, "An Efficient Digital Search Algorithm by Using a Double-Array Structure".

use std::cmp::Reverse;
use std::mem::replace;
use std::ops::Range;

const ROOT: u32 = 0;
const NONE: u32 = u32::MAX;
/// Bits of `Node::base` that are a place. Those above are the cost of a word.
const PLACE: u32 = (1 << 24) - 1;
/// Places that are tried for children one after the other; then steps grow, so that time stays linear.
const TRIES: usize = 16;

#[derive(Clone, Copy)]
struct Node {
    base: u32,
    parent: u32,
}

/// Where words end, and their costs.
pub struct Trie(Vec<Node>);

impl Trie {
    /// Where all words start.
    pub fn root(&self) -> Place {
        Place { node: ROOT, base: self.0.first().map_or(0, |root| root.base) }
    }

    /// The child of a node by a code. Nothing has the code 0.
    #[inline]
    pub fn child(&self, parent: Place, code: u16) -> Option<Place> {
        let node = (parent.base & PLACE) + u32::from(code);
        let child = self.0.get(node as usize)?;
        (child.parent == parent.node).then_some(Place { node, base: child.base })
    }
}

/// A node of a trie, with what it contains.
#[derive(Clone, Copy)]
pub struct Place {
    node: u32,
    base: u32,
}

impl Place {
    /// The cost of the word that ends here; 0 where none does.
    #[inline]
    pub fn cost(self) -> u32 {
        self.base >> 24
    }
}

/// Words in the order of their codes, which are greater than 0.
#[derive(Default)]
pub struct Words {
    codes: Vec<u16>,
    ends: Vec<usize>,
    costs: Vec<u8>,
}

/// A node without a place.
struct Draft {
    code: u16,
    cost: u8,
    base: usize,
    children: Range<usize>,
    words: Range<usize>,
}

impl Draft {
    fn new(code: u16, words: Range<usize>) -> Draft {
        Draft { code, cost: 0, base: 0, children: 0..0, words }
    }
}

impl Words {
    /// Add a word. An error unless it comes after those before.
    pub fn push(&mut self, word: impl Iterator<Item = u16>, cost: u8) -> Result<(), &'static str> {
        self.codes.extend(word);
        self.ends.push(self.codes.len());
        self.costs.push(cost);
        let last = self.ends.len() - 1;
        if last > 0 && self.word(last - 1) >= self.word(last) || self.word(last).is_empty() {
            return Err("words are not in order");
        }
        Ok(())
    }

    fn word(&self, number: usize) -> &[u16] {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.codes[start..self.ends[number]]
    }

    /// Build the double array. An error if its places do not fit.
    pub fn trie(&self) -> Result<Trie, &'static str> {
        let mut drafts = self.drafts();
        let size = place(&mut drafts);
        if size > PLACE as usize {
            return Err("too many words");
        }
        let mut nodes = vec![Node { base: 0, parent: NONE }; size];
        let mut places = vec![0; drafts.len()];
        for (number, draft) in drafts.iter().enumerate() {
            let at: usize = places[number];
            nodes[at].base = draft.base as u32 | u32::from(draft.cost) << 24;
            for child in draft.children.clone() {
                places[child] = draft.base + usize::from(drafts[child].code);
                nodes[places[child]].parent = at as u32;
            }
        }
        Ok(Trie(nodes))
    }

    /// All nodes, breadth first.
    fn drafts(&self) -> Vec<Draft> {
        let mut drafts = vec![Draft::new(0, 0..self.ends.len())];
        let (mut next, mut depth) = (0, 0);
        while next < drafts.len() {
            for number in replace(&mut next, drafts.len())..drafts.len() {
                self.grow(&mut drafts, number, depth);
            }
            depth += 1;
        }
        drafts
    }

    /// Add the children of a node to which `depth` codes lead.
    fn grow(&self, drafts: &mut Vec<Draft>, number: usize, depth: usize) {
        let mut words = drafts[number].words.clone();
        if words.start < words.end && self.word(words.start).len() == depth {
            drafts[number].cost = self.costs[words.start];
            words.start += 1;
        }
        let first = drafts.len();
        while words.start < words.end {
            let code = self.word(words.start)[depth];
            let same = words.clone().take_while(|word| self.word(*word)[depth] == code).count();
            drafts.push(Draft::new(code, words.start..words.start + same));
            words.start += same;
        }
        drafts[number].children = first..drafts.len();
    }
}

/// Give each node a base such that no two children meet, those of large families first. Return the number of places.
fn place(drafts: &mut [Draft]) -> usize {
    let mut families: Vec<usize> = (0..drafts.len()).filter(|number| !drafts[*number].children.is_empty()).collect();
    families.sort_by_key(|number| Reverse(drafts[*number].children.len()));
    let (mut free, mut codes, mut from) = (Free(vec![1]), Vec::new(), 0);
    for number in families {
        let siblings = codes.len();
        codes.clear();
        codes.extend(drafts[drafts[number].children.clone()].iter().map(|child| usize::from(child.code)));
        from = if codes.len() == siblings { from } else { 0 };
        let (mut at, mut tries) = (free.next(from.max(codes[0])), 0);
        while !codes.iter().all(|code| free.is(at + code - codes[0])) {
            tries += 1;
            at = free.next(at + 1 + tries / TRIES);
        }
        from = if tries > TRIES { at } else { from };
        for code in &codes {
            free.take(at + code - codes[0]);
        }
        drafts[number].base = at - codes[0];
    }
    free.0.len()
}

/// For each place itself if it is free, else a later one, before which none is.
struct Free(Vec<usize>);

impl Free {
    fn is(&self, place: usize) -> bool {
        self.0.get(place).is_none_or(|next| *next == place)
    }

    /// The first free place from one on.
    fn next(&mut self, place: usize) -> usize {
        let mut found = place;
        while !self.is(found) {
            found = self.0[found];
        }
        let mut at = place;
        while at < found {
            at = replace(&mut self.0[at], found);
        }
        found
    }

    fn take(&mut self, place: usize) {
        while self.0.len() <= place {
            self.0.push(self.0.len());
        }
        self.0[place] = place + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Words};

    /// Each prefix leads to a node, others to none, and each word has its cost.
    #[test]
    fn has_its_words_and_no_others() -> Result<(), &'static str> {
        let listed: [&[u16]; 6] = [&[1], &[1, 2], &[1, 2, 9000], &[1, 7], &[2, 2], &[9000, 1]];
        let mut words = Words::default();
        for (word, cost) in listed.iter().zip(1..) {
            words.push(word.iter().copied(), cost)?;
        }
        let trie = words.trie()?;
        for word in [&[1][..], &[2], &[1, 2], &[1, 2, 9000], &[1, 2, 2], &[9000], &[9000, 1], &[7], &[0], &[1, 0]] {
            let node = word.iter().try_fold(trie.root(), |node, code| trie.child(node, *code));
            let cost = listed.iter().position(|listed| *listed == word).map_or(0, |at| at as u32 + 1);
            assert_eq!(node.is_some(), listed.iter().any(|listed| listed.starts_with(word)), "{word:?}");
            assert_eq!(node.map_or(0, Place::cost), cost, "{word:?}");
        }
        assert!(words.push([1].into_iter(), 1).is_err());
        Ok(())
    }
}
