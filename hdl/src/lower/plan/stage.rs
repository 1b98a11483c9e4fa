//! What is planned: stages of units.

use std::collections::HashMap;

use sterna_ir::Range;

use crate::Options;
use crate::lower::digit_serial::DigitSerial;
use crate::lower::folded::Folded;
use crate::lower::maxima::Maxima;
use crate::lower::queue::{Buffer, Join};
use crate::lower::rows::Row;
use crate::lower::sums::Sums;
use crate::lower::table::Table;
use crate::lower::unrolled::Unrolled;
use crate::lower::windows::Windows;

/// A piece of a stage.
#[derive(Clone, Debug)]
pub enum Unit {
    /// The beats of an image are those of a vector from here on.
    Flatten,
    /// Many beats to one.
    Gather,
    /// A beat that stays while it is read.
    Hold,
    /// One beat to many of fewer lanes.
    Serialise {
        /// Lanes of a beat.
        from: usize,
        /// Lanes of each that becomes of it.
        to: usize,
    },
    /// Adder trees.
    Unrolled(Unrolled),
    /// Adders of digits.
    Serial(DigitSerial),
    /// Pixels to windows.
    Windows(Windows),
    /// The largest element of each channel.
    Maxima(Maxima),
    /// Pixels that wait.
    Buffer(Buffer),
    /// Two streams to one.
    Join(Join),
    /// Constants by position.
    Table(Table),
    /// Processing elements.
    Folded(Folded),
    /// Elements back in order.
    Restore,
    /// Arg max of a whole vector.
    ArgMaxVector,
    /// Arg max of a stream of elements.
    ArgMaxSerial,
}

/// A module of the design: units in order of the data.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Module name.
    pub name: String,
    /// Header lines.
    pub about: Vec<String>,
    /// First layer it computes.
    pub first: usize,
    /// Layer whose output leaves.
    pub layer: usize,
    /// Its pieces.
    pub units: Vec<Unit>,
}

/// The whole design before it is built.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Stages in order of the data.
    pub stages: Vec<Stage>,
    /// Elements per input beat.
    pub lanes: usize,
    /// Pixels of a sample that is an image, else 1.
    pub positions: usize,
}

impl Plan {
    /// Gives the queues room, in order of the data, for one pixel more than `most`.
    pub fn set_queues(&mut self, most: Vec<i64>) {
        let mut most = most.into_iter();
        for Stage { units, about, .. } in &mut self.stages {
            for unit in units {
                let Unit::Join(join) = unit else { continue };
                join.depth = most.next().expect("one for each queue") as usize + 1;
                about.push(format!("Of the earlier output up to {} pixels wait in a queue.", join.depth));
            }
        }
    }

    /// The streams that can wait in front of slow convolutions.
    pub fn buffers(&self) -> impl Iterator<Item = &Buffer> {
        self.stages.iter().flat_map(|stage| &stage.units).filter_map(|unit| match unit {
            Unit::Buffer(buffer) => Some(buffer),
            _ => None,
        })
    }

    /// Gives each of them room for so many rows, at most its image.
    pub fn set_rows(&mut self, rows: usize) {
        for unit in self.stages.iter_mut().flat_map(|stage| &mut stage.units) {
            if let Unit::Buffer(buffer) = unit {
                let [width, height] = buffer.image;
                // The address of a queue of one would have no bits.
                buffer.depth = if rows == 0 { 0 } else { (rows.min(height) * width).max(2) };
            }
        }
    }

    /// Takes from those that have room, in order of the data, what is more than the most that ever waited.
    pub fn trim_buffers(&mut self, most: Vec<i64>) {
        let mut most = most.into_iter();
        for Stage { units, about, .. } in &mut self.stages {
            for unit in units {
                let Unit::Buffer(buffer) = unit else { continue };
                if buffer.depth > 0 {
                    // One more is never full, so that the run stays the same.
                    let used = most.next().expect("one for each with room") as usize + 1;
                    buffer.depth = buffer.depth.min(used.max(2));
                    about.push(format!("Up to {} pixels wait in front of the windows.", buffer.depth));
                }
            }
        }
    }

    /// Searches for the sums of all stages with adder graphs; what takes time is left out of [`plan`].
    pub fn share(&mut self, options: &Options, known: &mut Searched) {
        for stage in &mut self.stages {
            for unit in &mut stage.units {
                let sums = match unit {
                    Unit::Unrolled(unit) => {
                        let key = (unit.rows.clone(), unit.thermometer, unit.x.clone());
                        let search =
                            || Sums::new(&unit.rows, unit.thermometer, |e| unit.x[e as usize], options);
                        unit.sums = known.entry(key).or_insert_with(search).clone();
                        &unit.sums
                    }
                    Unit::Serial(unit) => {
                        let key = (unit.rows.clone(), unit.thermometer, Vec::new());
                        unit.sums = known.entry(key).or_insert_with(|| unit.search(options)).clone();
                        &unit.sums
                    }
                    _ => continue,
                };
                stage.about.extend(sums.about());
            }
        }
    }
}

/// Sums found by rows, thermometer code and ranges, none where widths do not matter, all under the same options.
pub type Searched = HashMap<(Vec<Row>, bool, Vec<Range>), Sums>;

impl Stage {
    /// Cycles that a sample takes when the stages around never make this one wait.
    pub fn least_cycles(&self) -> u64 {
        let (mut windows, mut steps, mut each) = (1, 1, 1);
        for unit in &self.units {
            match unit {
                Unit::Windows(unit) => (windows, steps) = (unit.window.positions(), unit.steps()),
                Unit::Serial(unit) => each = each.max(unit.digits as usize),
                Unit::Serialise { from, to } => each = each.max(from.div_ceil(*to)),
                Unit::Folded(unit) => each = each.max(unit.schedule.cycles()),
                _ => {}
            }
        }
        (windows * each).max(steps) as u64
    }
}
