//! Scripts that want everything: each ends in its limit, soon, and the sandbox lives on.

use std::sync::Arc;

use script::{Compiler, ErrorKind, Limits, Sandbox, Watch as _};
use serde_json::json;

use crate::stopwatch;

/// Runs a hostile script; gives how it ended and the milliseconds it took.
fn attack(source: &str) -> (Option<script::Error>, u64) {
    let mut compiler = Compiler::new().unwrap();
    let bad = compiler.script(source);
    let good = compiler.expression("6 * 7");
    let watch = stopwatch();
    let program = Arc::new(compiler.finish());
    let mut sandbox = Sandbox::new(
        program,
        &Limits::default(),
        Arc::<crate::Stopwatch>::clone(&watch),
        1,
    )
    .unwrap();
    sandbox.begin(0);
    // Loaded before: a script may leave no room for it.
    assert_eq!(sandbox.json(good).unwrap(), json!(42));
    let start = watch.elapsed_us();
    sandbox.begin(0);
    let ended = sandbox.run(bad).err();
    let took = (watch.elapsed_us() - start) / 1_000;
    sandbox.begin(0);
    assert_eq!(sandbox.json(good).unwrap(), json!(42), "after {source}");
    (ended, took)
}

#[test]
fn endless_work_ends_in_the_time_limit() {
    for source in [
        "while (true) {}",
        "for (;;) { try { while (true) {} } catch (e) {} }",
        "(function f() { try { f() } finally { f() } })()",
        "/(a+)+$/.test('a'.repeat(40) + 'b')",
        "new RegExp('(x+x+)+y').exec('x'.repeat(60))",
        "var a = []; for (;;) a.length = 0",
        "JSON.stringify({toJSON() { for (;;); }})",
        "var p = new Proxy({}, {get() { for (;;); }}); p.x",
        "[1, 2].sort(function () { for (;;); })",
        "Reflect.apply(Array.prototype.every, {length: 2 ** 52}, [x => x])",
        "new Array(1e9).forEach(x => x)",
        "new Array(1e9).map(x => x)",
        "new Array(1e9).includes(1)",
        "new Array(1e9).lastIndexOf(1)",
    ] {
        let (ended, took) = attack(source);
        assert_eq!(
            ended.as_ref().map(|error| error.kind),
            Some(ErrorKind::Time),
            "{source} {ended:?}"
        );
        assert!(took < 2_000, "{source} took {took} ms");
    }
}

#[test]
fn hunger_for_memory_ends_in_the_heap_limit() {
    for source in [
        "var a = []; for (;;) a.push(new Array(100).fill(a.length))",
        "var s = 'x'; for (;;) { s += s; s.charCodeAt(s.length - 1) }",
        "var b = []; for (;;) b.push(new Uint8Array(1 << 20))",
        "var q = [...new Array(1e9)]",
        "var a = []; a.length = 4e9; JSON.stringify(a)",
        "new Uint8Array(1 << 30)",
    ] {
        let (ended, took) = attack(source);
        let kind = ended.as_ref().map(|error| error.kind);
        let ended_well = matches!(
            kind,
            Some(ErrorKind::Memory | ErrorKind::Thrown | ErrorKind::Time)
        );
        assert!(ended_well, "{source} {ended:?}");
        assert!(took < 2_000, "{source} took {took} ms");
    }
}

#[test]
fn built_ins_without_interrupt_refuse_huge_work() {
    for source in [
        "new Array(1e9) + ''",
        "new Array(1e9).join()",
        "Array.prototype.join.call({length: 1e15})",
        "String(new Array(4e9))",
        "`${new Array(1e9)}`",
        "new Array(1e9).fill(0)",
        "new Array(1e9).indexOf(1)",
        "new Array(1e9).reverse()",
        "new Array(4e9).sort()",
        "[].concat(new Array(1e9), new Array(1e9))",
        "new Array(1e9).flat()",
        "new Array(1e9).copyWithin(5, 0)",
        "new Array(1e9).slice(5)",
        "new Array(1e9).unshift(5)",
        "Array.from({length: 1e9})",
        "'x'.repeat(2 ** 28)",
        "'x'.padEnd(2 ** 28)",
        "('a'.repeat(1e6)).indexOf('a'.repeat(5e5) + 'b')",
        "('a'.repeat(1e6)).split('a'.repeat(5e5) + 'b')",
        "BigInt('9'.repeat(1e6))",
        "(1n << 900000n).toString()",
        "1n << (1n << 62n)",
        "2n ** (2n ** 40n)",
    ] {
        let (ended, took) = attack(source);
        assert_eq!(
            ended.as_ref().map(|error| error.name.as_str()),
            Some("RangeError"),
            "{source} {ended:?}"
        );
        assert!(took < 300, "{source} took {took} ms");
    }
}

#[test]
fn deep_recursion_ends_in_the_stack_limit() {
    for source in [
        "(function f() { f() })()",
        "var a = []; for (var i = 0; i < 1e5; i++) a = [a]; JSON.stringify(a)",
        "JSON.parse('['.repeat(1e6))",
        "eval('('.repeat(1e6))",
        "new RegExp('('.repeat(1e5))",
    ] {
        let (ended, took) = attack(source);
        assert!(ended.is_some(), "{source}");
        assert!(took < 2_000, "{source} took {took} ms");
    }
}

#[test]
fn jobs_never_run() {
    let mut compiler = Compiler::new().unwrap();
    let start = compiler.script("var ran = 0; Promise.resolve().then(() => { ran = 1 }); (async () => { await 1; ran = 2 })()");
    let read = compiler.expression("ran");
    let mut sandbox = Sandbox::new(
        Arc::new(compiler.finish()),
        &Limits::default(),
        stopwatch(),
        1,
    )
    .unwrap();
    sandbox.begin(0);
    sandbox.run(start).unwrap();
    assert_eq!(sandbox.json(read).unwrap(), json!(0));
}
