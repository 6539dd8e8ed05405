//! Tests of the storage contract and of its SQLite implementation.
//!
//! `contract` asks only what [`store::Store`] promises, so that every implementation can run it.

#[cfg(test)]
mod contract;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod group;
#[cfg(test)]
mod sqlite_files;
#[cfg(test)]
mod sqlite_full;
