//! Pages that mean harm end within their limits, with the standard event.

use std::fmt::Write as _;

use serde_json::json;
use vxml::{Document, Ending, Limits};

use crate::support::{document, page};

const LIMIT: &str = "error.com.ringback.limit";

fn ends_by_limit(content: &str) {
    let report = page(content).run();
    assert_eq!(report.error(), LIMIT, "{content}");
}

#[test]
fn endless_loops_of_the_page_end() {
    ends_by_limit("<form id='f'><block><goto next='#f'/></block></form>");
    ends_by_limit("<form><block name='b'><clear namelist='b'/></block></form>");
    ends_by_limit(
        "<form><block><throw event='a'/></block><catch event='a'><throw event='a'/></catch></form>",
    );
    ends_by_limit("<form><block name='b'><goto nextitem='b'/></block></form>");
    ends_by_limit(
        "<form><block><var name='a' expr='new Array(20000)'/><foreach item='x' array='a'><log>x</log></foreach></block></form>",
    );
}

#[test]
fn a_limit_is_an_event_that_a_page_can_handle() {
    let value = page("<form id='f'><block><goto next='#f'/></block></form><catch event='error.com.ringback'><exit expr='_event'/></catch>").value();
    assert_eq!(value, json!(LIMIT));
    // Going on all the same does not help.
    let report = page("<form id='f'><block><goto next='#f'/></block></form><catch event='error.com.ringback'><goto next='#f'/></catch>").run();
    assert_eq!(report.error(), LIMIT);
}

#[test]
fn endless_scripts_end() {
    for script in [
        "while (true) {}",
        "for (;;) { try { for (;;) {} } catch (e) {} }",
        "function f() { for (;;) {} } f()",
    ] {
        ends_by_limit(&format!(
            "<form><block><script>{script}</script></block></form>"
        ));
    }
    let value = page("<form><block><script>for (;;) {}</script></block><catch event='error.com.ringback'><exit expr='1 + 1'/></catch></form>").value();
    assert_eq!(value, json!(2));
}

#[test]
fn scripts_that_take_all_memory_end() {
    for script in [
        "var a = []; for (;;) a.push(new Array(1000))",
        "var s = 'x'; for (;;) s = s + s",
    ] {
        let report = page(&format!(
            "<form><block><script>{script}</script></block></form>"
        ))
        .run();
        assert!(
            [LIMIT, "error.semantic"].contains(&report.error()),
            "{script}: {:?}",
            report.ending
        );
    }
    assert_eq!(
        page("<form><block><script>function f() { return f() + 1 } f()</script></block></form>")
            .run()
            .error(),
        "error.semantic"
    );
}

#[test]
fn scripts_reach_nothing_but_their_page() {
    for name in [
        "require",
        "process",
        "fetch",
        "XMLHttpRequest",
        "std",
        "os",
        "WeakRef",
    ] {
        let value = page(&format!(
            "<form><block><exit expr='typeof {name}'/></block></form>"
        ))
        .value();
        assert_eq!(value, json!("undefined"), "{name}");
    }
    // What a script does to its own scopes hurts itself only.
    for script in [
        "$vxml.stack = null; $vxml.l = null",
        "Object.prototype.x = 1; Array.prototype.push = null",
        "delete $vxml.names; $vxml.n = 5",
    ] {
        let report = page(&format!(
            "<form><block><script>{script}</script></block><block><exit expr='1'/></block></form>"
        ))
        .run();
        assert!(
            matches!(
                report.ending,
                Ending::Exit { .. } | Ending::Error { .. } | Ending::End
            ),
            "{script}"
        );
    }
}

#[test]
fn deep_documents_are_refused() {
    let deep = |open: &str, close: &str, count: usize| {
        format!("{}{}", open.repeat(count), close.repeat(count))
    };
    let refused = |content: &str| {
        assert_eq!(page(content).run().error(), "error.badfetch");
    };
    refused(&format!(
        "<form><block>{}</block></form>",
        deep("<if cond='true'>", "</if>", 500)
    ));
    refused(&format!(
        "<form><block><prompt>{}</prompt></block></form>",
        deep("<p>", "</p>", 5_000)
    ));
    refused(&format!(
        "<form><field><grammar mode='dtmf' root='r'><rule id='r'>{}</rule></grammar></field></form>",
        deep("<item>", "</item>", 500)
    ));
}

#[test]
fn huge_documents_are_refused() {
    let content = format!(
        "<form><block><!-- {} --></block></form>",
        "x".repeat(2 << 20)
    );
    assert_eq!(page(&content).run().error(), "error.badfetch");
    let bomb = "<!DOCTYPE vxml [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]><vxml version='2.1'><form><block>&b;</block></form></vxml>";
    assert_eq!(document(bomb).run().error(), "error.badfetch");
}

#[test]
fn endless_subdialogs_and_pages_end() {
    let report = page("<form><subdialog name='s' src='#again'/></form><form id='again'><subdialog name='s' src='#again'/></form>").run();
    assert_eq!(report.error(), LIMIT);
    let report = page("<form><block><goto next='main.vxml?x'/></block></form>").run();
    assert_eq!(report.error(), LIMIT);
    assert!(report.requests.len() <= 500);
}

#[test]
fn grammars_that_multiply_end() {
    let nested =
        "<item repeat='0-999'><item repeat='0-999'><item repeat='0-999'>1</item></item></item>";
    let content = format!(
        "<form><field><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>{nested}</rule></grammar></field></form>"
    );
    assert_eq!(page(&content).run().error(), "error.badfetch");
    // Recursion on both sides: every key multiplies the ways.
    let rule = "<rule id='r'><one-of><item>1</item><item><ruleref uri='#r'/><ruleref uri='#r'/></item></one-of></rule>";
    let content = format!(
        "<form><field name='k'><grammar mode='dtmf' version='1.0' root='r'>{rule}</grammar><filled><exit expr='k'/></filled><catch event='nomatch noinput'><exit/></catch></field></form>"
    );
    let keys = "1".repeat(200);
    let report = page(&content).keys(&[&keys]).run();
    assert!(!report.events().is_empty() || matches!(report.ending, Ending::Exit { .. }));
}

#[test]
fn prompts_without_end_are_cut() {
    ends_by_limit(
        "<form><block><var name='a' expr='new Array(5000)'/><prompt><foreach item='x' array='a'>x<break time='1ms'/></foreach></prompt></block></form>",
    );
    let limits = Limits {
        prompts: 10,
        ..Limits::default()
    };
    let report = page("<form><block><var name='a' expr='new Array(20)'/><foreach item='x' array='a'>word</foreach></block></form>").limits(limits).run();
    assert_eq!(report.error(), LIMIT);
}

#[test]
fn keys_without_end_are_dropped() {
    let keys = "1".repeat(5_000);
    let report = page("<form><field name='k' type='digits'><filled><exit expr='k.length'/></filled></field></form>").keys(&[&keys]).run();
    assert!(
        matches!(report.ending, Ending::Exit { value: Some(_), .. }),
        "{:?}",
        report.ending
    );
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

const SEED: &str = "<vxml version='2.1'><property name='timeout' value='1s'/><var name='n' expr='0'/><script>function f(a) { n = n + a; return n }</script>\
    <link dtmf='*' event='help'/><catch event='noinput nomatch' count='2'><exit namelist='n'/></catch>\
    <menu id='m' dtmf='true'><prompt count='1'>one <enumerate/></prompt><choice next='#f'>a</choice><choice event='x.y'>b</choice></menu>\
    <form id='f'><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>1<item repeat='0-2'><one-of><item>2</item><item weight='2'>3<tag>out.a=1</tag></item></one-of></item></rule></grammar>\
    <field name='a' type='digits?minlength=1;maxlength=3'><prompt cond='n &lt; 5'>p<break time='1s'/></prompt><filled><assign name='n' expr='f(1)'/></filled></field>\
    <block><foreach item='i' array='[1,2]'><log expr='i'/></foreach><if cond='n == 1'>x<elseif cond='n'/>y<else/>z</if></block>\
    <subdialog name='s' src='#g'><param name='p' expr='n'/></subdialog><transfer name='t' dest='tel:1' type='bridge'/><record name='q'/><block><goto next='#m'/></block></form>\
    <form id='g'><var name='p'/><block><return namelist='p'/></block></form></vxml>";

fn mutated(random: &mut Random) -> String {
    let mut bytes = SEED.as_bytes().to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        let length = random.below(24).min(bytes.len() - at);
        match random.below(5) {
            0 => bytes[at] = u8::try_from(32 + random.below(95)).unwrap(),
            1 => drop(bytes.drain(at..at + length)),
            2 => {
                let part = bytes[at..at + length].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, part);
            }
            3 => {
                let words = [
                    "expr='",
                    "'#f'",
                    "<block>",
                    "</form>",
                    "count='9'",
                    "-",
                    "<exit/>",
                    "&lt;",
                    "nobody",
                    "<filled/>",
                ];
                let word = words[random.below(words.len())];
                bytes.splice(at..at, word.bytes());
            }
            _ => {
                let to = random.below(bytes.len());
                bytes.swap(at, to);
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn changed_pages_never_panic() {
    let mut random = Random(27);
    let mut read = 0;
    for _ in 0..3_000 {
        let text = mutated(&mut random);
        read += usize::from(Document::compile("http://h/x", &text).is_ok());
    }
    assert!(read > 100, "{read} pages could be read");
}

#[test]
fn changed_pages_run_without_a_panic() {
    let mut random = Random(28);
    for _ in 0..300 {
        let text = mutated(&mut random);
        let mut answers = Vec::new();
        for _ in 0..6 {
            let mut keys = String::new();
            for _ in 0..random.below(5) {
                keys.push(char::from(b"0123*#A "[random.below(8)]));
            }
            answers.push(if random.below(12) == 0 {
                "hangup".to_owned()
            } else {
                keys
            });
        }
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        let limits = Limits {
            steps: 500,
            ..Limits::default()
        };
        document(&text).keys(&answers).limits(limits).run();
    }
}

#[test]
fn changed_grammars_never_panic() {
    const GRAMMAR: &str = "<grammar mode='dtmf' version='1.0' root='r' tag-format='semantics/1.0'><rule id='r'>1 2<item repeat='0-3'><ruleref uri='#s'/></item><tag>out = rules.s</tag></rule><rule id='s' scope='public'><one-of><item>3</item><item weight='1'>4 <ruleref special='NULL'/></item></one-of><tag>'x'</tag></rule></grammar>";
    let mut random = Random(29);
    for _ in 0..3_000 {
        let mut bytes = GRAMMAR.as_bytes().to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            let length = random.below(20).min(bytes.len() - at);
            if random.below(2) == 0 {
                bytes[at] = u8::try_from(32 + random.below(95)).unwrap();
            } else {
                bytes.drain(at..at + length);
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        // Whether it can be read does not matter; that it comes back does.
        let _read = vxml::Grammar::compile(&text);
    }
}

#[test]
fn many_fields_and_handlers_are_no_problem() {
    let mut content = "<form>".to_owned();
    for field in 0..1_000 {
        // Writing to a String cannot fail.
        let _written = write!(content, "<block name='b{field}' cond='true'/>");
    }
    content.push_str("<block><exit expr='b999'/></block></form>");
    // On a busy machine the turns of a thread count, too.
    let mut limits = Limits::default();
    limits.script.time_us = 10_000_000;
    assert_eq!(page(&content).limits(limits).value(), json!(true));
}
