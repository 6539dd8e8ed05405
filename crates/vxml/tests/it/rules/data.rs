//! `data`.

use serde_json::json;
use vxml::FetchKind;

use crate::support::page;

/// V2.1 5: XML becomes a tree that scripts read.
#[test]
fn xml_becomes_a_tree() {
    let content = "<form><block><data name='d' src='d.xml'/><exit expr=\"[d.documentElement.tagName, d.documentElement.getAttribute('n'), d.getElementsByTagName('b').item(1).firstChild.nodeValue, d.documentElement.childNodes.length]\"/></block></form>";
    let value = page(content)
        .file("d.xml", "<a n='5'><b>x</b><b>y</b></a>")
        .value();
    assert_eq!(value, json!(["a", "5", "y", 2]));
}

/// G 7: JSON becomes a value.
#[test]
fn json_becomes_a_value() {
    let content =
        "<form><block><data name='d' src='d.json'/><exit expr='d.list[1].x'/></block></form>";
    let value = page(content)
        .typed(
            "d.json",
            "application/json; charset=utf-8",
            "{\"list\":[1,{\"x\":7}]}",
        )
        .value();
    assert_eq!(value, json!(7));
}

/// V2.1 5: names are sent along, and the address may be computed.
#[test]
fn names_are_sent_along() {
    let report = page("<var name='a' expr='1'/><form><block><data name='d' srcexpr=\"'d.xml'\" namelist='a'/><exit/></block></form>").file("d.xml", "<a/>").run();
    let request = report.requests.last().unwrap();
    assert_eq!(
        (request.kind, request.url.as_str()),
        (FetchKind::Data, "http://pages.test/d.xml?a=1")
    );
}

/// V2.1 5: a variable that exists is overwritten where it is, another one is declared.
#[test]
fn data_goes_where_the_variable_is() {
    let value = page("<var name='d'/><form><block><data name='d' src='d.json'/><data name='e' src='d.json'/></block><block><exit expr='[d, typeof e]'/></block></form>").file("d.json", "5").value();
    assert_eq!(value, json!([5, "undefined"]));
}

/// V2.1 5: XML whose `access-control` does not name the page's host is `error.noauthorization`.
#[test]
fn data_may_be_kept_from_others() {
    let content = "<form><block><data name='d' src='http://data.test/d.xml'/><exit expr='d.documentElement.tagName'/></block></form>";
    let answered = |rule: &str| {
        let text = format!("<?xml version='1.0'?>{rule}<a/>");
        page(content).file("http://data.test/d.xml", &text)
    };
    for rule in ["", "<?access-control allow='*.pages.test pages.test'?>"] {
        assert_eq!(answered(rule).value(), json!("a"));
    }
    let denied = answered("<?access-control allow='other.test'?>").run();
    assert_eq!(denied.error(), "error.noauthorization");
    let own = content.replace("http://data.test/", "");
    let text = "<?access-control allow='other.test'?><a/>";
    assert_eq!(page(&own).file("d.xml", text).value(), json!("a"));
}

/// V2.1 5: an answer that cannot be read or had is `error.badfetch`.
#[test]
fn bad_data_is_a_bad_fetch() {
    let content = "<form><block><data name='d' src='d.xml'/></block></form>";
    assert_eq!(
        page(content).file("d.xml", "<a>").run().error(),
        "error.badfetch"
    );
    assert_eq!(
        page(content)
            .typed("d.xml", "application/json", "{")
            .run()
            .error(),
        "error.badfetch"
    );
    assert_eq!(page(content).run().error(), "error.badfetch.http.404");
}
