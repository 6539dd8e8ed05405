//! Variables, scopes and executable content.

use serde_json::json;

use crate::support::{document, page, vxml};

/// V2.0 5.1.2: names are looked up from the innermost scope outwards.
#[test]
fn inner_variables_hide_outer_ones() {
    let value = page("<var name='x' expr=\"'document'\"/><form><var name='x' expr=\"'dialog'\"/><block><var name='x' expr=\"'block'\"/><exit expr='[x, dialog.x, document.x, application.x]'/></block></form>").value();
    assert_eq!(value, json!(["block", "dialog", "document", "document"]));
}

/// V2.0 5.1.2: variables of a block end with it.
#[test]
fn variables_of_a_block_end_with_it() {
    let value = page("<form><block><var name='x' expr='1'/></block><block><exit expr='typeof x'/></block></form>").value();
    assert_eq!(value, json!("undefined"));
}

/// V2.0 5.3.2: an assignment goes to the nearest scope that declares the name.
#[test]
fn an_assignment_goes_to_the_nearest_scope() {
    let value = page("<var name='x' expr='1'/><form><block><assign name='x' expr='2'/></block><block><var name='x' expr='3'/><assign name='x' expr='4'/></block><block><exit expr='x'/></block></form>").value();
    assert_eq!(value, json!(2));
}

/// V2.0 5.3.2: an assignment may name its scope; the variable must be there.
#[test]
fn an_assignment_may_name_its_scope() {
    let value = page("<var name='x' expr='1'/><form><var name='x' expr='2'/><block><assign name='document.x' expr='7'/><exit expr='[x, document.x]'/></block></form>").value();
    assert_eq!(value, json!([2, 7]));
    assert_eq!(
        page("<form><block><assign name='dialog.y' expr='7'/></block></form>")
            .run()
            .error(),
        "error.semantic"
    );
}

/// V2.0 5.3.2: properties of an object need no declaration.
#[test]
fn properties_of_objects_can_be_assigned() {
    let value = page("<form><block><var name='o' expr='new Object()'/><assign name='o.a' expr='1'/><assign name=\"o['b']\" expr='2'/><exit expr='o'/></block></form>").value();
    assert_eq!(value, json!({"a": 1, "b": 2}));
}

/// V2.0 5.1.4: session variables are read-only.
#[test]
fn session_variables_are_read_only() {
    let check = |content: &str| {
        let call = page(&format!(
            "<form><block>{content}<exit expr='session.connection.local.uri'/></block></form>"
        ));
        call.session(json!({"connection": {"local": {"uri": "sip:a"}}}))
    };
    assert_eq!(check("").value(), json!("sip:a"));
    assert_eq!(
        check("<assign name='session.connection' expr='1'/>")
            .run()
            .error(),
        "error.semantic"
    );
    assert_eq!(
        check("<script>session.connection.local.uri = 'x'</script>").value(),
        json!("sip:a")
    );
}

/// V2.0 5.1.5: `application.lastresult$` tells the last input.
#[test]
fn the_last_result_is_known() {
    let value = page("<form><field name='k' type='digits?length=2'><filled><exit expr=\"[application.lastresult$.utterance, lastresult$[0].inputmode, lastresult$.confidence, lastresult$.interpretation]\"/></filled></field></form>").keys(&["12"]).value();
    assert_eq!(value, json!(["12", "dtmf", 1, "12"]));
}

/// V2.0 5.3.12: a script's variables and functions belong to the scope it stands in.
#[test]
fn scripts_declare_in_their_scope() {
    let value = page("<script>var base = 10; function add(n) { base = base + n; return base; }</script><form><script>var local = add(1);</script><block><script>var inner = local + 1</script><exit expr='[base, document.add(1), dialog.local, inner, document.base]'/></block></form>").value();
    assert_eq!(value, json!([11, 12, 11, 12, 12]));
}

/// V2.0 5.3.12: a script may come from a file, by a fixed or a computed address.
#[test]
fn scripts_come_from_files() {
    for script in [
        "<script src='lib.js'/>",
        "<script srcexpr=\"'li' + 'b.js'\"/>",
    ] {
        let value = page(&format!(
            "{script}<form><block><exit expr='twice(21)'/></block></form>"
        ))
        .file("lib.js", "function twice(n) { return 2 * n; }")
        .value();
        assert_eq!(value, json!(42), "{script}");
    }
}

/// V2.0 5.3.4: `if`, `elseif` and `else` choose one branch.
#[test]
fn conditions_choose_one_branch() {
    for (n, expected) in [(1, "a"), (2, "b"), (3, "c")] {
        let value = page(&format!("<form><block><var name='n' expr='{n}'/><if cond='n == 1'><exit expr=\"'a'\"/><elseif cond='n == 2'/><exit expr=\"'b'\"/><else/><exit expr=\"'c'\"/></if></block></form>")).value();
        assert_eq!(value, json!(expected));
    }
}

/// V2.1 6: `foreach` runs its content for each element of a copy of the array.
#[test]
fn foreach_runs_for_each_element() {
    let value = page("<form><block><var name='a' expr='[1,2,3]'/><var name='s' expr='0'/><foreach item='n' array='a'><assign name='s' expr='s+n'/><script>a.push(9)</script></foreach><exit expr='s'/></block></form>").value();
    assert_eq!(value, json!(6));
}

/// V2.1 6: `foreach` in a prompt says each element.
#[test]
fn foreach_in_a_prompt_says_each_element() {
    let report = page("<form><block><var name='a' expr=\"['x','y']\"/><prompt><foreach item='n' array='a'>item <value expr='n'/><break time='20ms'/></foreach></prompt></block></form>").run();
    assert_eq!(
        report.prompts(),
        ["item x [silence 20 ms] item y [silence 20 ms]"]
    );
}

/// V2.0 5.3.13: `log` tells label, expression and content.
#[test]
fn log_tells() {
    let report = page(
        "<form><block><log label='l' expr='1+1'/><log>n is <value expr='3'/></log></block></form>",
    )
    .run();
    assert_eq!(report.logs(), ["2", "n is 3"]);
}

/// V2.0 5.1.2: variables of the root are those of the application for all its pages.
#[test]
fn the_root_holds_the_application() {
    let root = vxml("<var name='shared' expr='1'/>");
    let second = "<vxml version='2.1' application='root.vxml'><form><block><exit expr='shared'/></block></form></vxml>";
    let first = "<vxml version='2.1' application='root.vxml'><form><block><assign name='application.shared' expr='shared + 1'/><goto next='second.vxml'/></block></form></vxml>";
    let call = document(first)
        .file("root.vxml", &root)
        .file("second.vxml", second);
    assert_eq!(call.value(), json!(2));
}

/// V2.0 1.5.2: another application, or none, begins with fresh variables.
#[test]
fn another_application_begins_anew() {
    let root = vxml("<var name='shared' expr='1'/>");
    let first = "<vxml version='2.1' application='root.vxml'><form><block><assign name='shared' expr='5'/><goto next='alone.vxml'/></block></form></vxml>";
    let alone = vxml("<form><block><exit expr='typeof shared'/></block></form>");
    let call = document(first)
        .file("root.vxml", &root)
        .file("alone.vxml", &alone);
    assert_eq!(call.value(), json!("undefined"));
}

/// V2.0 1.5.2: handlers, properties and links of the root hold for all its pages.
#[test]
fn handlers_of_the_root_hold() {
    let root = vxml("<catch event='e'><exit expr=\"'root'\"/></catch>");
    let leaf = "<vxml version='2.1' application='root.vxml'><form><block><throw event='e'/></block></form></vxml>";
    assert_eq!(
        document(leaf).file("root.vxml", &root).value(),
        json!("root")
    );
}

/// R 6: an attribute's object literal needs no brackets.
#[test]
fn an_object_literal_needs_no_brackets() {
    assert_eq!(
        page("<form><block><exit expr=\"{a: 1}\"/></block></form>").value(),
        json!({"a": 1})
    );
}

/// R 6: functions and cycles of an object stay behind.
#[test]
fn functions_and_cycles_stay_behind() {
    let value = page("<form><block><var name='o' expr='{a: 1, f: function () {}}'/><script>o.o = o; o.list = [o, 2]</script><exit namelist='o'/></block></form>").value();
    assert_eq!(value, json!({"o": {"a": 1, "list": [null, 2]}}));
}

/// V2.0 5.3.1: `var` without `expr` keeps the value that the variable has.
#[test]
fn var_without_a_value_keeps_it() {
    let value = page("<form><block><var name='a' expr='1'/><var name='a'/><var name='b'/><exit expr='[a, typeof b]'/></block></form>").value();
    assert_eq!(value, json!([1, "undefined"]));
    let value = page("<form><block><var name='a' expr='1'/><var name='a' expr='undefined'/><exit expr='typeof a'/></block></form>").value();
    assert_eq!(value, json!("undefined"));
}

/// V2.0 5.1: names with a scope and reserved words are no names for a variable.
#[test]
fn names_of_variables() {
    for name in ["dialog.x", "if", "a-b", "1a"] {
        let report = page(&format!("<form><block><var name='{name}'/></block></form>")).run();
        assert_eq!(report.error(), "error.semantic", "{name}");
    }
}

/// V2.0 5.1.3: a variable may be named with its scope.
#[test]
fn a_variable_may_be_named_with_its_scope() {
    let value = page("<var name='a' expr=\"'document'\"/><form><var name='a' expr=\"'dialog'\"/><block><var name='a' expr=\"'block'\"/><exit expr='[a, dialog.a, document.a, application.a]'/></block></form>").value();
    assert_eq!(value, json!(["block", "dialog", "document", "document"]));
}

/// V2.0 5.1.5: before any input `application.lastresult$` is undefined.
#[test]
fn there_is_no_last_result_at_first() {
    let value =
        page("<form><block><exit expr='typeof application.lastresult$'/></block></form>").value();
    assert_eq!(value, json!("undefined"));
}

/// V2.0 5.1.5: a choice and a link set the last result, too.
#[test]
fn choices_and_links_set_the_last_result() {
    let result = "<form id='f'><block><exit expr='[application.lastresult$.utterance, application.lastresult$[0].inputmode, application.lastresult$.length]'/></block></form>";
    let menu = format!("<menu dtmf='true'><choice next='#f'>x</choice></menu>{result}");
    assert_eq!(page(&menu).keys(&["1"]).value(), json!(["1", "dtmf", 1]));
    let link = format!(
        "<link next='#f' dtmf='7'/><form><field name='k' type='digits?length=3'/></form>{result}"
    );
    assert_eq!(page(&link).keys(&["7"]).value(), json!(["7", "dtmf", 1]));
}

/// V2.0 5.3.4: `if` needs a condition; nothing follows `else`.
#[test]
fn an_if_has_its_parts() {
    for content in [
        "<if/>",
        "<if cond='1'><elseif/></if>",
        "<if cond='1'><else/><elseif cond='1'/></if>",
    ] {
        let report = page(&format!("<form><block>{content}</block></form>")).run();
        assert_eq!(report.error(), "error.badfetch", "{content}");
    }
}

/// V2.0 5.3.12: a script has exactly one of an address, a computed address and a content.
#[test]
fn a_script_has_one_source() {
    for script in [
        "<script/>",
        "<script src='a'>1</script>",
        "<script src='a' srcexpr='1'/>",
    ] {
        let report = page(&format!("<form><block>{script}</block></form>")).run();
        assert_eq!(report.error(), "error.badfetch", "{script}");
    }
}

/// V2.1 3: the address of a script may be computed; undefined is `error.semantic`.
#[test]
fn the_address_of_a_script_may_be_computed() {
    let value =
        page("<form><block><script srcexpr=\"'a' + '.js'\"/><exit expr='x'/></block></form>")
            .file("a.js", "var x = 5")
            .value();
    assert_eq!(value, json!(5));
    let report = page("<form><block><script srcexpr='undefined'/></block></form>").run();
    assert_eq!(report.error(), "error.semantic");
}

/// V2.0 5.3.12: `charset` tells the encoding of a script file.
#[test]
fn a_script_may_tell_its_encoding() {
    let mut call = page(
        "<form><block><script src='a.js' charset='ISO-8859-1'/><exit expr='x'/></block></form>",
    );
    call = call.bytes("a.js", b"var x = '\xfc'");
    assert_eq!(call.value(), json!("\u{fc}"));
}

/// V2.0 5.1.2: variables of a `filled` and of a handler end with it.
#[test]
fn variables_of_a_handler_end_with_it() {
    let form = "<form><block><throw event='e'/></block><catch event='e'><var name='x' expr='1'/><throw event='g'/></catch><catch event='g'><exit expr='typeof x'/></catch></form>";
    assert_eq!(page(form).value(), json!("undefined"));
}

/// V2.1 6: `foreach` needs `array` and `item`; another thing than an array is `error.semantic`.
#[test]
fn foreach_needs_an_array() {
    for content in ["<foreach item='i'/>", "<foreach array='[]'/>"] {
        let report = page(&format!("<form><block>{content}</block></form>")).run();
        assert_eq!(report.error(), "error.badfetch", "{content}");
    }
    for array in ["5", "undefined", "nowhere"] {
        let report = page(&format!(
            "<form><block><foreach item='i' array='{array}'/></block></form>"
        ))
        .run();
        assert_eq!(report.error(), "error.semantic", "{array}");
    }
}

/// V2.0 5.3.13: `log` has no effect on what is played; its expression may fail.
#[test]
fn log_is_not_heard() {
    let report = page(
        "<form><block><log label='l' expr='1+1'>text <value expr='2*3'/></log></block></form>",
    )
    .run();
    assert_eq!(report.logs(), ["2 text 6"]);
    assert!(report.prompts().is_empty());
}

/// V2.0 5.1.4: the session knows both ends of the connection, its protocol and who began it.
#[test]
fn the_session_knows_its_connection() {
    let connection = vxml::Connection {
        local: "sip:a".to_owned(),
        remote: "sip:b".to_owned(),
        is_outbound: true,
        ..vxml::Connection::default()
    };
    let value = page("<form><block><exit expr='[session.connection.local.uri, session.connection.remote.uri, session.connection.originator.uri, session.connection.protocol.name]'/></block></form>").session(connection.into_json()).value();
    assert_eq!(value, json!(["sip:a", "sip:b", "sip:a", "sip"]));
}
