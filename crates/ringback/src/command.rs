//! The commands.
pub(crate) mod bench;
pub(crate) mod carrier;
pub(crate) mod demo;
