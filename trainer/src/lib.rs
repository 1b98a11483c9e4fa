//! Sterna's trainer: data sets to integer networks.

pub mod data;
