//! What several test files share.

pub mod designs;
pub mod random;
