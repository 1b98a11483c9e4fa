//! A window that slides over the rows and columns of an image: the geometry of convolutions and pools.

use serde::{Deserialize, Serialize};

use super::{MAX_ELEMENTS, MAX_PRODUCTS};

/// Where windows lie on an image. Elements are row-major over `[channels, height, width]`; pairs are height, then width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// `[channels, height, width]` of the image.
    pub input: [usize; 3],
    /// Size of a window.
    pub kernel: [usize; 2],
    /// Distance between windows.
    pub stride: [usize; 2],
    /// Rows and columns of zeros around the image, on each side.
    pub padding: [usize; 2],
}

impl Window {
    /// Elements of the image.
    pub fn elements(&self) -> usize {
        self.input.iter().product()
    }

    /// Windows along height and width, given that the window is [checked](Window::check).
    pub fn output(&self) -> [usize; 2] {
        let along = |axis: usize| {
            (self.input[axis + 1] + 2 * self.padding[axis] - self.kernel[axis]) / self.stride[axis] + 1
        };
        [along(0), along(1)]
    }

    /// Windows in all.
    pub fn positions(&self) -> usize {
        self.output().iter().product()
    }

    /// Calls `f(window, element)` for every window whose place `tap` (row, column) lies on the image; `element` is that of
    /// channel 0. Windows ascend.
    pub fn each(&self, tap: [usize; 2], mut f: impl FnMut(usize, usize)) {
        let [rows, columns] = [0, 1].map(|axis| self.reach(axis, tap[axis]));
        let (across, width) = (self.output()[1], self.input[2]);
        for row in rows {
            let y = row * self.stride[0] + tap[0] - self.padding[0];
            for column in columns.clone() {
                f(row * across + column, y * width + column * self.stride[1] + tap[1] - self.padding[1]);
            }
        }
    }

    /// Windows along `axis` whose place `tap` is no padding.
    fn reach(&self, axis: usize, tap: usize) -> std::ops::Range<usize> {
        let (size, stride, padding) = (self.input[axis + 1], self.stride[axis], self.padding[axis]);
        let first = padding.saturating_sub(tap).div_ceil(stride);
        let end = (size + padding).saturating_sub(tap).div_ceil(stride);
        first..end.min(self.output()[axis]).max(first)
    }

    /// Refuses a window that does not fit an image of `elements`, and one that makes more than `outputs` images of the
    /// largest size or takes more than a bounded number of operations, `fan_in` per output element.
    pub fn check(&self, elements: usize, outputs: usize, fan_in: usize) -> Result<(), String> {
        let product = |sizes: &[usize]| sizes.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        let [channels, height, width] = self.input;
        if product(&self.input) != Some(elements) || elements == 0 {
            return Err(format!("takes {channels} x {height} x {width} elements but gets {elements}"));
        }
        for (axis, name) in ["height", "width"].into_iter().enumerate() {
            let (size, kernel) = (self.input[axis + 1], self.kernel[axis]);
            let (stride, padding) = (self.stride[axis], self.padding[axis]);
            if padding >= kernel || kernel > MAX_ELEMENTS || kernel > size + 2 * padding {
                return Err(format!(
                    "a kernel of {name} {kernel} on {size} with padding {padding}; want the kernel above the \
                     padding and within the padded image"
                ));
            }
            if stride == 0 || stride > MAX_ELEMENTS {
                return Err(format!("a stride of {stride} along the {name}; want 1 to {MAX_ELEMENTS}"));
            }
        }
        let made = product(&[outputs, self.positions()]).filter(|&n| n <= MAX_ELEMENTS);
        let made = made
            .filter(|&n| n > 0)
            .ok_or_else(|| format!("{outputs} x {} outputs; want 1 to {MAX_ELEMENTS}", self.positions()))?;
        match product(&[made, fan_in]).filter(|&n| n <= MAX_PRODUCTS) {
            Some(_) => Ok(()),
            None => Err(format!("{made} outputs of {fan_in} inputs; want at most {MAX_PRODUCTS} products")),
        }
    }
}
