//! What the numbers of a network stand for in its user's world. Nothing here changes what the network computes; it lets a
//! later command read other samples of the same kind, and name what comes out.

use serde::{Deserialize, Serialize};

use crate::{Error, Network, Result};

/// The task that a network was trained for. The default says nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Name of each class in order of its number; empty where the data knew numbers only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Name of each input element; empty where the data had none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// How measurements become input elements; `None` where the data held the integers themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
    /// SHA-256 of the file trained on, in which only the held-out samples are a test; `None` for a data set that comes
    /// with its own test samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Nothing of that file was held out: the test samples came from another.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
}

/// The linear map of measurements to 8-bit codes: `min` becomes 0, `max` becomes 255, values outside saturate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// Value of each element that becomes code 0.
    pub min: Vec<f64>,
    /// Value of each element that becomes code 255; not below `min`.
    pub max: Vec<f64>,
}

impl Task {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Task::default()
    }

    /// Refuses a task whose lengths do not fit `network`, or whose bounds are not finite and ordered.
    pub fn check(&self, network: &Network) -> Result<()> {
        let fits = |place: &str, have: usize, want: usize| match have == want {
            true => Ok(()),
            false => Err(Error::format(place, format!("{have} entries; the network has {want}"))),
        };
        if !self.classes.is_empty() {
            fits("task.classes", self.classes.len(), network.classes())?;
        }
        let elements = network.input.elements();
        if !self.features.is_empty() {
            fits("task.features", self.features.len(), elements)?;
        }
        let Some(scaling) = &self.scaling else { return Ok(()) };
        fits("task.scaling.min", scaling.min.len(), elements)?;
        fits("task.scaling.max", scaling.max.len(), elements)?;
        let ordered = |(min, max): (&f64, &f64)| min.is_finite() && max.is_finite() && min <= max;
        match scaling.min.iter().zip(&scaling.max).position(|pair| !ordered(pair)) {
            Some(i) => {
                let what = format!("{} to {}; want finite bounds in order", scaling.min[i], scaling.max[i]);
                Err(Error::format(format!("task.scaling, element {i}"), what))
            }
            None => Ok(()),
        }
    }
}

impl Scaling {
    /// Code of a finite value of an element, rounded half up; values outside the bounds become 0 or 255, and so does
    /// everything but the one value of an element that never changed in training.
    pub fn code(&self, element: usize, value: f64) -> u8 {
        let (min, max) = (self.min[element], self.max[element]);
        if value <= min {
            return 0;
        }
        if value >= max {
            return 255;
        }
        // Halves keep the difference of the largest floats finite.
        let share = (value / 2.0 - min / 2.0) / (max / 2.0 - min / 2.0);
        (share * 255.0 + 0.5).floor() as u8
    }

    /// Whether a value lies outside the bounds, so that its code saturates.
    pub fn saturates(&self, element: usize, value: f64) -> bool {
        value < self.min[element] || value > self.max[element]
    }

    /// Codes of one sample; as many values as there are elements.
    pub fn apply(&self, sample: &[f64]) -> Vec<u8> {
        assert_eq!(sample.len(), self.min.len(), "values of a sample");
        sample.iter().enumerate().map(|(element, &value)| self.code(element, value)).collect()
    }
}
