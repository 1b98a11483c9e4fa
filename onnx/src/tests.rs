//! Models made by hand: read, turned into networks, and compared with their own meaning; and files that lie.

mod build;
mod computed;
mod golden;
mod hostile;
mod refused;
mod round_trip;
mod ternarise;
