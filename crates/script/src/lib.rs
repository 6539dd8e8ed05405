//! The ECMAScript sandbox: source is compiled once to byte code, evaluated in one runtime per session, within limits.
//!
//! For: conditions, expressions and scripts of documents that operators write. Not for: knowing
//! what such a document is; the packages above bring names, events and objects in as functions and
//! constants. Nothing else is reachable from a script: no file, no process, no network, no clock
//! and no randomness but what [`Sandbox::begin`] and the seed hand in.
//!
//! The main loop of a user:
//!
//! ```
//! use script::{Compiler, Limits, Sandbox, Unwatched};
//! use std::sync::Arc;
//!
//! let mut compiler = Compiler::new()?;
//! let sum = compiler.expression("1 + 2");
//! let program = Arc::new(compiler.finish());
//! let mut sandbox = Sandbox::new(program, &Limits::default(), Arc::new(Unwatched), 7)?;
//! sandbox.begin(0);
//! assert_eq!(sandbox.json(sum)?, serde_json::json!(3));
//! # Ok::<(), script::Error>(())
//! ```
//!
//! Invariants:
//! - Byte code comes from [`Compiler`] only; QuickJS does not verify it.
//! - A sandbox may move between threads and is used by one at a time.
//! - Built-ins that do not look at the interrupt refuse huge arguments with a `RangeError`
//!   (`bootstrap.js`); what slips through ends in the heap limit or in the hands of whoever owns
//!   the thread.
//! - Promise jobs never run.
#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod bytecode;
mod compiler;
mod convert;
mod error;
mod kept;
mod limits;
mod sandbox;

pub use self::compiler::{Base, Compiler, Program, Snippet};
pub use self::convert::{Argument, DEPTH_MAX};
pub use self::error::{Error, ErrorKind};
pub use self::limits::{Limits, ThreadTime, Unwatched, Watch};
pub use self::sandbox::{Handle, HostFunction, Sandbox};
