//! Treatments in real calls: files, sub-folders, addresses, and what is not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use testkit::{Behaviour, Line, Note, PATIENCE, Receiver, audio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::common::{agents, ended, server, service, site, story};

#[tokio::test]
async fn files_that_cannot_be_played_count_as_played_and_the_call_goes_on() {
    let line = Line::start(|_, _| Behaviour::Answer(Duration::ZERO)).await;
    let receiver = Receiver::start().await;
    let extra = [
        "_treatment_customer_connect = missing.wav",
        "_treatment_waiting_for_agent = http://127.0.0.1:9/music.wav",
        "_treatment_find_agent_fail = also-missing.wav",
        "_max_time_to_wait_for_agent_on_the_call = 2",
    ];
    let server = site(line.port, &receiver, &extra).await;

    let id = server.api.call_back("desk", "5115").await;
    let notes = receiver.whole(&id, PATIENCE).await;

    let told = story(&notes);
    let rest = ["connect_treatment_start", "customer_queued", "service_exit"];
    assert_eq!(told.get(told.len() - 3..).unwrap_or_default(), rest);
    assert_eq!(ended(&notes), "FAIL_TARGET_NOT_FOUND");
    assert!(server.log().contains("a treatment"), "a warning is logged");
}

/// A web server with one file and a validator; counts how often the file itself was sent.
async fn web(file: Vec<u8>) -> (String, Arc<AtomicUsize>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has one");
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let mut task = JoinSet::new();
    task.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..length]).to_lowercase();
            let answer = if head.contains("if-none-match: \"1\"") {
                b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".to_vec()
            } else {
                count.fetch_add(1, Ordering::SeqCst);
                let head = format!(
                    "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: {}\r\n\
                     Connection: close\r\n\r\n",
                    file.len()
                );
                [head.into_bytes(), file.clone()].concat()
            };
            stream.write_all(&answer).await.ok();
        }
    });
    (format!("http://{address}/hello.wav"), sent, task)
}

/// How long the greeting was played.
fn greeted(notes: &[Note]) -> Duration {
    let at = |event: &str| {
        let found = notes.iter().find(|note| note.event() == event);
        found.expect("the event came").at
    };
    at("customer_queued") - at("connect_treatment_start")
}

#[tokio::test]
async fn treatments_come_from_urls_and_sub_folders() {
    let leave = Duration::from_millis(2500);
    let line = Line::start(move |_, _| Behaviour::AnswerAndLeave(Duration::ZERO, leave)).await;
    let receiver = Receiver::start().await;
    let server = server(line.port).start().await;
    let folder = server.folder().join("treatments/de");
    std::fs::create_dir(&folder).expect("the folder is writable");
    let file = folder.join("hello.wav");
    audio::write_wav(&file, &audio::tone(500.0, 1200, 8000));
    let (url, sent, _web) = web(std::fs::read(&file).expect("just written")).await;
    server.api.import_agents(&agents(&[("kim", "7001")])).await;
    let by_url = format!("_treatment_customer_connect = {url}");
    let by_json = r#"_treatment_customer_connect = {"file":"de/hello.wav","hints":{"colour":1}}"#;
    let off = "_treatment_customer_connect = { }";
    for (name, line) in [("web", by_url.as_str()), ("folder", by_json), ("off", off)] {
        server
            .api
            .import_services(&service(name, &receiver, &[line]))
            .await;
    }

    for (name, number) in [("web", "5101"), ("folder", "5102"), ("web", "5103")] {
        let id = server.api.call_back(name, number).await;
        let length = greeted(&receiver.whole(&id, PATIENCE).await);
        let expected = Duration::from_millis(1000)..Duration::from_millis(2000);
        assert!(expected.contains(&length), "{name}: {length:?}");
    }
    assert_eq!(sent.load(Ordering::SeqCst), 1, "asked again, sent once");
    let id = server.api.call_back("off", "5104").await;
    let told = story(&receiver.whole(&id, PATIENCE).await);
    assert!(
        !told.iter().any(|e| e == "connect_treatment_start"),
        "{told:?}"
    );
}
