//! Boosted trees, all at once: of each tree the leaves that remain.
//!
//! A tree has a bit for each of its leaves, from left to right. A split whose feature is above its threshold takes the
//! leaves on its left away, and the first that remains of all is the leaf that the row falls in. So splits may come in
//! any order: here by feature and by threshold, up to the first threshold that the feature is not above. (Lucchese et
//! al., "QuickScorer", 2015.) A feature that is no number, or below all thresholds, counts as the least number. Leaves
//! are summed in the order of the trees, so that every machine has the same sums.

use std::ops::Range;

/// Rows that are scored together.
pub const LANES: usize = 16;
/// The most leaves of a tree.
pub const LEAVES: usize = 32;
/// The leaf that remains where no other does, so that one is found without a test.
const LAST: u32 = 1 << (LEAVES - 1);

/// A feature of some rows.
pub type Lanes = [f32; LANES];

/// Of each tree the leaves that remain by what rows share, in all of some rows, and in each: room to work in.
#[derive(Default)]
pub struct Room {
    shared: Vec<u32>,
    all: Vec<u32>,
    each: Vec<[u32; LANES]>,
}

/// A node of a tree that is read: children come after their parents, the right one next to the left one.
#[derive(Clone, Copy)]
pub enum Node {
    Leaf(f32),
    Split { threshold: f32, feature: u16, left: u16 },
}

#[derive(Clone, Copy)]
struct Split {
    threshold: f32,
    feature: u16,
    tree: u16,
    /// The leaves on the left.
    lost: u32,
}

pub struct Forest {
    splits: Vec<Split>,
    /// The features with splits, and the splits of each: those that rows share, and those of each row.
    shared: Vec<(usize, Range<usize>)>,
    own: Vec<(usize, Range<usize>)>,
    leaves: Vec<[f32; LEAVES]>,
    base: f32,
}

impl Forest {
    /// Trees over rows of features, some of which are `shared`: equal in all rows between two calls of `begin`. None if
    /// one is no tree, or has too many leaves.
    pub fn new(trees: &[Vec<Node>], shared: &[bool], base: f32) -> Option<Self> {
        let mut splits = Vec::new();
        let mut leaves = Vec::with_capacity(trees.len());
        for (tree, nodes) in (0..=u16::MAX).zip(trees) {
            leaves.push(flat(nodes, tree, shared.len(), &mut splits)?);
        }
        splits.sort_by(|a, b| a.feature.cmp(&b.feature).then(a.threshold.total_cmp(&b.threshold)));
        let mut start = 0;
        let features = splits.chunk_by(|a, b| a.feature == b.feature).map(|same| {
            start += same.len();
            (usize::from(same[0].feature), start - same.len()..start)
        });
        let (shared, own) = features.partition(|&(feature, _)| shared[feature]);
        Some(Forest { splits, shared, own, leaves, base })
    }

    /// Begin with rows that share features, here some of them. Without such features there is nothing to begin.
    pub fn begin(&self, rows: &[Lanes], room: &mut Room) {
        room.shared.clear();
        room.shared.resize(self.leaves.len(), u32::MAX);
        for (feature, splits) in &self.shared {
            let value = greater(rows[*feature][0], f32::MIN);
            for split in self.splits[splits.clone()].iter().take_while(|split| split.threshold < value) {
                room.shared[usize::from(split.tree)] &= !split.lost;
            }
        }
    }

    /// The sums of the leaves that some rows fall in.
    pub fn sums(&self, rows: &[Lanes], room: &mut Room) -> Lanes {
        let Room { shared, all, each } = room;
        shared.resize(self.leaves.len(), u32::MAX); // if nothing was begun
        all.clone_from(shared);
        each.clear();
        each.resize(self.leaves.len(), [u32::MAX; LANES]);
        for (feature, splits) in &self.own {
            let values = rows[*feature].map(|value| greater(value, f32::MIN));
            let (least, most) = (reduced(values, lesser), reduced(values, greater));
            let splits = &self.splits[splits.clone()];
            let mut below = 0;
            for split in splits.iter().take_while(|split| split.threshold < least) {
                all[usize::from(split.tree)] &= !split.lost;
                below += 1;
            }
            let between = splits[below..].iter().take_while(|split| split.threshold < most);
            for &Split { threshold, tree, lost, .. } in between {
                for (remaining, &value) in each[usize::from(tree)].iter_mut().zip(&values) {
                    *remaining &= !(lost & u32::from(value > threshold).wrapping_neg());
                }
            }
        }
        let mut sums = [self.base; LANES];
        for ((values, all), each) in self.leaves.iter().zip(all).zip(each) {
            for (sum, each) in sums.iter_mut().zip(each) {
                *sum += values[(*each & *all | LAST).trailing_zeros() as usize];
            }
        }
        sums
    }
}

#[inline]
fn lesser(a: f32, b: f32) -> f32 {
    if a < b {
        a
    } else {
        b
    }
}

/// The greater of two values; the second if the first is no number.
#[inline]
fn greater(a: f32, b: f32) -> f32 {
    if a > b {
        a
    } else {
        b
    }
}

/// One of some values, by halves.
#[inline]
fn reduced(mut values: Lanes, of: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for at in 0..half {
            values[at] = of(values[at], values[at + half]);
        }
        half /= 2;
    }
    values[0]
}

/// The leaves of a tree from left to right; its splits are added to others.
fn flat(nodes: &[Node], tree: u16, width: usize, splits: &mut Vec<Split>) -> Option<[f32; LEAVES]> {
    let mut under = vec![0_u32; nodes.len()]; // leaves at and below each node
    for at in (0..nodes.len()).rev() {
        under[at] = match nodes[at] {
            Node::Leaf(_) => 1,
            Node::Split { threshold, feature, left } => {
                let left = usize::from(left);
                if left <= at || left + 1 >= nodes.len() || usize::from(feature) >= width || threshold.is_nan() {
                    return None;
                }
                under[left].saturating_add(under[left + 1])
            }
        };
    }
    if under.first().is_none_or(|&all| all as usize > LEAVES) {
        return None;
    }
    let mut values = [0.0; LEAVES];
    let mut stack = vec![(0, 0)]; // nodes, and the number of leaves before them
    while let Some((at, before)) = stack.pop() {
        match nodes[at] {
            Node::Leaf(value) => values[before as usize] = value,
            Node::Split { threshold, feature, left } => {
                let left = usize::from(left);
                let lost = (u32::MAX >> (LEAVES as u32 - under[left])) << before;
                splits.push(Split { threshold, feature, tree, lost });
                stack.extend([(left, before), (left + 1, before + under[left])]);
            }
        }
    }
    Some(values)
}

/// The probability whose log-odds are a sum of leaves.
pub fn probability(sum: f32) -> f64 {
    1.0 / (1.0 + exp(-f64::from(sum)))
}

/// The exponential function, to about 1e-15, and the same everywhere.
pub fn exp(x: f64) -> f64 {
    let x = x.clamp(-700.0, 700.0);
    let k = (x * std::f64::consts::LOG2_E).round();
    let r = x - k * std::f64::consts::LN_2;
    let mut sum = 1.0;
    for n in (1..=13).rev() {
        sum = 1.0 + sum * r / f64::from(n);
    }
    sum * f64::from_bits(((k as i64 + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::{Forest, Lanes, Node, Room, LANES, LEAVES};

    const WIDTH: usize = 7;

    fn walk(tree: &[Node], row: impl Fn(usize) -> f32) -> f32 {
        let mut at = 0;
        loop {
            match tree[at] {
                Node::Leaf(value) => return value,
                Node::Split { threshold, feature, left } => {
                    let value = row(usize::from(feature));
                    let value = if value.is_nan() { f32::MIN } else { value.max(f32::MIN) };
                    at = usize::from(left) + usize::from(value > threshold);
                }
            }
        }
    }

    /// A tree of so many leaves, grown at random places.
    fn tree(leaves: usize, random: &mut impl FnMut(usize) -> usize) -> Vec<Node> {
        let mut nodes = vec![Node::Leaf(random(1000) as f32 / 7.0)];
        let mut growing = vec![0];
        while nodes.len() < 2 * leaves - 1 {
            let at = growing.swap_remove(random(growing.len()));
            // Children come after their parents, in any order of these.
            let (left, threshold) = (nodes.len(), [f32::INFINITY, f32::NEG_INFINITY, 0.0, 1.0, 1.5, 2.0][random(6)]);
            nodes[at] = Node::Split { threshold, feature: random(WIDTH) as u16, left: left as u16 };
            nodes.extend([0, 0].map(|_| Node::Leaf(random(1000) as f32 / 7.0 - 60.0)));
            growing.extend([left, left + 1]);
        }
        nodes
    }

    #[test]
    fn the_leaves_that_remain_are_those_that_a_walk_ends_in() {
        let mut state = 1_u64;
        let mut random = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % below
        };
        let values = [0.0, -0.0, 1.0, 1.25, 2.0, 3.0, -5.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        for _ in 0..300 {
            let count = random(20);
            let trees: Vec<Vec<Node>> = (0..count).map(|_| tree(1 + random(LEAVES), &mut random)).collect();
            let shared = [(); WIDTH].map(|()| random(2) == 0);
            let Some(forest) = Forest::new(&trees, &shared, 0.5) else { panic!("these are trees") };
            let mut room = Room::default();
            let mut lanes = |one: bool| {
                let first = values[random(values.len())];
                [(); LANES].map(|()| if one { first } else { values[random(values.len())] })
            };
            let rows: Vec<Lanes> = shared.iter().map(|&one| lanes(one)).collect();
            forest.begin(&rows, &mut room);
            let sums = forest.sums(&rows, &mut room);
            for (lane, sum) in sums.into_iter().enumerate() {
                let walked = trees.iter().fold(0.5, |sum, tree| sum + walk(tree, |feature| rows[feature][lane]));
                assert_eq!(sum.to_bits(), walked.to_bits());
            }
        }
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        let split = |left, feature, threshold| Node::Split { threshold, feature, left };
        let leaf = Node::Leaf(1.0);
        let mut random = |_| 0;
        let large = tree(LEAVES + 1, &mut random);
        for nodes in [
            vec![],
            vec![split(1, 0, 0.0), leaf],
            vec![split(0, 0, 0.0), leaf, leaf],
            vec![split(1, WIDTH as u16, 0.0), leaf, leaf],
            vec![split(1, 0, f32::NAN), leaf, leaf],
            large,
        ] {
            assert!(Forest::new(&[nodes], &[false; WIDTH], 0.0).is_none());
        }
    }
}
