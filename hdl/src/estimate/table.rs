//! Cost of a truth table.

use std::collections::BTreeSet;

use crate::family::Family;

/// Look-up tables that a table of `inputs` bits needs: one where it fits, else one per different cofactor on as many inputs as
/// fit, joined by multiplexers, which iCE40 makes of tables too and the others have apart.
pub fn luts(inputs: u32, table: u64, family: Family) -> f64 {
    let (table, inputs) = without_unread(inputs, table);
    if inputs == 0 {
        return 0.0;
    }
    let fits = family.lut_inputs();
    if inputs <= fits {
        return 1.0;
    }
    let size = 1u32 << fits;
    let part = |i: u32| table >> (i * size) & ones(size);
    let parts: Vec<u64> = (0..1 << (inputs - fits)).map(part).collect();
    let distinct: BTreeSet<u64> =
        parts.iter().map(|p| (*p).min(!p & ones(size))).filter(|p| *p != 0).collect();
    let joins = if family == Family::Ice40 { parts.len() - 1 } else { 0 };
    (distinct.len() + joins) as f64
}

fn ones(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

/// The table over those inputs alone that make a difference, and their number.
fn without_unread(mut inputs: u32, mut table: u64) -> (u64, u32) {
    let mut k = 0;
    while k < inputs {
        let bit = |i: u32| table >> i & 1;
        let low = |j: u32| (j >> k << (k + 1)) | (j & ((1 << k) - 1));
        let half = 1u32 << (inputs - 1);
        if (0..half).all(|j| bit(low(j)) == bit(low(j) | 1 << k)) {
            table = (0..half).map(|j| bit(low(j)) << j).sum();
            inputs -= 1;
        } else {
            k += 1;
        }
    }
    (table, inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unread_inputs_cost_nothing() {
        // x1 of three inputs; x0 & x5 of six.
        assert_eq!(without_unread(3, 0b1100_1100), (0b10, 1));
        let and = (0..64u64).filter(|i| i & 33 == 33).map(|i| 1 << i).sum();
        assert_eq!(without_unread(6, and), (0b1000, 2));
        assert_eq!(luts(6, and, Family::Ice40), 1.0);
    }

    #[test]
    fn parity_of_six_takes_the_whole_table() {
        let parity = (0..64u64).filter(|i| i.count_ones() % 2 == 1).map(|i| 1 << i).sum();
        assert_eq!(luts(6, parity, Family::Xcup), 1.0);
        // The cofactors are one function and its inverse.
        assert_eq!(luts(6, parity, Family::Ecp5), 1.0);
        assert_eq!(luts(6, parity, Family::Ice40), 4.0);
    }
}
