//! The HTTP surface of Ringback: authentication, requests in, answers out.
#![forbid(unsafe_code)]
