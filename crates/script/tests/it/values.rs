//! Values across the border, globals, functions and the handed-in clock.

use std::sync::{Arc, Mutex};

use script::{Argument, Compiler, ErrorKind, Limits, Sandbox, Unwatched};
use serde_json::json;

use crate::evaluate;

#[test]
fn expressions_give_json() {
    for (source, expected) in [
        ("1 + 2", json!(3)),
        ("{}", json!({})),
        (
            "{a: [1, 'x', null, undefined, true]}",
            json!({"a": [1, "x", null, null, true]}),
        ),
        ("undefined", json!(null)),
        ("function () {}", json!(null)),
        ("0.5", json!(0.5)),
        ("'\\u{1F600}'", json!("\u{1F600}")),
        ("1e300 * 1e300", json!(null)),
    ] {
        assert_eq!(evaluate(&[], source).unwrap(), expected, "{source}");
    }
}

#[test]
fn scripts_are_sloppy_global_code() {
    assert_eq!(
        evaluate(&["var a = 1; function f() { return a + b } b = 2"], "f()").unwrap(),
        json!(3)
    );
    assert_eq!(evaluate(&["eval('var x = 4')"], "x").unwrap(), json!(4));
}

#[test]
fn a_store_to_an_unknown_name_fails_when_strict() {
    let mut compiler = Compiler::new().unwrap();
    let strict = compiler.store("unknown", true);
    let sloppy = compiler.store("unknown", false);
    let read = compiler.expression("unknown");
    let mut sandbox = Sandbox::new(
        Arc::new(compiler.finish()),
        &Limits::default(),
        Arc::new(Unwatched),
        1,
    )
    .unwrap();
    let error = sandbox.apply(strict, &[Argument::Text("v")]).unwrap_err();
    assert_eq!(
        (error.kind, error.name.as_str()),
        (ErrorKind::Thrown, "ReferenceError")
    );
    sandbox.apply(sloppy, &[Argument::Text("v")]).unwrap();
    assert_eq!(sandbox.json(read).unwrap(), json!("v"));
}

#[test]
fn clock_and_randomness_are_handed_in() {
    assert_eq!(
        evaluate(&[], "Date.now()").unwrap(),
        json!(1_700_000_000_000_i64)
    );
    assert_eq!(
        evaluate(&[], "new Date().getTime()").unwrap(),
        json!(1_700_000_000_000_i64)
    );
    assert_eq!(evaluate(&[], "new Date(5).getTime()").unwrap(), json!(5));
    assert_eq!(
        evaluate(&[], "new Date() instanceof Date").unwrap(),
        json!(true)
    );
    let first = evaluate(&[], "[Math.random(), Math.random()]").unwrap();
    assert_eq!(
        first,
        evaluate(&[], "[Math.random(), Math.random()]").unwrap()
    );
    assert_ne!(first[0], first[1]);
}

#[test]
fn nothing_of_the_machine_is_reachable() {
    for name in [
        "require",
        "process",
        "std",
        "os",
        "performance",
        "Atomics",
        "SharedArrayBuffer",
        "setTimeout",
        "fetch",
        "print",
        "console",
        "navigator",
        "WeakRef",
        "FinalizationRegistry",
    ] {
        assert_eq!(
            evaluate(&[], &format!("typeof {name}")).unwrap(),
            json!("undefined"),
            "{name}"
        );
    }
}

#[test]
fn constants_cannot_be_changed_and_functions_of_the_host_are_called() {
    let mut compiler = Compiler::new().unwrap();
    let write = compiler.script("constant = 2; delete constant");
    let read = compiler.expression("constant");
    let call = compiler.expression("host({a: 1}, 'x')");
    let refuse = compiler.expression("host()");
    let mut sandbox = Sandbox::new(
        Arc::new(compiler.finish()),
        &Limits::default(),
        Arc::new(Unwatched),
        1,
    )
    .unwrap();
    sandbox.define("constant", &json!(1)).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let host = move |arguments: &[serde_json::Value]| {
        if arguments.is_empty() {
            return Err("nothing".to_owned());
        }
        sink.lock().unwrap().push(arguments.to_vec());
        Ok(json!(["back"]))
    };
    sandbox.define_function("host", Arc::new(host)).unwrap();
    sandbox.begin(0);
    sandbox.run(write).unwrap_or_default();
    assert_eq!(sandbox.json(read).unwrap(), json!(1));
    assert_eq!(sandbox.json(call).unwrap(), json!(["back"]));
    assert_eq!(
        *seen.lock().unwrap(),
        vec![vec![json!({"a": 1}), json!("x")]]
    );
    assert_eq!(sandbox.json(refuse).unwrap_err().name, "TypeError");
}

#[test]
fn a_sandbox_moves_between_threads() {
    let mut compiler = Compiler::new().unwrap();
    let count = compiler.expression("n = (typeof n === 'number' ? n : 0) + 1, n");
    let program = Arc::new(compiler.finish());
    let mut sandbox = Sandbox::new(program, &Limits::default(), Arc::new(Unwatched), 1).unwrap();
    for expected in 1..4 {
        let (value, back) = std::thread::spawn(move || (sandbox.json(count).unwrap(), sandbox))
            .join()
            .unwrap();
        sandbox = back;
        assert_eq!(value, json!(expected));
    }
}

#[test]
fn a_plain_sandbox_is_small() {
    let program = Arc::new(Compiler::new().unwrap().finish());
    let sandbox = Sandbox::new(program, &Limits::default(), Arc::new(Unwatched), 1).unwrap();
    let bytes = sandbox.heap_bytes();
    assert!(bytes < 256 << 10, "{bytes}");
}

#[test]
fn thrown_values_are_told_with_name_message_and_line() {
    let error = evaluate(&["var a;\n\nnone.thing = 1"], "1").unwrap_err();
    assert_eq!(
        (error.name.as_str(), error.line),
        ("ReferenceError", Some(3))
    );
    let error = evaluate(&["throw 'plain'"], "1").unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Thrown, "plain")
    );
}
