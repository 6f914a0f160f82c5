//! Words that tell main text from what surrounds it: of the texts of blocks, and of the class and id attributes around
//! them. A word has a weight that training gave it; only words of several registered domains have one.

use super::tree::Tree;

/// What a score is made of: hashes of words. Bits beyond the word tell where it stands.
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

/// The tokens of a block's text. Digits are alike.
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

/// A token of an element so many levels above a block.
fn at_level(token: Token, level: usize) -> Token {
    let zone = match level {
        0 => 0,
        1 => 1,
        2 | 3 => 2,
        _ => 3,
    };
    mix(token, 0x1000 + zone)
}

/// The levels above a block that have a zone of their own, or share one; all others are in the last zone.
const NEAR_LEVELS: usize = 4;

/// The tokens of one element, as so many levels above a block.
fn element_tokens(tree: &Tree, node: u32, level: usize) -> impl Iterator<Item = Token> + '_ {
    let node = tree.nodes[node as usize];
    let named = tree.names[node.names as usize].tokens;
    let names = tree.tokens[named.0 as usize..named.1 as usize].iter().copied();
    [mix(node.tag as u32, 3)].into_iter().chain(names).map(move |token| at_level(token, level))
}

/// The tokens of the elements around a block, from the innermost to the root.
pub fn path_tokens(tree: &Tree, node: u32, tokens: &mut Vec<Token>) {
    let (mut at, mut level) = (node, 0);
    loop {
        tokens.extend(element_tokens(tree, at, level));
        if at == 0 {
            return;
        }
        at = tree.nodes[at as usize].parent;
        level += 1;
    }
}

/// Tokens and their weights.
pub struct Lexicon {
    slots: Vec<(Token, i16)>,
    scale: f32,
}

impl Lexicon {
    pub fn new(words: &[(Token, i16)], scale: f32) -> Self {
        let size = (words.len() * 2).next_power_of_two().max(2);
        let mut slots = vec![(0, 0); size];
        for &(token, weight) in words.iter().filter(|word| word.0 != 0) {
            let mut at = slot(token, size);
            while slots[at].0 != 0 {
                at = (at + 1) % size;
            }
            slots[at] = (token, weight);
        }
        Lexicon { slots, scale }
    }

    /// The sum of the weights of tokens, over the root of how many there are that have one.
    pub fn score(&self, tokens: &[Token]) -> f32 {
        self.score_of(self.sum(tokens.iter().copied()))
    }

    fn score_of(&self, (sum, known): Sum) -> f32 {
        sum as f32 * self.scale / (known.max(1) as f32).sqrt()
    }

    /// The score of the elements around each block, which are given by their innermost: that of their `path_tokens`.
    /// The far elements of a path are summed once for all blocks, so that it is linear in the size of the tree.
    pub fn path_scores(&self, tree: &Tree, innermost: impl Iterator<Item = u32>) -> Vec<f32> {
        let mut far: Vec<Sum> = Vec::with_capacity(tree.nodes.len());
        for at in 0..tree.nodes.len() as u32 {
            let above = far.get(tree.nodes[at as usize].parent as usize).copied().unwrap_or_default();
            far.push(add(above, self.sum(element_tokens(tree, at, NEAR_LEVELS))));
        }
        let score = |node| {
            let (mut at, mut sum) = (node, Sum::default());
            for level in 0..NEAR_LEVELS {
                sum = add(sum, self.sum(element_tokens(tree, at, level)));
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
        let size = self.slots.len();
        let (mut sum, mut known) = (0_i32, 0_u32);
        for token in tokens {
            let mut at = slot(token, size);
            while self.slots[at].0 != 0 {
                if self.slots[at].0 == token {
                    sum += i32::from(self.slots[at].1);
                    known += 1;
                    break;
                }
                at = (at + 1) % size;
            }
        }
        (sum, known)
    }
}

/// A sum of weights, and of how many tokens.
type Sum = (i32, u32);

fn add(a: Sum, b: Sum) -> Sum {
    (a.0 + b.0, a.1 + b.1)
}

fn slot(token: Token, size: usize) -> usize {
    (token.wrapping_mul(0x9E37_79B1) >> 7) as usize & (size - 1)
}
