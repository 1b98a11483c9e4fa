//! Tests of the simulators, as one program.

mod common;
mod equal;
mod lanes;
mod verify;
mod waves;
