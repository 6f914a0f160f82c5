//! How similar the lines of a text are, by histograms of their pairs of adjacent bytes.

pub const BINS: usize = 256;
pub const LINES: usize = 32;
const PAIR_FACTOR: u32 = 2_654_435_761;

type Histogram = [u32; BINS];

/// The histograms of the first long lines of a text.
#[derive(Default)]
pub struct Similar {
    lines: Vec<Histogram>,
}

impl Similar {
    pub fn clear(&mut self) {
        self.lines.clear();
    }

    pub fn add_line(&mut self, line: &[u8]) {
        if self.lines.len() == LINES {
            return;
        }
        let mut bins = [0; BINS];
        for pair in line.windows(2) {
            let pair = u32::from(pair[0]) << 8 | u32::from(pair[1]);
            bins[(pair.wrapping_mul(PAIR_FACTOR) >> 24) as usize] += 1;
        }
        self.lines.push(bins);
    }

    /// The least and the mean similarity of a line and all others, and of two adjacent lines; the least of the first
    /// lines and the rest.
    pub fn features(&self) -> [f64; 5] {
        let Some((first, rest)) = self.lines.split_first().filter(|(_, rest)| !rest.is_empty()) else {
            return [1.0; 5];
        };
        let mut whole = *first;
        for line in rest {
            add(&mut whole, line);
        }
        let all = product(&whole, &whole);
        let mut part = [0; BINS];
        let (mut in_part, mut part_in_all) = (0, 0);
        let (mut others, mut neighbours, mut parts) = (Least::default(), Least::default(), Least::default());
        for (at, line) in self.lines.iter().enumerate() {
            let (own, shared) = (product(line, line), product(line, &whole));
            others.add(cosine(shared - own, own, all + own - 2 * shared));
            if let Some(next) = self.lines.get(at + 1) {
                neighbours.add(cosine(product(line, next), own, product(next, next)));
                in_part += 2 * product(&part, line) + own;
                part_in_all += shared;
                add(&mut part, line);
                parts.add(cosine(part_in_all - in_part, in_part, all + in_part - 2 * part_in_all));
            }
        }
        [others.least, others.mean(), neighbours.least, neighbours.mean(), parts.least]
    }
}

/// The least and the sum of some values.
struct Least {
    least: f64,
    sum: f64,
    count: f64,
}

impl Default for Least {
    fn default() -> Self {
        Least { least: f64::INFINITY, sum: 0.0, count: 0.0 }
    }
}

impl Least {
    fn add(&mut self, value: f64) {
        self.least = if value < self.least { value } else { self.least };
        self.sum += value;
        self.count += 1.0;
    }

    fn mean(&self) -> f64 {
        self.sum / self.count
    }
}

fn add(sums: &mut Histogram, line: &Histogram) {
    for (sum, count) in sums.iter_mut().zip(line) {
        *sum += count;
    }
}

fn product(one: &Histogram, other: &Histogram) -> u64 {
    one.iter().zip(other).map(|(&a, &b)| u64::from(a) * u64::from(b)).sum()
}

/// The cosine of two histograms by their product and their squares; 0 if one is empty.
fn cosine(product: u64, one: u64, other: u64) -> f64 {
    if one == 0 || other == 0 {
        0.0
    } else {
        product as f64 / ((one as f64).sqrt() * (other as f64).sqrt())
    }
}
