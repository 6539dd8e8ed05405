//! Tests of the sandbox from outside.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod hostile;
mod receivers;
mod values;

use std::sync::Arc;
use std::time::Instant;

use script::{Compiler, Error, Limits, Sandbox, Watch};
use serde_json::Value as Json;

/// Real time; tests of limits need it.
struct Stopwatch(Instant);

impl Watch for Stopwatch {
    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the time limit is measured in real time"
)]
fn stopwatch() -> Arc<Stopwatch> {
    Arc::new(Stopwatch(Instant::now()))
}

/// Evaluates sources one after the other in one sandbox; the last one is an expression.
fn evaluate(scripts: &[&str], expression: &str) -> Result<Json, Error> {
    let mut compiler = Compiler::new()?;
    let scripts: Vec<_> = scripts
        .iter()
        .map(|source| compiler.script(source))
        .collect();
    let expression = compiler.expression(expression);
    let program = Arc::new(compiler.finish());
    let mut sandbox = Sandbox::new(program, &Limits::default(), stopwatch(), 1)?;
    sandbox.begin(1_700_000_000_000);
    for script in scripts {
        sandbox.run(script)?;
    }
    sandbox.json(expression)
}
