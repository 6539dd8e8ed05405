//! Every built-in that counts to a length, with receivers and arguments that lie about it: each
//! call ends soon, whatever it ends with.

use std::sync::Arc;

use script::{Compiler, Limits, Sandbox, Watch as _};
use serde_json::Value;

use crate::stopwatch;

/// Longest time of one call, ms: far below the two seconds after which a thread counts as hung.
const SOON_MS: u64 = 1_500;

/// What a length may be: `n` counts how often it was asked for.
const LYING: &[&str] = &[
    "{get length() { return n++ ? 4e15 : 0; }}",
    "{get length() { return n++ ? 0 : 4e15; }}",
    "{length: {valueOf() { return n++ ? 4e15 : 0; }}}",
    "{length: {[Symbol.toPrimitive]() { return n++ ? 4e15 : 0; }}}",
    "{length: 4e15}",
    "{length: '4e15'}",
    "{length: Infinity}",
    "Object.create({get length() { return n++ ? 4e15 : 3; }})",
    "new Proxy([], {get(t, k) { return k === 'length' ? (n++ ? 4e15 : 0) : t[k]; }})",
    "new Proxy({length: 4e15}, {})",
    "Proxy.revocable([], {get(t, k) { return k === 'length' ? (n++ ? 4e15 : 0) : t[k]; }}).proxy",
    "Reflect.construct(Proxy, [[], {get(t, k) { return k === 'length' ? (n++ ? 4e15 : 0) : t[k]; }}])",
    "new Array(4e9)",
    "[new Array(4e9), new Array(4e9)]",
    "doubled",
    "Object.defineProperty(new Uint8Array(8), 'length', {get() { return n++ ? 4e15 : 0; }})",
    "Object.defineProperty(function () {}, 'length', {get() { return n++ ? 4e15 : 0; }})",
    "Object.defineProperty([1], Symbol.isConcatSpreadable, {get() { others.length = 4e9; return true; }}), others",
    "(Object.defineProperty(Number.prototype, 'length', {get() { return n++ ? 4e15 : 0; }}), 5)",
    "(function () { return arguments; })(new Array(4e9))",
    "new (class extends Array { get [0]() { this.length = 4e9; } })(3)",
    "long",
];

/// What may be given to it.
const GIVEN: &[&str] = &["", "x => x", "() => new Array(4e9)", "0, 0, hostile"];

/// Texts that are not what they were.
const TEXTS: &[&str] = &[
    "'a'.repeat(1e6)",
    "({toString() { return n++ ? 'a'.repeat(1e6) : 'a'; }})",
    "({toString() { return n++ ? 'a' : 'a'.repeat(1e6); }})",
    "({valueOf() { return 1; }, toString() { return 'a'.repeat(2e6); }})",
    "'a' + '\\u0316\\u0301'.repeat(3e5)",
];

/// What they are searched for, or filled up to.
const SOUGHT: &[&str] = &[
    "",
    "'a'.repeat(5e5) + 'b'",
    "({toString() { return 'a'.repeat(5e5) + 'b'; }})",
    "({get [Symbol.split]() { return n++ ? undefined : null; }, toString() { return 'a'.repeat(5e5) + 'b'; }})",
    "({get [Symbol.replace]() { return n++ ? undefined : null; }, toString() { return 'a'.repeat(5e5) + 'b'; }})",
    "({get [Symbol.match]() { return n++ ? undefined : false; }, toString() { return 'a'.repeat(5e5) + 'b'; }})",
    "({valueOf() { return n++ ? 2 ** 28 : 1; }}), 'ab'",
    "'a' + '\\u0316\\u0301'.repeat(3e5)",
    "/(a+)+$/",
];

const COUNT: &str = "var n = 0, others = [1], hostile = {length: 4e15};";

/// Arrays in arrays without an end.
const DOUBLED: &str =
    "var doubled = []; for (var i = 0; i < 60; i++) doubled = [doubled, doubled];";

/// The same long texts, again and again.
const LONG: &str =
    "var x = 'x'.repeat(2e6), long = new Array(9e4).fill(x + 'a').fill(x + 'b', 45000);";

fn sandbox(compiler: Compiler) -> (Sandbox, Arc<crate::Stopwatch>) {
    let watch = stopwatch();
    let program = Arc::new(compiler.finish());
    let limits = Limits {
        time_us: 20_000,
        ..Limits::default()
    };
    let sandbox = Sandbox::new(program, &limits, Arc::<crate::Stopwatch>::clone(&watch), 1);
    (sandbox.unwrap(), watch)
}

/// The functions that an object has now.
fn names(owner: &str) -> Vec<String> {
    let mut compiler = Compiler::new().unwrap();
    let source = format!(
        "(function (o) {{ return Object.getOwnPropertyNames(o).filter(function (k) {{ \
         return k !== 'constructor' && k !== 'length' && typeof Object.getOwnPropertyDescriptor(o, k).value === 'function'; \
         }}); }})({owner})"
    );
    let list = compiler.expression(&source);
    let (mut sandbox, _) = sandbox(compiler);
    sandbox.begin(0);
    let found = sandbox.json(list).unwrap();
    let found = found.as_array().unwrap().iter();
    found
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

/// Calls one built-in; the milliseconds that it took.
fn call(source: &str) -> u64 {
    let mut compiler = Compiler::new().unwrap();
    let mut setup = COUNT.to_owned();
    for (name, with) in [("doubled", DOUBLED), ("long", LONG)] {
        if source.contains(name) {
            setup.push_str(with);
        }
    }
    let setup = compiler.script(&setup);
    let call = compiler.script(source);
    let (mut sandbox, watch) = sandbox(compiler);
    sandbox.begin(0);
    sandbox.run(setup).unwrap();
    sandbox.begin(0);
    let begun = watch.elapsed_us();
    let _ended = sandbox.run(call);
    (watch.elapsed_us() - begun) / 1_000
}

/// Calls every function of an object with all of it.
fn every(owner: &str, receivers: &[&str], arguments: &[&str]) {
    let mut slow = Vec::new();
    for name in names(owner) {
        for receiver in receivers {
            for given in arguments {
                // Megabytes of text made a number ten thousand times between two looks at the clock.
                if *receiver == "long" && name.contains("ort") && given.contains('x') {
                    continue;
                }
                let source = format!("{owner}.{name}.call({receiver}, {given})");
                let took = call(&source);
                if took > SOON_MS {
                    slow.push(format!("{source}: {took} ms"));
                }
            }
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}

#[test]
fn arrays_do_not_believe_what_a_length_says_twice() {
    every("Array.prototype", LYING, GIVEN);
}

#[test]
fn those_that_make_arrays_do_not_either() {
    let mut slow = Vec::new();
    for owner in ["Array", "Uint8Array", "Object.getPrototypeOf(Uint8Array)"] {
        for name in ["from", "of"] {
            // Turning megabytes of text into numbers is long work, whatever the length says.
            for hostile in LYING.iter().filter(|receiver| **receiver != "long") {
                let source = format!("{owner}.{name}.call(Uint8Array, {hostile})");
                let plain = format!("Array.{name}({hostile})");
                for source in [source, plain] {
                    let took = call(&source);
                    if took > SOON_MS {
                        slow.push(format!("{source}: {took} ms"));
                    }
                }
            }
        }
    }
    for hostile in LYING.iter().filter(|receiver| **receiver != "long") {
        for source in [
            format!("new Uint8Array({hostile})"),
            format!("new Float64Array(8).set({hostile})"),
            format!("JSON.stringify({{}}, {hostile})"),
            format!("Math.max.apply(null, {hostile})"),
            format!("String.raw({{raw: {hostile}}})"),
            format!("[].concat({hostile})"),
            format!("[[{hostile}]].flat(Infinity)"),
        ] {
            let took = call(&source);
            if took > SOON_MS {
                slow.push(format!("{source}: {took} ms"));
            }
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}

#[test]
fn typed_arrays_are_as_long_as_their_memory() {
    let receivers = [
        "new Uint8Array(12e6)",
        "new Float64Array(1e6)",
        "new Uint8Array(new ArrayBuffer(8, {maxByteLength: 1e7}))",
        "{length: 4e15}",
        "Object.defineProperty(new Uint8Array(8), 'length', {get() { return n++ ? 4e15 : 0; }})",
    ];
    let given = ["", "x => x", "hostile", "0, 0, hostile", "5"];
    every(
        "Object.getPrototypeOf(Uint8Array).prototype",
        &receivers,
        &given,
    );
}

#[test]
fn texts_are_read_once() {
    every("String.prototype", TEXTS, SOUGHT);
}

/// Expressions and their texts.
const SAME: &[(&str, &str)] = &[
    ("[3, 1, 2].sort().join()", "1,2,3"),
    ("[3, 10, 2, , undefined].sort()", "10,2,3,,"),
    ("[3, 10, 2].sort((a, b) => a - b)", "2,3,10"),
    ("[{toString() { return 'b'; }}, 'a'].sort()", "a,b"),
    ("Object.keys([3, , 1].sort())", "0,1"),
    ("[2, 1].toSorted()", "1,2"),
    (
        "(function () { return Array.prototype.slice.call(arguments, 1); })(1, 2, 3)",
        "2,3",
    ),
    ("Array.prototype.map.call('abc', x => x + x)", "aa,bb,cc"),
    (
        "Array.prototype.join.call({length: 2, 0: 'a', 1: 'b'}, '-')",
        "a-b",
    ),
    (
        "(o => (Array.prototype.reverse.call(o) === o) + o[0] + o[1])({length: 2, 0: 'a', 1: 'b'})",
        "trueba",
    ),
    (
        "(o => { Array.prototype.splice.call(o, 0, 1); return o.length + o[0]; })({length: 2, 0: 'a', 1: 'b'})",
        "1b",
    ),
    (
        "(o => { Array.prototype.sort.call(o); return o[0] + o[1]; })({length: 2, 0: 'b', 1: 'a'})",
        "ab",
    ),
    ("[1, [2, [3, [4]]]].flat().length", "3"),
    ("[1, [2, [3, [4]]]].flat(Infinity)", "1,2,3,4"),
    ("[1, 2].flatMap(x => [x, [x]]).length", "4"),
    ("[1].concat(2, [3, 4], {length: 1, 0: 5}).length", "5"),
    ("[1, , 2].concat([, 3]).length", "5"),
    (
        "[1].concat({length: 1, 0: 5, [Symbol.isConcatSpreadable]: true})",
        "1,5",
    ),
    (
        "new (class extends Array {})(1, 2).concat(3).constructor.name.length",
        "0",
    ),
    ("Array.from({length: 2}, (_, i) => i * 2)", "0,2"),
    ("Array.from(new Set([1, 2]))", "1,2"),
    ("[...'ab'].toString()", "a,b"),
    ("Array.prototype.toString.call({})", "[object Object]"),
    ("'a-b-c'.split('-')", "a,b,c"),
    ("'a1b2'.split(/\\d/)", "a,b,"),
    ("'abc'.split()", "abc"),
    ("'aXbX'.replace('X', '-')", "a-bX"),
    ("'aXbX'.replaceAll('X', '-')", "a-b-"),
    ("'aXbX'.replace(/X/g, m => m + m)", "aXXbXX"),
    ("'aXbX'.replaceAll(/X/g, '-')", "a-b-"),
    ("'null'.indexOf(null)", "0"),
    ("'abcabc'.lastIndexOf('b')", "4"),
    ("'ab'.includes('b')", "true"),
    ("'5'.padStart('3', '0') + 'ab'.repeat(2)", "005abab"),
    ("'e\\u0301'.normalize().length", "1"),
    ("'a'.localeCompare('b')", "-1"),
    ("JSON.stringify({a: 1, b: 2}, ['b'])", "{\"b\":2}"),
    ("new Proxy({a: 1}, {get(t, k) { return t[k] + 1; }}).a", "2"),
    ("typeof new Proxy(function () {}, {})", "function"),
    (
        "(p => { p.revoke(); try { p.proxy.x; } catch (e) { return e.name; } })(Proxy.revocable({}, {}))",
        "TypeError",
    ),
    ("String.raw`a${1}\\n`", "a1\\n"),
    (
        "'a1'.match(/\\d/)[0] + 'a1'.search('1') + 'a1'.match('1').index",
        "111",
    ),
    ("[...'a1b2'.matchAll(/\\d/g)].length", "2"),
    ("new Uint8Array([3, 1, 2]).sort().join('')", "123"),
];

/// What is a `TypeError`.
const WRONG: &[&str] = &[
    "Array.prototype.map.call(null, x => x)",
    "Array.prototype.sort.call(undefined)",
    "String.prototype.indexOf.call(null, 'a')",
    "'a'.includes(/a/)",
    "'a'.replaceAll(/a/, 'b')",
    "Proxy({}, {})",
    "'a'.matchAll(/a/)",
];

#[test]
fn built_ins_do_what_they_always_did() {
    let mut compiler = Compiler::new().unwrap();
    let same: Vec<_> = SAME
        .iter()
        .map(|(source, text)| {
            let snippet = compiler.expression(&format!("String({source})"));
            (source, snippet, *text)
        })
        .collect();
    let wrong: Vec<_> = WRONG
        .iter()
        .map(|source| (source, compiler.expression(source)))
        .collect();
    let (mut sandbox, _) = sandbox(compiler);
    for (source, snippet, text) in same {
        sandbox.begin(0);
        assert_eq!(sandbox.json(snippet), Ok(Value::from(text)), "{source}");
    }
    for (source, snippet) in wrong {
        sandbox.begin(0);
        let error = sandbox.json(snippet).unwrap_err();
        assert_eq!(error.name, "TypeError", "{source}");
    }
}
