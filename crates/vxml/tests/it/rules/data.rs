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

/// V2.1 5: the tree has the nodes, lists and attributes of the object model that scripts may read.
#[test]
fn the_tree_is_an_object_model() {
    let xml = "<q:list xmlns:q='urn:q' xml:id='top'><item n='1'>a</item><q:item n='2' m='x'>b</q:item></q:list>";
    let ask = |expr: &str| {
        page(&format!(
            "<form><block><data name='d' src='d.xml'/><exit expr=\"{expr}\"/></block></form>"
        ))
        .typed("d.xml", "text/xml", xml)
        .value()
    };
    assert_eq!(
        ask(
            "[d.nodeType, d.documentElement.tagName, d.documentElement.localName, d.documentElement.prefix, d.documentElement.namespaceURI]"
        ),
        json!([9, "q:list", "list", "q", "urn:q"])
    );
    assert_eq!(
        ask(
            "[d.getElementsByTagName('item').length, d.getElementsByTagNameNS('urn:q', 'item').item(0).firstChild.data, d.getElementsByTagNameNS('*', '*').length]"
        ),
        json!([2, "b", 3])
    );
    assert_eq!(
        ask(
            "(function () { var e = d.documentElement.lastChild; return [e.attributes.length, e.attributes.item(1).name, e.attributes.getNamedItem('n').value, e.getAttributeNode('m').nodeType, e.getAttribute('none'), e.hasAttribute('n'), e.hasAttributes()]; })()"
        ),
        json!([2, "m", "2", 2, "", true, true])
    );
    assert_eq!(
        ask(
            "[d.getElementById('top').nodeName, d.documentElement.firstChild.nextSibling.previousSibling.nodeName, d.documentElement.childNodes.item(9), d.documentElement.firstChild.nodeType === Node.ELEMENT_NODE]"
        ),
        json!(["q:list", "item", null, true])
    );
    assert_eq!(
        ask(
            "(function () { try { d.documentElement.firstChild.firstChild.substringData(5, 1); } catch (e) { return [e instanceof DOMException, e.code]; } })()"
        ),
        json!([true, 1])
    );
}

/// V2.1 5: `data` has exactly one of `src` and `srcexpr`.
#[test]
fn data_has_one_address() {
    for attributes in ["", "src='a' srcexpr='1'"] {
        let report = page(&format!(
            "<form><block><data name='d' {attributes}/></block></form>"
        ))
        .run();
        assert_eq!(report.error(), "error.badfetch", "{attributes}");
    }
}

/// V2.1 5: without a name data is fetched and what comes is not kept.
#[test]
fn data_without_a_name() {
    let report = page("<form><block><data src='d.xml'/><exit/></block></form>")
        .typed("d.xml", "text/xml", "<a/>")
        .run();
    assert_eq!(report.requests.len(), 2);
}

/// V2.1 5: `data` may stand in a page and in a form; it is fetched when they are entered.
#[test]
fn data_of_a_page_and_of_a_form() {
    let value = page("<data name='p' src='p.json'/><form><data name='f' src='f.json'/><block><exit expr='p.x + f.x'/></block></form>")
        .typed("p.json", "application/json", "{\"x\": 1}")
        .typed("f.json", "application/json", "{\"x\": 2}")
        .value();
    assert_eq!(value, json!(3));
}
