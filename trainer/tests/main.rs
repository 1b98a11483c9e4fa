//! Tests of the trainer through its public interface.

mod budget;
mod equality;
mod errors;
mod gradients;
mod images;
mod levers;
mod quantisers;
mod resume;
mod util;
