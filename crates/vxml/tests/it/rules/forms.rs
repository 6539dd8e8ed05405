//! Forms and the form interpretation algorithm.

use serde_json::json;

use crate::support::{page, vxml};

/// V2.0 2.1.4: item variables begin undefined or with their `expr`; a filled item is not visited.
#[test]
fn a_filled_item_is_not_visited() {
    let value = page("<form><block name='a' expr='1'><exit expr=\"'a'\"/></block><block><exit expr=\"'b'\"/></block></form>").value();
    assert_eq!(value, json!("b"));
}

/// V2.0 2.1.4: an item whose `cond` is false is not visited.
#[test]
fn an_item_with_a_false_condition_is_not_visited() {
    let value = page("<form><block cond='false'><exit expr='1'/></block><block cond='1 &lt; 2'><exit expr='2'/></block></form>").value();
    assert_eq!(value, json!(2));
}

/// V2.0 2.1.5: items are visited in document order, each block once.
#[test]
fn items_are_visited_in_document_order() {
    let value = page("<var name='s' expr=\"''\"/><form><block><assign name='s' expr=\"s+'a'\"/></block><block><assign name='s' expr=\"s+'b'\"/></block><block><exit expr='s'/></block></form>").value();
    assert_eq!(value, json!("ab"));
}

/// V2.0 2.1.5: the application ends when no item is left.
#[test]
fn nothing_left_is_the_end() {
    let report = page("<form><block/></form><form><block><log>never</log></block></form>").run();
    assert_eq!(report.ending, vxml::Ending::End);
    assert!(report.logs().is_empty());
}

/// V2.0 2.1.6.1: variables and item variables are declared in document order on entry.
#[test]
fn variables_are_initialised_in_document_order() {
    let value = page("<form><var name='a' expr='2'/><block name='b' expr='a*3'/><var name='c' expr='b+1'/><block><exit expr='c'/></block></form>").value();
    assert_eq!(value, json!(7));
}

/// V2.0 2.1.6.1: entering a form again begins with fresh variables.
#[test]
fn entering_again_begins_anew() {
    let value = page("<var name='n' expr='0'/><form id='f'><var name='x' expr='0'/><block><assign name='n' expr='n+1'/><assign name='x' expr='x+1'/><if cond='n == 3'><exit expr='x'/></if><goto next='#f'/></block></form>").value();
    assert_eq!(value, json!(1));
}

/// V2.0 2.1.6.2: `goto nextitem` chooses the next item whatever its variable says.
#[test]
fn goto_nextitem_chooses_the_item() {
    let value = page("<form><block><goto nextitem='c'/></block><block name='b'><exit expr=\"'b'\"/></block><block name='c' expr='true'><exit expr=\"'c'\"/></block></form>").value();
    assert_eq!(value, json!("c"));
    let value = page("<form><block><goto expritem=\"'c'\"/></block><block name='b'><exit expr=\"'b'\"/></block><block name='c'><exit expr=\"'c'\"/></block></form>").value();
    assert_eq!(value, json!("c"));
}

/// V2.0 2.3.1: a field is filled by its grammar and `filled` runs.
#[test]
fn a_field_is_filled() {
    let value = page("<form><field name='k' type='digits?length=2'><filled><exit namelist='k'/></filled></field></form>").keys(&["42"]).value();
    assert_eq!(value, json!({"k": "42"}));
}

/// V2.0 2.3.1: shadow variables tell utterance, mode and confidence.
#[test]
fn a_field_has_shadow_variables() {
    let value = page("<form><field name='k' type='digits?length=2'><filled><exit expr=\"[k$.utterance, k$.inputmode, k$.confidence]\"/></filled></field></form>").keys(&["42"]).value();
    assert_eq!(value, json!(["42", "dtmf", 1]));
}

/// V2.0 2.3.1.3: an option gives its value, or its text without one.
#[test]
fn options_give_their_value() {
    let form = "<form><field name='k'><option dtmf='1' value='yes'>sure</option><option dtmf='2'> no way </option><filled><exit expr='k'/></filled></field></form>";
    assert_eq!(page(form).keys(&["1"]).value(), json!("yes"));
    assert_eq!(page(form).keys(&["2"]).value(), json!("no way"));
}

/// V2.0 2.3.1.3: `enumerate` says the options of a field with `_prompt` and `_dtmf`.
#[test]
fn enumerate_says_the_options() {
    let report = page("<form><field name='k'><prompt><enumerate>for <value expr='_prompt'/> press <value expr='_dtmf'/></enumerate></prompt><option dtmf='1'>tea</option><option dtmf='2'>milk</option></field></form>").keys(&["1"]).run();
    assert_eq!(report.prompts(), ["for tea press 1 for milk press 2"]);
}

/// V2.0 2.3.2: a block's variable is set before its content runs.
#[test]
fn a_blocks_variable_is_set_first() {
    let value = page("<form><block name='b'><exit expr='b'/></block></form>").value();
    assert_eq!(value, json!(true));
}

/// V2.0 2.3.3: `initial` waits for a grammar of the form, which may fill several fields.
#[test]
fn initial_waits_for_a_grammar_of_the_form() {
    let form = "<form><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>1 2<tag>out.a='x'; out.b='y';</tag></rule></grammar><initial name='i'><prompt>say both</prompt></initial><field name='a'><prompt>a</prompt></field><field name='b'><prompt>b</prompt></field><block><exit expr='[i,a,b]'/></block></form>";
    let report = page(form).keys(&["12"]).run();
    assert_eq!(report.prompts(), ["say both"]);
    assert_eq!(page(form).keys(&["12"]).value(), json!([true, "x", "y"]));
}

/// R 1: without keys and without speech `initial` is a step that waits for nothing.
#[test]
fn initial_without_keys_does_nothing() {
    let value = page("<form><initial name='i'><prompt>hello</prompt></initial><block><exit expr='i'/></block></form>").value();
    assert_eq!(value, json!(true));
}

/// V2.0 2.4: `filled` with mode all runs when all its names are filled.
#[test]
fn filled_all_waits_for_all() {
    let form = "<form><field name='a' type='digits?length=1'/><field name='b' type='digits?length=1'/><filled namelist='a b'><exit expr=\"a+b\"/></filled></form>";
    assert_eq!(page(form).keys(&["1", "2"]).value(), json!("12"));
}

/// V2.0 2.4: `filled` with mode any runs as soon as one of its names is filled.
#[test]
fn filled_any_takes_the_first() {
    let form = "<form><field name='a' type='digits?length=1'/><field name='b' type='digits?length=1'/><filled mode='any' namelist='a b'><exit expr=\"'any '+a\"/></filled></form>";
    assert_eq!(page(form).keys(&["1"]).value(), json!("any 1"));
}

/// V2.0 2.4: without a namelist `filled` waits for all input items of the form.
#[test]
fn filled_without_names_means_all_input_items() {
    let form = "<form><field name='a' type='digits?length=1'/><block/><field name='b' type='digits?length=1'/><filled><exit expr=\"a+b\"/></filled></form>";
    assert_eq!(page(form).keys(&["1", "2"]).value(), json!("12"));
}

/// V2.0 2.4: `filled` runs after all variables of the input are set.
#[test]
fn filled_sees_all_variables_of_the_input() {
    let form = "<form><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>1<tag>out.a=1; out.b=2;</tag></rule></grammar><field name='a'><prompt>a</prompt><filled><exit expr='b'/></filled></field><field name='b'/></form>";
    assert_eq!(page(form).keys(&["1"]).value(), json!(2));
}

/// V2.0 2.4: `filled` elements run in document order, those of items among those of the form.
#[test]
fn filled_elements_run_in_document_order() {
    let form = "<var name='s' expr=\"''\"/><form><filled namelist='a'><assign name='s' expr=\"s+'1'\"/></filled><field name='a' type='digits?length=1'><filled><assign name='s' expr=\"s+'2'\"/></filled></field><filled namelist='a'><exit expr='s'/></filled></form>";
    assert_eq!(page(form).keys(&["5"]).value(), json!("12"));
}

/// V2.0 2.1.6.2: slots that no field has are ignored.
#[test]
fn unknown_slots_are_ignored() {
    let form = "<form><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>1<tag>out.zzz=1; out.s=2;</tag></rule></grammar><field name='a' slot='s'><filled><exit expr='a'/></filled></field></form>";
    assert_eq!(page(form).keys(&["1"]).value(), json!(2));
}

/// V2.0 2.2: a menu jumps to the choice of the key.
#[test]
fn a_menu_jumps() {
    let menu = "<menu dtmf='true'><choice next='#a'>a</choice><choice next='#b'>b</choice></menu><form id='a'><block><exit expr=\"'a'\"/></block></form><form id='b'><block><exit expr=\"'b'\"/></block></form>";
    assert_eq!(page(menu).keys(&["2"]).value(), json!("b"));
}

/// V2.0 2.2: with `dtmf="true"` the first nine choices without keys of their own get 1 to 9.
#[test]
fn a_menu_numbers_its_choices() {
    let menu = "<menu dtmf='true'><choice dtmf='0' next='#z'>z</choice><choice next='#a'>a</choice></menu><form id='a'><block><exit expr=\"'a'\"/></block></form><form id='z'><block><exit expr=\"'z'\"/></block></form>";
    assert_eq!(page(menu).keys(&["1"]).value(), json!("a"));
    assert_eq!(page(menu).keys(&["0"]).value(), json!("z"));
}

/// V2.0 2.2: a choice may throw an event.
#[test]
fn a_choice_may_throw() {
    let menu = "<menu><choice dtmf='7' event='bye' message='m'>x</choice><catch event='bye'><exit expr='_message'/></catch></menu>";
    assert_eq!(page(menu).keys(&["7"]).value(), json!("m"));
}

/// V2.0 2.2.3: `enumerate` in a menu says its choices.
#[test]
fn enumerate_says_the_choices() {
    let report = page("<menu dtmf='true'><prompt>Choose: <enumerate/></prompt><choice next='#f'>tea</choice><choice next='#f'>milk</choice></menu><form id='f'><block/></form>").keys(&["1"]).run();
    assert_eq!(report.prompts(), ["Choose: tea milk"]);
}

/// V2.0 2.2: after an event that was handled the menu is visited again.
#[test]
fn a_menu_is_visited_again() {
    let report = page("<menu dtmf='true'><prompt>menu</prompt><choice next='#f'>x</choice><nomatch>no <reprompt/></nomatch></menu><form id='f'><block><exit/></block></form>").keys(&["9", "1"]).run();
    assert_eq!(report.prompts(), ["menu", "no", "menu"]);
}

/// V2.0 2.3.4: a subdialog gets parameters and returns an object.
#[test]
fn a_subdialog_returns_an_object() {
    let value = page("<form><subdialog name='s' src='sub.vxml'><param name='a' expr='20'/><param name='b' value='x'/><filled><exit expr='s.sum + s.b'/></filled></subdialog></form>")
        .file("sub.vxml", &vxml("<form><var name='a'/><var name='b' expr=\"'default'\"/><var name='sum' expr='a+1'/><block><return namelist='sum b'/></block></form>"))
        .value();
    assert_eq!(value, json!("21x"));
}

/// V2.0 2.3.4: a subdialog has an application and variables of its own.
#[test]
fn a_subdialog_has_its_own_variables() {
    let value = page("<var name='x' expr='1'/><form><subdialog name='s' src='#sub'><filled><exit expr='[x, s.seen]'/></filled></subdialog></form><form id='sub'><var name='seen' expr='x'/><block><assign name='x' expr='99'/><return namelist='seen'/></block></form>").value();
    assert_eq!(value, json!([1, 1]));
}

/// V2.0 2.3.4: `return event` throws in the caller.
#[test]
fn a_subdialog_may_return_an_event() {
    let value = page("<form><subdialog name='s' src='#sub'><catch event='my.event'><exit expr=\"_event + ' ' + _message\"/></catch></subdialog></form><form id='sub'><block><return event='my.event.x' message='why'/></block></form>").value();
    assert_eq!(value, json!("my.event.x why"));
}

/// V2.0 2.1.5: a subdialog without anything left returns without values.
#[test]
fn a_subdialog_returns_by_itself() {
    let value = page("<form><subdialog name='s' src='#sub'/><block><exit expr='typeof s'/></block></form><form id='sub'><block/></form>").value();
    assert_eq!(value, json!("object"));
}

/// V2.0 2.3.4: `exit` within a subdialog ends everything.
#[test]
fn exit_in_a_subdialog_ends_everything() {
    let value = page("<form><subdialog name='s' src='#sub'/><block><exit expr='1'/></block></form><form id='sub'><block><exit expr='2'/></block></form>").value();
    assert_eq!(value, json!(2));
}

/// V2.0 5.3.3: `clear` makes items open again and resets their counters.
#[test]
fn clear_opens_items_again() {
    let form = "<var name='n' expr='0'/><form><field name='a' type='digits?length=1'><prompt>first</prompt><prompt count='2'>second</prompt><filled><assign name='n' expr='n+1'/><if cond='n == 2'><exit expr='a'/></if><clear namelist='a'/></filled></field></form>";
    let report = page(form).keys(&["1", "2"]).run();
    assert_eq!(report.prompts(), ["first", "first"]);
    assert_eq!(page(form).keys(&["1", "2"]).value(), json!("2"));
}

/// V2.0 5.3.3: `clear` without names clears all items of the form.
#[test]
fn clear_without_names_clears_all_items() {
    let value = page("<var name='n' expr='0'/><form><block name='a'><assign name='n' expr='n+1'/></block><block name='b'><if cond='n &lt; 3'><clear/><else/><exit expr='n'/></if></block></form>").value();
    assert_eq!(value, json!(3));
}

/// V2.0 2.3.1.3: an option without a value and a text gives its keys.
#[test]
fn an_option_without_a_text_gives_its_keys() {
    let form = "<form><field name='k'><option dtmf='4 2'/><filled><exit expr='k'/></filled></field></form>";
    assert_eq!(page(form).keys(&["42"]).value(), json!("42"));
}

/// V2.0 2.2.3: `enumerate` may stand in a handler of a menu, and nowhere else than with choices or options.
#[test]
fn enumerate_in_a_handler() {
    let menu = "<menu dtmf='true'><choice next='#f'>tea</choice><noinput><enumerate/><reprompt/></noinput></menu><form id='f'><block><exit/></block></form>";
    assert_eq!(page(menu).keys(&["", "1"]).run().prompts(), ["tea"]);
    let report = page("<form><block><enumerate/></block></form>").run();
    assert_eq!(report.error(), "error.semantic");
}

/// V2.0 2.2: with `dtmf="true"` a choice may name `*`, `#` or `0` only.
#[test]
fn keys_of_a_numbered_menu() {
    let report =
        page("<menu dtmf='true'><choice dtmf='5' next='#f'>x</choice></menu><form id='f'/>").run();
    assert_eq!(report.error(), "error.badfetch");
}

/// V2.0 2.2.2: a choice has exactly one of `next`, `expr`, `event` and `eventexpr`.
#[test]
fn a_choice_has_one_target() {
    for attributes in [
        "",
        "next='#f' event='e'",
        "event='e' eventexpr='1'",
        "event='e' message='m' messageexpr='1'",
    ] {
        let menu = format!("<menu><choice dtmf='1' {attributes}>x</choice></menu><form id='f'/>");
        assert_eq!(page(&menu).run().error(), "error.badfetch", "{attributes}");
    }
    let menu = "<var name='f' expr=\"'#f'\"/><menu><choice dtmf='1' expr='f'>x</choice></menu><form id='f'><block><exit expr='1'/></block></form>";
    assert_eq!(page(menu).keys(&["1"]).value(), json!(1));
    let menu = "<menu><choice dtmf='1' eventexpr=\"'a.b'\" messageexpr=\"'m'\">x</choice><catch event='a'><exit expr='_event+_message'/></catch></menu>";
    assert_eq!(page(menu).keys(&["1"]).value(), json!("a.bm"));
}

/// V2.0 2.2.2: a choice may have a grammar of its own.
#[test]
fn a_choice_may_have_a_grammar() {
    let menu = "<menu><choice next='#f'><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>1 2 3</rule></grammar>x</choice></menu><form id='f'><block><exit expr='1'/></block></form>";
    assert_eq!(page(menu).keys(&["123"]).value(), json!(1));
}

/// V2.0 2.3.2: a block may be named, have a condition and a value.
#[test]
fn blocks_are_form_items() {
    let form = "<var name='s' expr=\"''\"/><form><block name='a'><assign name='s' expr=\"s+'a'\"/><if cond=\"s=='a'\"><clear namelist='a'/></if></block><block expr='true'><assign name='s' expr=\"s+'b'\"/></block><block><exit expr='s'/></block></form>";
    assert_eq!(page(form).value(), json!("aa"));
}

/// V2.0 2.3.3: `initial` counts its own events; when its condition is false the fields are asked.
#[test]
fn initial_counts_its_events() {
    let form = "<form><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>1 2<tag>out.a='x';</tag></rule></grammar><initial name='i'><prompt>all</prompt><noinput count='2'><assign name='i' expr='true'/><reprompt/></noinput></initial><field name='a' type='digits?length=1'><prompt>a</prompt><filled><exit expr='a'/></filled></field></form>";
    let report = page(form).keys(&["", "", "5"]).run();
    assert_eq!(report.prompts(), ["all", "all", "a"]);
    let never = form.replace("<initial ", "<initial cond='false' ");
    assert_eq!(page(&never).keys(&["5"]).run().prompts(), ["a"]);
}

/// V2.0 2.3.4: a parameter comes in place of `expr`, with its value at the call.
#[test]
fn parameters_of_a_subdialog() {
    let form = "<form><var name='o' expr='({n: 1})'/><subdialog name='s' src='#sub'><param name='p' expr='o'/><filled><exit expr='[s.p.n, o.n]'/></filled></subdialog></form><form id='sub'><var name='p' expr='explode()'/><block><return namelist='p'/></block></form>";
    assert_eq!(page(form).value(), json!([1, 1]));
    for param in [
        "<param/>",
        "<param name='p'/>",
        "<param name='p' value='1' expr='1'/>",
    ] {
        let form = format!(
            "<form><subdialog src='#sub'>{param}</subdialog></form><form id='sub'><var name='p'/></form>"
        );
        assert_eq!(page(&form).run().error(), "error.badfetch", "{param}");
    }
    let form = "<form><subdialog src='#sub'><param name='p' expr='nowhere'/></subdialog></form><form id='sub'><var name='p'/></form>";
    assert_eq!(page(form).run().error(), "error.semantic");
}

/// V2.0 2.3.4: a subdialog has exactly one of `src` and `srcexpr`.
#[test]
fn a_subdialog_has_one_address() {
    for attributes in ["", "src='#s' srcexpr='1'"] {
        let form = format!("<form><subdialog {attributes}/></form><form id='s'/>");
        assert_eq!(page(&form).run().error(), "error.badfetch", "{attributes}");
    }
    let form = "<form><subdialog name='s' srcexpr=\"'#' + 'sub'\"><filled><exit expr='s.x'/></filled></subdialog></form><form id='sub'><var name='x' expr='3'/><block><return namelist='x'/></block></form>";
    assert_eq!(page(form).value(), json!(3));
}

/// V2.0 2.3.4: what the caller sends goes to the page of the subdialog.
#[test]
fn a_subdialog_is_sent_values() {
    let report = page("<form><var name='a' expr='1'/><subdialog src='sub.vxml' namelist='a' method='post'/></form>").file("sub.vxml", &vxml("<form/>")).run();
    let sent = report.requests.last().unwrap();
    assert_eq!(sent.body, Some(vxml::Body::Form("a=1".to_owned())));
}

/// V2.0 2.3.4: handlers, links and properties of the caller do not hold in a subdialog.
#[test]
fn nothing_of_the_caller_holds_in_a_subdialog() {
    let form = "<form><catch event='my.event'><exit expr=\"'caller'\"/></catch><subdialog src='#sub'/></form><form id='sub'><catch event='my.event'><exit expr=\"'sub'\"/></catch><block><throw event='my.event'/></block></form>";
    assert_eq!(page(form).value(), json!("sub"));
    let bare = form.replace("<catch event='my.event'><exit expr=\"'sub'\"/></catch>", "");
    assert_eq!(page(&bare).run().error(), "my.event");
}

/// V2.0 2.3.4: a subdialog may call a subdialog and go through several pages.
#[test]
fn subdialogs_within_subdialogs() {
    let value = page("<form><subdialog name='s' src='a.vxml'><filled><exit expr='s.r'/></filled></subdialog></form>")
        .file("a.vxml", &vxml("<form><block><goto next='b.vxml'/></block></form>"))
        .file("b.vxml", &vxml("<form><subdialog name='t' src='c.vxml'/><block><var name='r' expr=\"t.x + 'b'\"/><return namelist='r'/></block></form>"))
        .file("c.vxml", &vxml("<form><var name='x' expr=\"'c'\"/><block><return namelist='x'/></block></form>"))
        .value();
    assert_eq!(value, json!("cb"));
}

/// V2.0 5.3.10: `return` has at most one of `event`, `eventexpr` and `namelist`, and stands in a subdialog.
#[test]
fn return_says_one_thing() {
    for attributes in ["event='a' eventexpr='1'", "event='a' namelist='b'"] {
        let form = format!(
            "<form><subdialog src='#s'/></form><form id='s'><block><return {attributes}/></block></form>"
        );
        assert_eq!(page(&form).run().error(), "error.badfetch", "{attributes}");
    }
    assert_eq!(
        page("<form><block><return/></block></form>").run().error(),
        "error.semantic"
    );
}

/// V2.0 2.4: `filled` of an item has neither `mode` nor `namelist`; one of a form names input items only.
#[test]
fn filled_names_input_items() {
    for form in [
        "<field name='a' type='digits'><filled mode='any'/></field>",
        "<field name='a' type='digits'><filled namelist='a'/></field>",
        "<block name='b'/><filled namelist='b'/>",
        "<filled namelist='nobody'/>",
        "<filled mode='some'/>",
    ] {
        let report = page(&format!("<form>{form}</form>")).run();
        assert_eq!(report.error(), "error.badfetch", "{form}");
    }
}

/// V2.0 2.4: an event in a `filled` skips those that are left.
#[test]
fn an_event_skips_the_filled_that_are_left() {
    let form = "<form><field name='a' type='digits?length=1'><filled><throw event='my.stop'/></filled><catch event='my.stop'><exit expr=\"'stopped'\"/></catch></field><filled><exit expr=\"'not skipped'\"/></filled></form>";
    assert_eq!(page(form).keys(&["1"]).value(), json!("stopped"));
}

/// V2.0 2.3.1: a field with a value is not asked; `assign` to its variable fills it without `filled`.
#[test]
fn a_field_may_be_assigned() {
    let form = "<form><block><assign name='f' expr=\"'x'\"/></block><field name='f' type='digits'><filled><exit expr=\"'filled'\"/></filled></field><block><exit expr='f'/></block></form>";
    assert_eq!(page(form).value(), json!("x"));
}

/// V2.0 2.1.1: names of form items are unique in their form.
#[test]
fn names_are_unique_in_a_form() {
    for form in [
        "<field name='a' type='digits'/><block name='a'/>",
        "<var name='a'/><block name='a'/>",
    ] {
        let report = page(&format!("<form>{form}</form>")).run();
        assert_eq!(report.error(), "error.badfetch", "{form}");
    }
    let report = page("<form id='f'/><form id='f'/>").run();
    assert_eq!(report.error(), "error.badfetch");
}

/// V2.0 C: a jump in `filled` or a handler leaves at once; what stands behind it does not run.
#[test]
fn a_jump_leaves_at_once() {
    let report = page("<form><block><goto next='#g'/><log>never</log></block></form><form id='g'><block><throw event='e'/><log>never</log></block><catch event='e'><exit/><log>never</log></catch></form>").run();
    assert!(report.logs().is_empty());
}
