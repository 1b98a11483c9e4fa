//! Tests of the trainer through its public interface.

mod equality;
mod errors;
mod gradients;
mod quantisers;
mod resume;
mod util;
