//! Sterna's trainer: data sets to integer networks.
