//! Tests of the emitted text: golden files, lint, and equality with the interpreter.

mod golden;
mod manifest;
mod random;
mod testbench;
mod tools;
