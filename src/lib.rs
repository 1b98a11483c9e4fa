//! Sterna: sparse ternary networks for FPGAs.
pub use sterna_hdl as hdl;
pub use sterna_ir as ir;
pub use sterna_sim as sim;
pub use sterna_trainer as trainer;
