//! What several test files share.

pub mod cases;
pub mod designs;
pub mod random;
