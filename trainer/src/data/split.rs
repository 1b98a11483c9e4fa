//! Holding out samples for a test.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::npy::{Array, Values};
use super::own::Samples;
use super::{Error, Options};

/// Splits every class by the same share, chosen by the seed; samples keep their order.
pub(super) fn split(all: Samples, options: &Options) -> Result<(Samples, Samples), Error> {
    let share = options.test_fraction;
    if !(share > 0.0 && share < 1.0) {
        let (option, value) = ("test fraction".to_string(), share.to_string());
        return Err(Error::Option {
            option,
            value,
            fix: "give a number between 0 and 1, such as 0.2".into(),
        });
    }
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(options.seed);
    let mut test = vec![false; all.y.len()];
    for class in 0..=u8::MAX {
        let mut members: Vec<usize> = (0..all.y.len()).filter(|&i| all.y[i] == class).collect();
        members.shuffle(&mut rng);
        // At least one stays for training, else the class could not be learned.
        let count = ((members.len() as f64 * share).round() as usize).min(members.len().saturating_sub(1));
        members[..count].iter().for_each(|&i| test[i] = true);
    }
    Ok((select(&all, &test, false), select(&all, &test, true)))
}

/// The samples whose flag has the given value.
fn select(all: &Samples, flags: &[bool], value: bool) -> Samples {
    fn pick<T: Copy>(values: &[T], width: usize, rows: &[usize]) -> Vec<T> {
        rows.iter().flat_map(|&r| values[r * width..(r + 1) * width].iter().copied()).collect()
    }
    let rows: Vec<usize> = (0..flags.len()).filter(|&i| flags[i] == value).collect();
    let mut shape = all.x.shape.clone();
    shape[0] = rows.len();
    let width: usize = shape[1..].iter().product();
    let values = match &all.x.values {
        Values::Codes(codes) => Values::Codes(pick(codes, width, &rows)),
        Values::Reals(reals) => Values::Reals(pick(reals, width, &rows)),
    };
    Samples { x: Array { shape, values }, y: pick(&all.y, 1, &rows), place: all.place.clone() }
}
