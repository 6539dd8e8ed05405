//! The command line: exit status and what is said.

use std::time::Duration;

use serde_json::Value;
use testkit::{Output, run};

use crate::common::{PROGRAM, server};

const WITHIN: Duration = Duration::from_secs(20);

pub(crate) async fn ringback(args: &[&str]) -> Output {
    run(PROGRAM, args, WITHIN).await
}

#[tokio::test]
async fn an_unknown_argument_is_a_usage_error() {
    let output = ringback(&["serve", "--colour", "blue"]).await;
    assert_eq!(output.code, 2, "{output:?}");
    assert!(output.stderr.contains("--colour"), "{output:?}");
    assert_eq!(output.stdout, "");
    let output = ringback(&["services", "list", "--json", "--colour"]).await;
    assert_eq!(output.code, 2, "{output:?}");
    let last = output.stdout.lines().last().unwrap_or_default();
    let told: Value = serde_json::from_str(last).unwrap();
    assert_eq!(told["ok"], false);
    let message = told["error"]["message"].as_str().unwrap();
    assert!(message.contains("--colour"), "{message}");
    let version = ringback(&["--version"]).await;
    assert_eq!((version.code, version.stderr.as_str()), (0, ""));
}

#[tokio::test]
async fn an_unknown_key_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ringback.toml");
    std::fs::write(
        &path,
        "[http]\nlisten = \"127.0.0.1:0\"\n\n[sip]\nlissten = \"x\"\n",
    )
    .unwrap();
    let output = ringback(&["serve", "--config", path.to_str().unwrap()]).await;
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.stderr.contains("lissten"), "{output:?}");
    let has_line = [":5", "line 5"]
        .iter()
        .any(|text| output.stderr.contains(text));
    assert!(has_line, "no line number in {output:?}");
}

#[tokio::test]
async fn a_missing_configuration_is_bad_input() {
    let output = ringback(&["serve", "--config", "/nonexistent/ringback.toml"]).await;
    assert_eq!(output.code, 3, "{output:?}");
}

#[tokio::test]
async fn without_credentials_only_loopback_is_listened_on() {
    let folder = server(9).set("http", "listen = \"0.0.0.0:0\"").folder();
    let path = folder.path().join("ringback.toml");
    let output = ringback(&["serve", "--config", path.to_str().unwrap()]).await;
    assert_eq!(output.code, 3, "{output:?}");
    assert!(
        output.stderr.contains("username"),
        "the remedy is not named: {output:?}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_status_4() {
    let url = "http://127.0.0.1:1";
    for command in [
        ["callbacks", "list"],
        ["services", "list"],
        ["agents", "list"],
    ] {
        let output = ringback(&[command[0], command[1], "--url", url]).await;
        assert_eq!(output.code, 4, "{command:?}: {output:?}");
    }
}

#[tokio::test]
async fn the_ready_line_is_one_json_object_on_standard_output_and_in_the_file() {
    let server = server(9).start().await;
    let output = server.output();
    let line: Value = serde_json::from_str(output.lines().next().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{error} in {output:?}"));
    assert_eq!(&line, server.ready());
    assert_eq!(line["event"], "ready");
    assert_eq!(line["pid"], server.pid());
    assert_eq!(line["http"].as_str(), Some(server.url().as_str()));
    assert!(
        line["sip"]
            .as_str()
            .is_some_and(|sip| sip.starts_with("127.0.0.1:")),
        "{line}"
    );
    assert!(
        line["version"].is_string() && line["start_ms"].is_u64(),
        "{line}"
    );
}

#[tokio::test]
async fn client_commands_print_one_json_object_as_last_line() {
    let server = server(9).start().await;
    let agents = server.folder().join("agents.ini");
    std::fs::write(&agents, crate::common::agents(&[("kim", "7001")])).unwrap();
    let url = server.url();
    let last = async |args: &[&str]| -> Value {
        let mut args = args.to_vec();
        args.extend(["--json", "--url", &url]);
        let output = ringback(&args).await;
        assert_eq!(output.code, 0, "{args:?}: {output:?}");
        let line = output.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    };

    last(&["agents", "import", agents.to_str().unwrap()]).await;
    let listed = last(&["agents", "list"]).await;
    assert_eq!(listed["agents"][0]["id"], "kim");
    assert_eq!(listed["agents"][0]["extension"], "7001");
    assert_eq!(
        last(&["services", "list"]).await["services"],
        serde_json::json!([])
    );
    assert_eq!(
        last(&["callbacks", "list"]).await["callbacks"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn an_application_runs_without_a_phone() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let path = format!("{folder}/confirm.vxml");
    let output = ringback(&["vxml", "run", &path, "--dtmf", "", "--dtmf", "2"]).await;
    assert_eq!(output.code, 0, "{output:?}");
    let lines: Vec<Value> = output
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["kind"].as_str())
        .collect();
    for kind in ["goto", "prompt", "event", "input", "result"] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
    let result = lines.last().unwrap();
    assert_eq!(result["outcome"], "exit", "{result}");
    assert_eq!(result["treatment_result"]["delay"], 1800, "{result}");

    let path = format!("{folder}/choose-date.vxml");
    let output = ringback(&["vxml", "run", &path, "--dtmf", "20261124"]).await;
    let result: Value = serde_json::from_str(output.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(
        result["treatment_result"]["delay"],
        3 * 86_400,
        "{output:?}"
    );
}

#[tokio::test]
async fn a_page_is_checked_with_places() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.vxml");
    std::fs::write(&path, "<vxml version='2.1'>\n  <field/>\n</vxml>").unwrap();
    let output = ringback(&["vxml", "check", path.to_str().unwrap(), "--json"]).await;
    assert_eq!(output.code, 3, "{output:?}");
    let report: Value = serde_json::from_str(output.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(report["ok"], false);
    assert_eq!(
        (
            &report["problems"][0]["line"],
            &report["problems"][0]["column"]
        ),
        (&2.into(), &3.into())
    );

    // A slip that only a caller would find.
    let page = "<vxml version='2.1'><form>\n<feild name='x'/></form></vxml>";
    std::fs::write(&path, page).unwrap();
    let output = ringback(&["vxml", "check", path.to_str().unwrap()]).await;
    assert_eq!(output.code, 3, "{output:?}");
    assert!(
        output.stdout.contains("2:1: <feild> is not supported"),
        "{output:?}"
    );

    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/confirm.vxml");
    assert_eq!(ringback(&["vxml", "check", example]).await.code, 0);
}
