//! Pages that loop, grow, hang or are slow: each ends in its limit, other calls go on.

use std::time::Duration;

use testkit::{Behaviour, Line, PATIENCE, Page, Receiver, Server, Web, now};

use crate::common::{agents, ended, server, service};

const VXML: &str = "application/voicexml+xml";
const LIMIT: &str = "error.com.ringback.limit";

fn page(body: &str) -> String {
    format!("<vxml version='2.1'><var name='treatment_result'/>{body}</vxml>")
}

/// A page that cancels the callback when it gets this event.
fn catches(event: &str, body: &str) -> String {
    page(&format!(
        "<catch event='{event}'><assign name='treatment_result' \
         expr=\"({{action:'cancel',message:'OK'}})\"/><exit namelist='treatment_result'/></catch>{body}"
    ))
}

fn script(code: &str) -> String {
    format!("<form><block><script>{code}</script></block></form>")
}

/// Scripts that take what they can, with the event that ends them.
const SCRIPTS: &[(&str, &str, &str)] = &[
    ("endless", LIMIT, "while(true){}"),
    ("regexp", LIMIT, "/(a*)*b/.test('a'.repeat(40))"),
    ("list", LIMIT, "var a=[];while(true)a.push(a.length)"),
    ("memory", "error", "var s='x'; while(true) s+=s;"),
    ("recursion", "error", "(function f(){f()})()"),
];

/// Forms that go round, fetch what is late or not theirs, with the event that ends them.
const FORMS: &[(&str, &str, &str)] = &[
    (
        "goto",
        LIMIT,
        "<form id='f'><block><goto next='#f'/></block></form>",
    ),
    (
        "pages",
        LIMIT,
        "<form><block><goto next='pages'/></block></form>",
    ),
    (
        "subdialogs",
        "error",
        "<form id='f'><subdialog name='s' src='#f'/></form>",
    ),
    (
        "slow",
        "error.badfetch",
        "<form><block><goto next='late.vxml' fetchtimeout='300ms'/></block></form>",
    ),
    (
        "to_huge",
        "error.badfetch",
        "<form><block><goto next='huge'/></block></form>",
    ),
    (
        "to_deep",
        "error.badfetch",
        "<form><block><goto next='deep'/></block></form>",
    ),
    (
        "grammar",
        "error.badfetch",
        "<form><field name='k'><grammar mode='dtmf' version='1.0' root='r'><rule id='r'>\
         <item repeat='0-1000'><item repeat='0-1000'><item repeat='0-1000'>1</item></item>\
         </item></rule></grammar></field></form>",
    ),
    (
        "prompts",
        LIMIT,
        "<form id='f'><block><prompt><break time='1ms'/></prompt><goto next='#f'/></block></form>",
    ),
    (
        "metadata",
        "error.badfetch",
        "<form><block><goto next='http://169.254.169.254/latest'/></block></form>",
    ),
    (
        "file",
        "error.badfetch",
        "<form><block><goto next='file:///etc/passwd'/></block></form>",
    ),
];

/// Name, page, and how its callback ends.
fn pages() -> Vec<(&'static str, String, &'static str)> {
    let caught = |(name, event, body): (&'static str, &str, String)| {
        (name, catches(event, &body), "CANCELLED")
    };
    let scripts = SCRIPTS
        .iter()
        .map(|(name, event, code)| (*name, *event, script(code)));
    let forms = FORMS
        .iter()
        .map(|(name, event, form)| (*name, *event, (*form).to_owned()));
    let mut pages: Vec<_> = scripts.chain(forms).map(caught).collect();
    let throws = "<catch event='a'><throw event='a'/></catch>\
                  <form><block><throw event='a'/></block></form>";
    let (open, close) = ("<if cond='true'>".repeat(200), "</if>".repeat(200));
    let entity = "<!DOCTYPE vxml [<!ENTITY a 'aaaa'>]><vxml version='2.1'>&a;</vxml>";
    for (name, page) in [
        ("endless_uncaught", page(&script("while(true){}"))),
        ("throws", page(throws)),
        (
            "deep",
            page(&format!("<form><block>{open}{close}</block></form>")),
        ),
        ("huge", page(&format!("<!--{}-->", "x".repeat(3 << 20)))),
        ("entities", entity.to_owned()),
    ] {
        pages.push((name, page, "FAIL_ERROR"));
    }
    pages
}

async fn import(server: &Server, notes: &Receiver, web: &Web, name: &str, body: String) {
    let url = web.put(&format!("/{name}"), Page::new(VXML, body));
    let url = format!("_on_customer_connect_treatment_url = {url}");
    let lines = [url.as_str(), "_plugin_on_dial_timeout = 20"];
    let text = service(name, notes, &lines);
    server.api.import_services(&text).await;
}

/// R 10: loops, huge and deep pages, slow ones and scripts without end are ended in their limit
/// with the standard event while other calls go on.
#[tokio::test]
async fn hostile_pages_end_in_their_limit_and_others_go_on() {
    let press = Behaviour::AnswerAndPress(Duration::ZERO, Duration::from_millis(300), '3');
    let line = Line::start(move |_, _| press).await;
    let (notes, web) = (Receiver::start().await, Web::start().await);
    let late = Page::new(VXML, page("")).after(Duration::from_secs(60));
    let _url = web.put("/late.vxml", late);
    let server = server(line.port).start().await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    // The key may come before a busy machine has begun the page: then nobody hears it.
    let good = "<form><field name='k' type='digits?length=1'>\
                <property name='timeout' value='500ms'/><filled><assign \
                name='treatment_result' expr=\"({action:'cancel',message:'OK'})\"/>\
                <exit namelist='treatment_result'/></filled></field></form>";
    import(&server, &notes, &web, "good", catches("noinput", good)).await;
    let pages = pages();
    let mut calls = Vec::new();
    for (name, body, end) in &pages {
        import(&server, &notes, &web, name, body.clone()).await;
        calls.push((name, end, server.api.call_back(name, "5115").await));
    }
    let began = now();
    for n in 0..5 {
        let id = server.api.call_back("good", &format!("52{n:02}")).await;
        let told = notes.whole(&id, PATIENCE).await;
        assert_eq!(ended(&told), "CANCELLED");
    }
    let good = began.elapsed();
    for (name, end, id) in calls {
        let told = notes.whole(&id, PATIENCE).await;
        assert_eq!(ended(&told), *end, "{name}");
    }
    assert!(good < Duration::from_secs(10), "five calls took {good:?}");
}
