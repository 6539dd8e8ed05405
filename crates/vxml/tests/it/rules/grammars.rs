//! Grammars: builtin types, SRGS and semantic interpretation.

use serde_json::{Value, json};

use crate::support::page;

fn field(kind: &str, keys: &str) -> Value {
    page(&format!("<form><field name='k' type='{kind}'><filled><exit expr='[k]'/></filled><nomatch><exit expr=\"'nomatch'\"/></nomatch></field></form>"))
        .keys(&[keys])
        .value()
}

fn rules(attributes: &str, content: &str, keys: &str) -> Value {
    page(&format!("<form><field name='k'><grammar mode='dtmf' version='1.0' root='r' {attributes}>{content}</grammar><filled><exit expr='[k]'/></filled><nomatch><exit expr=\"'nomatch'\"/></nomatch></field></form>"))
        .keys(&[keys])
        .value()
}

/// V2.0 P: `digits` takes digits, as many as its parameters say.
#[test]
fn digits_take_digits() {
    assert_eq!(field("digits", "0123#"), json!(["0123"]));
    assert_eq!(
        field("digits?minlength=2;maxlength=3", "1#"),
        json!("nomatch")
    );
    assert_eq!(
        field("digits?minlength=2;maxlength=3", "123"),
        json!(["123"])
    );
}

/// V2.0 P: `boolean` is true for 1 and false for 2, or for the keys of its parameters.
#[test]
fn boolean_is_true_or_false() {
    assert_eq!(field("boolean", "1"), json!([true]));
    assert_eq!(field("boolean", "2"), json!([false]));
    assert_eq!(field("boolean?y=7;n=9", "9"), json!([false]));
    assert_eq!(field("boolean?y=7;n=9", "1"), json!("nomatch"));
}

/// V2.0 P: in `number` and `currency` the star is the point.
#[test]
fn the_star_is_the_point() {
    assert_eq!(field("number", "12*5#"), json!(["12.5"]));
    assert_eq!(field("currency", "3*50#"), json!(["3.50"]));
}

/// V2.0 P: `date` takes eight digits and `time` four, with the half of the day if it is known.
#[test]
fn dates_and_times() {
    assert_eq!(field("date", "20261121"), json!(["20261121"]));
    assert_eq!(field("time", "0930"), json!(["0930?"]));
    assert_eq!(field("time", "1430"), json!(["1430h"]));
}

/// V2.0 P: in `phone` the star begins the extension.
#[test]
fn the_star_begins_the_extension() {
    assert_eq!(field("phone", "030123*45#"), json!(["030123x45"]));
}

/// V2.0 P: a builtin grammar may be named by `src`.
#[test]
fn a_builtin_grammar_may_be_named_by_its_address() {
    let value = page("<form><field name='k'><grammar src='builtin:dtmf/digits?length=2'/><filled><exit expr='k'/></filled></field></form>").keys(&["12"]).value();
    assert_eq!(value, json!("12"));
}

/// SRGS 2.4: alternatives, each with a weight that may be written.
#[test]
fn alternatives() {
    let content = "<rule id='r'><one-of><item weight='0.5'>1 2</item><item weight='3'>3</item></one-of></rule>";
    assert_eq!(rules("", content, "12"), json!(["12"]));
    assert_eq!(rules("", content, "3"), json!(["3"]));
    assert_eq!(rules("", content, "2"), json!("nomatch"));
}

/// SRGS 2.5: items repeat as often as they say.
#[test]
fn repeats() {
    let content = "<rule id='r'><item repeat='2-3'>1</item><item repeat='0-1'>*</item>2</rule>";
    assert_eq!(rules("", content, "112"), json!(["112"]));
    assert_eq!(rules("", content, "111*2"), json!(["111*2"]));
    assert_eq!(rules("", content, "12"), json!("nomatch"));
}

/// SRGS 2.2: rules refer to rules, of this grammar or of another one.
#[test]
fn rules_refer_to_rules() {
    assert_eq!(
        rules(
            "",
            "<rule id='r'>9<ruleref uri='#d'/></rule><rule id='d'><one-of><item>1</item><item>2</item></one-of></rule>",
            "92"
        ),
        json!(["92"])
    );
    let other = "<grammar mode='dtmf' version='1.0' root='x'><rule id='x'>7</rule><rule id='y' scope='public'>8</rule></grammar>";
    for (uri, keys) in [("o.grxml", "97"), ("o.grxml#y", "98")] {
        let value = page(&format!("<form><field name='k'><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>9<ruleref uri='{uri}'/></rule></grammar><filled><exit expr='k'/></filled></field></form>"))
            .file("o.grxml", other)
            .keys(&[keys])
            .value();
        assert_eq!(value, json!(keys));
    }
}

/// SRGS 2.2.3: NULL is nothing, VOID is never, GARBAGE is any one key.
#[test]
fn special_rules() {
    assert_eq!(
        rules("", "<rule id='r'><ruleref special='NULL'/>1</rule>", "1"),
        json!(["1"])
    );
    assert_eq!(
        rules(
            "",
            "<rule id='r'><one-of><item><ruleref special='VOID'/>1</item><item>2</item></one-of></rule>",
            "1"
        ),
        json!("nomatch")
    );
    assert_eq!(
        rules(
            "",
            "<rule id='r'><ruleref special='GARBAGE'/>1</rule>",
            "*1"
        ),
        json!(["*1"])
    );
}

/// SRGS 4.7: an external grammar is used from its root or from the rule behind `#`.
#[test]
fn external_grammars() {
    let other = "<grammar mode='dtmf' version='1.0' root='x'><rule id='x'>7</rule><rule id='y' scope='public'>8</rule></grammar>";
    for (attributes, key) in [
        ("src='o.grxml'", "7"),
        ("src='o.grxml#y'", "8"),
        ("srcexpr=\"'o.grxml'\"", "7"),
    ] {
        let value = page(&format!("<form><field name='k'><grammar {attributes} type='application/srgs+xml'/><filled><exit expr='k'/></filled></field></form>"))
            .file("o.grxml", other)
            .keys(&[key])
            .value();
        assert_eq!(value, json!(key));
    }
}

/// G 4: a grammar without any sentence loads and never matches.
#[test]
fn a_grammar_may_never_match() {
    let value = page("<form><field name='k'><grammar mode='dtmf' src='nevermatch.grxml'/><noinput><exit expr=\"'noinput'\"/></noinput></field></form>")
        .file("nevermatch.grxml", "<grammar mode='dtmf' version='1.0'/>")
        .value();
    assert_eq!(value, json!("noinput"));
}

/// SISR 3: a tag that assigns to `out` makes the result.
#[test]
fn tags_make_the_result() {
    assert_eq!(
        rules("", "<rule id='r'>1<tag>out='yes';</tag></rule>", "1"),
        json!(["yes"])
    );
    assert_eq!(
        rules(
            "",
            "<rule id='r'>1<tag>out.a=1; out.b=[2]</tag></rule>",
            "1"
        ),
        json!([{"a": 1, "b": [2]}])
    );
}

/// SISR 3: with the literal format a tag is its text.
#[test]
fn literal_tags_are_their_text() {
    assert_eq!(
        rules(
            "tag-format='semantics/1.0-literals'",
            "<rule id='r'>1<tag>out='yes';</tag></rule>",
            "1"
        ),
        json!(["out='yes';"])
    );
}

/// G 4: a tag may be a text, with or without quotes.
#[test]
fn a_tag_may_be_a_text() {
    assert_eq!(
        rules("", "<rule id='r'>1<tag>'yes'</tag></rule>", "1"),
        json!(["yes"])
    );
    assert_eq!(
        rules("", "<rule id='r'>1<tag>yes please</tag></rule>", "1"),
        json!(["yes please"])
    );
    assert_eq!(
        rules("", "<rule id='r'>1<tag>yes</tag></rule>", "1"),
        json!(["yes"])
    );
}

/// SISR 3: tags see the results of the rules before them.
#[test]
fn tags_see_other_rules() {
    let content = "<rule id='r'><ruleref uri='#a'/><ruleref uri='#b'/><tag>out = rules.a + rules.latest();</tag></rule><rule id='a'>1<tag>out='x'</tag></rule><rule id='b'>2<tag>out='y'</tag></rule>";
    assert_eq!(rules("", content, "12"), json!(["xy"]));
}

/// SISR 3: without a tag the result is the keys, without blanks.
#[test]
fn without_a_tag_the_result_is_the_keys() {
    assert_eq!(
        rules("", "<rule id='r'>1 2 3</rule>", "123"),
        json!(["123"])
    );
}

/// V2.0 3.1.6: a result with a member of the field's slot fills the field with that member.
#[test]
fn the_slot_picks_the_member() {
    let value = page("<form><field name='k' slot='s'><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>1<tag>out.s='in'; out.t='other'</tag></rule></grammar><filled><exit expr='[k, k$.interpretation.t]'/></filled></field></form>").keys(&["1"]).value();
    assert_eq!(value, json!(["in", "other"]));
}

/// R 4: grammars for speech beside those for keys are left out.
#[test]
fn speech_beside_keys_is_left_out() {
    let report = page("<form><field name='k'><grammar mode='voice' version='1.0' root='r'><rule id='r'>yes</rule></grammar><option dtmf='1' value='v'>x</option><filled><exit expr='k'/></filled></field></form>").keys(&["1"]).run();
    assert_eq!(report.logs(), ["grammars for speech are not used"]);
}
