//! Random changes of training images: shifts, turns, mirror images.

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::config::{Augment, Config};
use crate::data::Dataset;
use crate::{Error, Result};

/// How the images of a data set are changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Changes {
    augment: Augment,
    height: usize,
    width: usize,
    /// What an empty place shows.
    empty: u8,
}

impl Changes {
    /// `None` when nothing is to be changed; an error when there is, but samples are no images (`[height, width]` or
    /// `[channels, height, width]`).
    pub fn new(config: &Config, dataset: &Dataset) -> Result<Option<Self>> {
        if config.augment == Augment::default() {
            return Ok(None);
        }
        let (height, width) = match dataset.shape[..] {
            [height, width] | [_, height, width] => (height, width),
            _ => {
                let what = format!("samples of shape {:?} are no images; leave it out", dataset.shape);
                return Err(Error::config("augment", what));
            }
        };
        let empty = dataset.range.lo as u8;
        Ok(Some(Changes { augment: config.augment, height, width, empty }))
    }

    /// Writes a changed `image` to `out`. All channels change alike.
    pub fn apply(&self, image: &[u8], rng: &mut Xoshiro256PlusPlus, out: &mut [u8]) {
        let Augment { shift, rotate, flip } = self.augment;
        let most = shift as i64;
        let (dy, dx) = (rng.random_range(-most..=most), rng.random_range(-most..=most));
        let angle = (rng.random::<f64>() * 2.0 - 1.0) * rotate.to_radians();
        let mirror = flip && rng.random::<bool>();
        let (sin, cos) = angle.sin_cos();
        let middle = ((self.height as f64 - 1.0) / 2.0, (self.width as f64 - 1.0) / 2.0);
        let size = self.height * self.width;
        for (image, out) in image.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
            for (y, out) in (0..).zip(out.chunks_exact_mut(self.width)) {
                for (x, o) in (0..).zip(out) {
                    let x = if mirror { self.width as i64 - 1 - x } else { x };
                    // Where the pixel comes from: back by the shift, then by the turn.
                    let (y, x) = (y - dy, x - dx);
                    if rotate == 0.0 {
                        *o = self.pixel(image, y, x);
                        continue;
                    }
                    let (v, u) = (y as f64 - middle.0, x as f64 - middle.1);
                    let (from_y, from_x) = (cos * v - sin * u + middle.0, sin * v + cos * u + middle.1);
                    *o = self.sample(image, from_y, from_x);
                }
            }
        }
    }

    fn pixel(&self, image: &[u8], y: i64, x: i64) -> u8 {
        let inside = (0..self.height as i64).contains(&y) && (0..self.width as i64).contains(&x);
        if inside { image[y as usize * self.width + x as usize] } else { self.empty }
    }

    /// Bilinear interpolation.
    fn sample(&self, image: &[u8], y: f64, x: f64) -> u8 {
        let (top, left) = (y.floor(), x.floor());
        let (down, right) = (y - top, x - left);
        let pixel = |y: f64, x: f64| f64::from(self.pixel(image, y as i64, x as i64));
        let row = |y: f64| {
            let first = pixel(y, left) * (1.0 - right);
            if right > 0.0 { first + pixel(y, left + 1.0) * right } else { first }
        };
        let value = if down > 0.0 { row(top) * (1.0 - down) + row(top + 1.0) * down } else { row(top) };
        value.round() as u8
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn changed(augment: Augment, image: &[u8], seed: u64) -> Vec<u8> {
        let changes = Changes { augment, height: 4, width: 3, empty: 0 };
        let mut out = vec![9; image.len()];
        changes.apply(image, &mut Xoshiro256PlusPlus::seed_from_u64(seed), &mut out);
        out
    }

    #[test]
    fn shifts_move_every_pixel_alike() {
        let image: Vec<u8> = (1..=12).collect();
        for seed in 0..50 {
            let out = changed(Augment { shift: 1, ..Augment::default() }, &image, seed);
            let moved = |dy: i64, dx: i64| -> Vec<u8> {
                let from = |at: i64| {
                    let (y, x) = (at / 3 - dy, at % 3 - dx);
                    if (0..4).contains(&y) && (0..3).contains(&x) { image[(y * 3 + x) as usize] } else { 0 }
                };
                (0..12).map(from).collect()
            };
            assert!((-1..=1).any(|dy| (-1..=1).any(|dx| moved(dy, dx) == out)), "{out:?}");
        }
    }

    #[test]
    fn mirror_images_and_channels_go_together() {
        let image: Vec<u8> = (1..=24).collect();
        let mirror: Vec<u8> = image.chunks(3).flat_map(|r| r.iter().rev().copied()).collect();
        let seen: Vec<Vec<u8>> =
            (0..20).map(|s| changed(Augment { flip: true, ..Augment::default() }, &image, s)).collect();
        assert!(seen.iter().all(|o| *o == image || *o == mirror));
        assert!(seen.contains(&image) && seen.contains(&mirror));
    }

    #[test]
    fn turns_keep_a_disc_and_move_a_corner() {
        let changes = Changes {
            augment: Augment { rotate: 90.0, ..Augment::default() },
            height: 9,
            width: 9,
            empty: 0,
        };
        let disc: Vec<u8> =
            (0..81i32).map(|i| u8::from((i / 9 - 4).pow(2) + (i % 9 - 4).pow(2) <= 4) * 200).collect();
        let mut corner = vec![0u8; 81];
        corner[9 + 1] = 200;
        let mut moved = 0;
        for seed in 0..20 {
            let turn = |image: &[u8]| {
                let mut out = vec![0; 81];
                changes.apply(image, &mut Xoshiro256PlusPlus::seed_from_u64(seed), &mut out);
                out
            };
            let out = turn(&disc);
            assert!(out[40] == 200 && out[0] == 0 && out[41] == 200, "the middle stays");
            moved += usize::from(turn(&corner)[10] < 100);
        }
        assert!(moved > 10, "{moved} of 20 turns moved the corner");
    }
}
