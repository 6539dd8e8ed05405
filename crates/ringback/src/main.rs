//! Ringback, the open callback server.

fn main() {}
