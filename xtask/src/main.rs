//! One tool for set-up, test, lint and bench.

fn main() {}
