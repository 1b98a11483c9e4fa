//! Tests of the emitted text: golden files, lint, and equality with the interpreter.

mod blocks;
mod copies;
mod generator;
mod golden;
mod images;
mod manifest;
mod matrices;
mod mutants;
mod package;
mod random;
mod scale;
mod testbench;
mod tools;
