//! The minima of `a * x + b` modulo 2**32 over many x, for many (a, b) at once.
//!
//! With AVX-512 or AVX2 where the processor has it, else portably, with the same values. `unsafe` is here for the SIMD
//! loops.

/// Lanes of one AVX2 register; one of AVX-512 has twice as many.
const LANES: usize = 8;
/// Registers that are kept full of minima during one sweep over the x.
const REGISTERS: usize = 4;

/// Lower minima by all x. The three are slices of one length, that of the registers of a sweep.
#[cfg(target_arch = "x86_64")]
type Sweep = unsafe fn(&mut [u32], &[u32], &[u32], &[u32]);

/// Lower each of `minima` to the least `factors[i] * x + terms[i]` over all x. The three have the same length.
pub fn lower(minima: &mut [u32], factors: &[u32], terms: &[u32], xs: &[u32]) {
    let done = vectorised(minima, factors, terms, xs);
    portable(&mut minima[done..], &factors[done..], &terms[done..], xs);
}

fn portable(minima: &mut [u32], factors: &[u32], terms: &[u32], xs: &[u32]) {
    let functions = factors.chunks(LANES).zip(terms.chunks(LANES));
    for (minima, (factors, terms)) in minima.chunks_mut(LANES).zip(functions) {
        for &x in xs {
            for ((least, &a), &b) in minima.iter_mut().zip(factors).zip(terms) {
                *least = (*least).min(a.wrapping_mul(x).wrapping_add(b));
            }
        }
    }
}

/// Process as many as fill registers, and return their number.
#[cfg(target_arch = "x86_64")]
fn vectorised(minima: &mut [u32], factors: &[u32], terms: &[u32], xs: &[u32]) -> usize {
    let mut done = 0;
    let mut by = |width: usize, sweep: Sweep| {
        let functions = factors[done..].chunks_exact(width).zip(terms[done..].chunks_exact(width));
        for (minima, (factors, terms)) in minima[done..].chunks_exact_mut(width).zip(functions) {
            // SAFETY: each is called only where the processor has its instructions, with chunks of its width.
            unsafe { sweep(minima, factors, terms, xs) };
            done += width;
        }
    };
    if is_x86_feature_detected!("avx512f") {
        by(2 * LANES * REGISTERS, wide_sweep::<REGISTERS>);
    }
    if is_x86_feature_detected!("avx2") {
        by(LANES * REGISTERS, sweep::<REGISTERS>);
        by(LANES, sweep::<1>);
    }
    done
}

#[cfg(not(target_arch = "x86_64"))]
fn vectorised(_: &mut [u32], _: &[u32], _: &[u32], _: &[u32]) -> usize {
    0
}

/// As ``sweep``, with N registers of AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn wide_sweep<const N: usize>(minima: &mut [u32], factors: &[u32], terms: &[u32], xs: &[u32]) {
    use std::arch::x86_64::{
        __m512i, _mm512_add_epi32, _mm512_loadu_si512, _mm512_min_epu32, _mm512_mullo_epi32, _mm512_set1_epi32,
        _mm512_storeu_si512,
    };
    let load = |from: &[u32]| -> [__m512i; N] {
        // SAFETY: callers pass slices of N * 2 * LANES values.
        std::array::from_fn(|i| unsafe { _mm512_loadu_si512(from.as_ptr().add(i * 2 * LANES).cast()) })
    };
    let (a, b, mut least) = (load(factors), load(terms), load(minima));
    for &x in xs {
        let x = _mm512_set1_epi32(x as i32);
        for i in 0..N {
            least[i] = _mm512_min_epu32(least[i], _mm512_add_epi32(_mm512_mullo_epi32(a[i], x), b[i]));
        }
    }
    for (i, &register) in least.iter().enumerate() {
        // SAFETY: as above.
        unsafe { _mm512_storeu_si512(minima.as_mut_ptr().add(i * 2 * LANES).cast(), register) };
    }
}

/// One sweep over the x with N registers of minima. The three slices are N registers wide.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn sweep<const N: usize>(minima: &mut [u32], factors: &[u32], terms: &[u32], xs: &[u32]) {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_min_epu32, _mm256_mullo_epi32, _mm256_set1_epi32,
        _mm256_storeu_si256,
    };
    let load = |from: &[u32]| -> [__m256i; N] {
        // SAFETY: callers pass slices of N * LANES values.
        std::array::from_fn(|i| unsafe { _mm256_loadu_si256(from.as_ptr().add(i * LANES).cast()) })
    };
    let (a, b, mut least) = (load(factors), load(terms), load(minima));
    for &x in xs {
        let x = _mm256_set1_epi32(x as i32);
        for i in 0..N {
            least[i] = _mm256_min_epu32(least[i], _mm256_add_epi32(_mm256_mullo_epi32(a[i], x), b[i]));
        }
    }
    for (i, &register) in least.iter().enumerate() {
        // SAFETY: as above.
        unsafe { _mm256_storeu_si256(minima.as_mut_ptr().add(i * LANES).cast(), register) };
    }
}

#[cfg(test)]
mod tests {
    use super::{lower, portable};

    #[test]
    fn both_ways_give_the_same_values() {
        let number = |i: u32| i.wrapping_mul(0x9E37_79B9).rotate_left(i % 31) ^ 0x85EB_CA6B;
        for count in [0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 112, 9_000] {
            let factors: Vec<u32> = (0..count).map(|i| number(i) | 1).collect();
            let terms: Vec<u32> = (0..count).map(|i| number(i + 77_777)).collect();
            let xs: Vec<u32> = (0..57).map(|i| number(i * 31 + 5)).collect();
            let (mut one, mut other) = (vec![u32::MAX; count as usize], vec![u32::MAX; count as usize]);
            lower(&mut one, &factors, &terms, &xs);
            portable(&mut other, &factors, &terms, &xs);
            assert_eq!(one, other);
        }
    }
}
