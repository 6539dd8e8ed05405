//! Scripts that want everything, in the running server: each ends in its limit, and others do not
//! wait for them.

use std::time::Duration;

use serde_json::json;
use testkit::{Behaviour, Line, PATIENCE, Receiver, Reply, Server, until};

use crate::common::{agents, server, service, start_session};

/// Documents by name with how they end: `told` = by an error event, `gone` = the session is over.
const HOSTILE: &[(&str, &str, &str)] = &[
    ("while(true)", "told", "<script>while (true) {}</script>"),
    (
        "memory bomb",
        "told",
        "<script>var a = []; for (;;) a.push(new Array(1000).fill(1))</script>",
    ),
    (
        "regular expression bomb",
        "told",
        "<script>/(a+)+$/.test('a'.repeat(40) + 'b')</script>",
    ),
    (
        "new Array(1e9)+''",
        "told",
        "<script>new Array(1e9) + ''</script>",
    ),
    ("endless raise", "gone", "<raise event='again'/>"),
    ("failing condition", "gone", "<raise event='cond'/>"),
];

fn document(body: &str) -> &'static str {
    let text = format!(
        "<scxml xmlns='http://www.w3.org/2005/07/scxml' profile='ecmascript'>\
         <state id='idle'><transition event='go' target='s'/></state>\
         <state id='s'><onentry>{body}</onentry><transition event='again' target='s'/>\
         <transition event='cond' target='c'/><transition event='error.*' target='told'/></state>\
         <state id='c'><onentry><raise event='x'/></onentry><transition event='*' cond='none.x' target='s'/></state>\
         <state id='told'/></scxml>"
    );
    Box::leak(text.into_boxed_str())
}

#[tokio::test]
async fn hostile_scripts_end_in_their_limits() {
    let server = server(9).start().await;
    for (name, ends, body) in HOSTILE {
        let documents = Receiver::start().await;
        let page = document(body);
        documents.answer(move |_| Reply::Json(200, page));
        let id = start_session(&server.api, &json!({"src": documents.url})).await;
        let at = format!("/scxml/session/{id}");
        let begun = testkit::now();
        let go = server.api.post(&format!("{at}/event/go"), &json!({})).await;
        assert_eq!(go.status, 200, "{name}: {go:?}");
        until(name, PATIENCE, async || {
            let looked = server.api.get(&format!("{at}/query")).await;
            let told = looked.body["configuration"] == json!(["told"]);
            let over = looked.status == 404;
            match *ends {
                "told" => told,
                _ => over,
            }
            .then_some(())
        })
        .await;
        eprintln!("{name}: {ends} after {} ms", begun.elapsed().as_millis());
        assert!(begun.elapsed() < Duration::from_secs(3), "{name}");
    }
    for broken in [
        "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><scxml>&b;</scxml>",
        "<scxml xmlns='http://www.w3.org/2005/07/scxml' xmlns:xi='http://www.w3.org/2001/XInclude'>\
         <state id='s'><xi:include href='in' xpointer='s'/></state></scxml>",
    ] {
        let documents = Receiver::start().await;
        documents.answer(move |_| Reply::Json(200, broken));
        let begun = testkit::now();
        let body = json!({"src": documents.url});
        let answer = server.api.post("/scxml/session/start", &body).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        eprintln!(
            "refused after {} ms: {}",
            begun.elapsed().as_millis(),
            answer.body["detail"]
        );
    }
    assert_eq!(server.api.get("/livez").await.status, 200);
}

/// Time of a callback from its request to the customer's answer, for so many, one after the other;
/// the longest but one in a hundred, ms.
async fn p99_of_callbacks(server: &Server, notes: &Receiver, count: usize) -> f64 {
    let mut times = Vec::new();
    for _ in 0..count {
        let begun = testkit::now();
        let id = server.api.call_back("quick", "5116").await;
        notes.wait_for(&id, "customer_queued", PATIENCE).await;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        server.api.cancel("quick", &id).await;
    }
    times.sort_by(f64::total_cmp);
    times[(count - 1) * 99 / 100]
}

#[tokio::test]
async fn callbacks_do_not_wait_for_scripts_that_hang() {
    let answers = Behaviour::AnswerAndLeave(Duration::ZERO, Duration::from_secs(60));
    let line = Line::start(move |_, _| answers).await;
    let notes = Receiver::start().await;
    let server = server(line.port).start().await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let text = service("quick", &notes, &[]);
    server.api.import_services(&text).await;
    let documents = Receiver::start().await;
    let page = document("<script>while (true) {}</script>");
    documents.answer(move |_| Reply::Json(200, page));
    let mut ratios = Vec::new();
    for _ in 0..3 {
        let alone = p99_of_callbacks(&server, &notes, 40).await;
        // A script that hangs, again and again, all the while.
        let hang = async {
            loop {
                let id = start_session(&server.api, &json!({"src": documents.url})).await;
                let at = format!("/scxml/session/{id}");
                server.api.post(&format!("{at}/event/go"), &json!({})).await;
                tokio::time::sleep(Duration::from_millis(120)).await;
                server
                    .api
                    .post(&format!("{at}/terminate"), &json!({}))
                    .await;
            }
        };
        let beside = tokio::select! {
            () = hang => 0.0,
            p99 = p99_of_callbacks(&server, &notes, 40) => p99,
        };
        eprintln!("p99 of callbacks: {alone:.1} ms alone, {beside:.1} ms beside a hanging script");
        ratios.push(beside / alone);
    }
    ratios.sort_by(f64::total_cmp);
    eprintln!("median ratio: {:.2}", ratios[1]);
    // The goal of 1.10 is for a quiet machine; here it must not be waiting.
    assert!(ratios[1] < 3.0, "{ratios:?}");
    assert_eq!(server.api.get("/livez").await.status, 200);
}

/// Megabytes of text made a number, fifty times a round: the interrupt is looked at every ten
/// thousand rounds, and no wrapper can stand before an operator.
const HANGS: &str = "<script>var n = 0, s = 'x'.repeat(8e6); for (;;) { \
    n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; \
    n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; \
    n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; \
    n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; \
    n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; n += +s; }\
    </script>";

#[tokio::test]
async fn threads_that_hang_are_set_aside_until_the_process_says_it_is_ill() {
    let server = server(9)
        .set("script", "max_stuck_threads = 2")
        .start()
        .await;
    let documents = Receiver::start().await;
    let (hangs, counts) = (document(HANGS), document("<raise event='none'/>"));
    documents.answer(move |note| match note.request.ends_with("/good") {
        true => Reply::Json(200, counts),
        false => Reply::Json(200, hangs),
    });
    let body = json!({"src": format!("{}/good", documents.url)});
    let good = start_session(&server.api, &body).await;
    let good = format!("/scxml/session/{good}");
    for stuck in 1..=2 {
        let id = start_session(&server.api, &json!({"src": documents.url})).await;
        let at = format!("/scxml/session/{id}");
        let begun = testkit::now();
        server.api.post(&format!("{at}/event/go"), &json!({})).await;
        until("its session is over", PATIENCE, async || {
            (server.api.get(&format!("{at}/query")).await.status == 404).then_some(())
        })
        .await;
        eprintln!(
            "a script that hangs: over after {} ms",
            begun.elapsed().as_millis()
        );
        assert!(begun.elapsed() > Duration::from_secs(2), "its thread hung");
        let health = server.api.get("/livez").await;
        assert_eq!(
            health.status,
            if stuck == 2 { 503 } else { 200 },
            "{health:?}"
        );
        if stuck == 2 {
            assert!(
                health.text.contains("2 threads hang in scripts"),
                "{health:?}"
            );
        }
    }
    // Others go on.
    let go = server
        .api
        .post(&format!("{good}/event/go"), &json!({}))
        .await;
    assert_eq!(go.status, 200, "{go:?}");
    until("the other session has moved", PATIENCE, async || {
        let looked = server.api.get(&format!("{good}/query")).await;
        (looked.body["configuration"] == json!(["s"])).then_some(())
    })
    .await;
}
