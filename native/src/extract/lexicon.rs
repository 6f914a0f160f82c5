//! Words that distinguish main text from its surroundings: of the texts of blocks, and of the class and id attributes
//! around them. Words have trained weights; only words of several registered domains have one.

use super::tags::{self, Tag};
use super::tree::{Node, Tree};

/// Hashes of words, from which a score is computed. Bits beyond the word encode its position.
pub type Token = u32;

/// Words at the beginning of a block that count.
const FIRST_WORDS: usize = 24;
/// Within so many characters: there are texts without a space.
const FIRST_CHARACTERS: usize = 2048;
/// Of these, so many count in pairs too.
const PAIRED_WORDS: usize = 8;
/// A block of at most so many words counts as a whole too.
const WHOLE_WORDS: usize = 5;

const SEED: u32 = 0x811C_9DC5;
const PAIR: u32 = 0x5bd1_e995;
const WHOLE: u32 = 0x2545_f491;

fn mix(hash: u32, with: u32) -> u32 {
    (hash.rotate_left(7) ^ with).wrapping_mul(0x9E37_79B1)
}

/// The tokens of a block's text. All digits are equal.
pub fn text_tokens(text: &str, tokens: &mut Vec<Token>) {
    let mut words = [0_u32; FIRST_WORDS];
    let mut count = 0;
    let mut hash = SEED;
    let mut open = false;
    for character in text.chars().take(FIRST_CHARACTERS).chain([' ']) {
        let code = match character {
            'a'..='z' => character as u32,
            'A'..='Z' => character as u32 | 0x20,
            '0'..='9' => '0' as u32,
            _ if character.is_ascii() || !character.is_alphanumeric() => 0,
            _ => character.to_lowercase().next().map_or(0, |character| character as u32),
        };
        if code != 0 {
            hash = (hash ^ code).wrapping_mul(0x0100_0193);
            open = true;
        } else if open {
            words[count] = mix(hash, 1);
            count += 1;
            hash = SEED;
            open = false;
            if count == FIRST_WORDS {
                break;
            }
        }
    }
    let words = &words[..count];
    tokens.extend_from_slice(words);
    let paired = &words[..count.min(PAIRED_WORDS)];
    tokens.extend(paired.windows(2).map(|pair| mix(mix(PAIR, pair[0]), pair[1])));
    if count > 0 && count <= WHOLE_WORDS {
        tokens.push(words.iter().fold(WHOLE, |hash, &word| mix(hash, word)));
    }
}

/// The tokens of a class or an id: its words, cut at capitals and at all that is no letter, and the whole.
pub fn name_tokens(names: &[u8], tokens: &mut Vec<Token>) {
    let (mut hash, mut size, mut lower) = (SEED, 0, false);
    let mut whole = WHOLE;
    for &byte in names.iter().take(256).chain(b" ") {
        let capital = byte.is_ascii_uppercase();
        if size > 0 && (!byte.is_ascii_alphabetic() || capital && lower) {
            if size > 1 {
                tokens.push(mix(hash, 2));
                whole = mix(whole, hash);
            }
            (hash, size) = (SEED, 0);
        }
        if byte.is_ascii_alphabetic() {
            hash = (hash ^ u32::from(byte | 0x20)).wrapping_mul(0x0100_0193);
            size += 1;
        }
        lower = byte.is_ascii_lowercase();
    }
    if whole != WHOLE {
        tokens.push(whole);
    }
}

/// A token of an element in a zone of levels above a block.
fn in_zone(token: Token, zone: usize) -> Token {
    mix(token, 0x1000 + zone as u32)
}

/// The zones that levels above a block are in; all others are in the last one.
const NEAR: [usize; 4] = [0, 1, 2, 2];
const FAR: usize = 3;

/// The tokens of a tag, and of names, in a zone.
fn tag_token(tag: Tag, zone: usize) -> Token {
    in_zone(mix(tag as u32, 3), zone)
}

fn tokens_of_names(tree: &Tree, names: u32, zone: usize) -> impl Iterator<Item = Token> + '_ {
    let (from, to) = tree.names[names as usize].tokens;
    tree.tokens[from as usize..to as usize].iter().map(move |&token| in_zone(token, zone))
}

/// The tokens of the elements around a block, from the innermost to the root.
pub fn path_tokens(tree: &Tree, node: u32, tokens: &mut Vec<Token>) {
    let (mut at, mut level) = (node, 0);
    loop {
        let (element, zone) = (tree.nodes[at as usize], NEAR.get(level).copied().unwrap_or(FAR));
        tokens.push(tag_token(element.tag, zone));
        tokens.extend(tokens_of_names(tree, element.names, zone));
        if at == 0 {
            return;
        }
        at = tree.nodes[at as usize].parent;
        level += 1;
    }
}

/// Tokens and their weights: a hash table. Most tokens that are looked up are not there, which a filter of bits says.
pub struct Lexicon {
    likely: Vec<u64>,
    keys: Vec<Token>,
    weights: Vec<i8>,
    scale: f32,
    /// The sums of each tag in each zone.
    tags: Vec<[Sum; FAR + 1]>,
}

impl Lexicon {
    pub fn new(words: &[(Token, i8)], scale: f32) -> Self {
        let size = (words.len() + words.len() / 2).next_power_of_two().max(2);
        let likely = vec![0; (BITS_A_SLOT * size).div_ceil(64)];
        let mut made = Lexicon { likely, keys: vec![0; size], weights: vec![0; size], scale, tags: Vec::new() };
        for &(token, weight) in words.iter().filter(|word| word.0 != 0) {
            let bit = slot(token, BITS_A_SLOT * size);
            made.likely[bit / 64] |= 1 << (bit % 64);
            let mut at = slot(token, size);
            while made.keys[at] != 0 {
                at = (at + 1) % size;
            }
            (made.keys[at], made.weights[at]) = (token, weight);
        }
        let sums = |tag: Tag| std::array::from_fn(|zone| made.sum([tag_token(tag, zone)].into_iter()));
        made.tags = tags::every().map(sums).collect();
        made
    }

    /// The sum of the weights of tokens, over the root of the number of tokens with a weight.
    pub fn score(&self, tokens: &[Token]) -> f32 {
        self.score_of(self.sum(tokens.iter().copied()))
    }

    fn score_of(&self, (sum, known): Sum) -> f32 {
        sum as f32 * self.scale / (known.max(1) as f32).sqrt()
    }

    /// The score of the elements around each block, by the innermost one: that of their `path_tokens`.
    /// The far elements of a path are summed once for all blocks, and names once in each zone, so that it is linear in
    /// the size of the tree.
    pub fn path_scores(&self, tree: &Tree, innermost: impl Iterator<Item = u32>) -> Vec<f32> {
        let mut known: Vec<[Option<Sum>; FAR + 1]> = vec![[None; FAR + 1]; tree.names.len()];
        let mut sum_of = |node: u32, zone: usize| {
            let Node { tag, names, .. } = tree.nodes[node as usize];
            let named = || self.sum(tokens_of_names(tree, names, zone));
            add(self.tags[tag as usize][zone], *known[names as usize][zone].get_or_insert_with(named))
        };
        let mut far: Vec<Sum> = Vec::with_capacity(tree.nodes.len());
        for at in 0..tree.nodes.len() as u32 {
            let above = far.get(tree.nodes[at as usize].parent as usize).copied().unwrap_or_default();
            far.push(add(above, sum_of(at, FAR)));
        }
        let score = |node| {
            let (mut at, mut sum) = (node, Sum::default());
            for zone in NEAR {
                sum = add(sum, sum_of(at, zone));
                if at == 0 {
                    return self.score_of(sum);
                }
                at = tree.nodes[at as usize].parent;
            }
            self.score_of(add(sum, far[at as usize]))
        };
        innermost.map(score).collect()
    }

    fn sum(&self, tokens: impl Iterator<Item = Token>) -> Sum {
        let size = self.keys.len();
        let (mut sum, mut known) = (0_i32, 0_u32);
        for token in tokens {
            let bit = slot(token, BITS_A_SLOT * size);
            if self.likely[bit / 64] >> (bit % 64) & 1 == 0 {
                continue;
            }
            let mut at = slot(token, size);
            while self.keys[at] != token && self.keys[at] != 0 {
                at = (at + 1) % size;
            }
            if self.keys[at] != 0 {
                sum += i32::from(self.weights[at]);
                known += 1;
            }
        }
        (sum, known)
    }
}

/// A sum of weights, and the number of tokens.
type Sum = (i32, u32);

fn add(a: Sum, b: Sum) -> Sum {
    (a.0 + b.0, a.1 + b.1)
}

/// Bits of the filter for each slot of the table.
const BITS_A_SLOT: usize = 8;

fn slot(token: Token, size: usize) -> usize {
    (token.wrapping_mul(0x9E37_79B1) >> 7) as usize & (size - 1)
}

#[cfg(test)]
mod tests {
    use super::super::{entities::Entities, page::Tables};
    use super::{path_tokens, Lexicon, Token};

    #[test]
    fn the_score_of_a_path_is_that_of_its_tokens() {
        let tables = Tables::new(Entities::new([]));
        let classes = ["", " class=post", " class='post main-text'", " id=post class=sideBar", " hidden"];
        let tags = ["div", "p", "section", "x-y", "ul", "li", "b"];
        let mut state = 7_u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % below
        };
        for _ in 0..100 {
            let mut page = String::new();
            for _ in 0..random(60) {
                let tag = tags[random(tags.len())];
                page += &match random(3) {
                    0 => format!("</{tag}>"),
                    _ => format!("<{tag}{}>", classes[random(classes.len())]),
                };
            }
            let tree = tables.parse(&page, false);
            let paths: Vec<Vec<Token>> = (0..tree.nodes.len() as u32)
                .map(|node| {
                    let mut tokens = Vec::new();
                    path_tokens(&tree, node, &mut tokens);
                    tokens
                })
                .collect();
            // Every third token is one of the lexicon.
            let words: Vec<(Token, i8)> = {
                let mut all = paths.concat();
                all.sort_unstable();
                all.dedup();
                all.into_iter().step_by(3).map(|token| (token, (random(255) as i32 - 127) as i8)).collect()
            };
            let lexicon = Lexicon::new(&words, 0.01);
            let naive = |tokens: &Vec<Token>| {
                let known: Vec<i32> = tokens
                    .iter()
                    .filter_map(|token| words.iter().find(|word| word.0 == *token))
                    .map(|word| i32::from(word.1))
                    .collect();
                known.iter().sum::<i32>() as f32 * 0.01 / (known.len().max(1) as f32).sqrt()
            };
            let naive: Vec<f32> = paths.iter().map(naive).collect();
            assert_eq!(paths.iter().map(|tokens| lexicon.score(tokens)).collect::<Vec<_>>(), naive);
            assert_eq!(lexicon.path_scores(&tree, 0..tree.nodes.len() as u32), naive);
        }
    }
}
