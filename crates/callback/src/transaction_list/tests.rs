//! The sample list, its broken copies, and what is refused.

use super::*;

/// The full example of notifications §5.3.
const SAMPLE: &str = include_str!("sample.cfg");

fn clean(text: &str) -> TransactionList {
    let import = import("Events", text, true);
    assert_eq!(import.errors, []);
    import.list
}

fn codes(text: &str) -> Vec<(u32, &'static str)> {
    let import = import("Events", text, false);
    assert_eq!(import.errors, []);
    import.warnings.iter().map(|w| (w.line, w.code)).collect()
}

/// Line and key of the errors.
fn faults(text: &str) -> Vec<(u32, String)> {
    let errors = import("Events", text, false).errors;
    errors.into_iter().map(|e| (e.line, e.option)).collect()
}

#[test]
fn the_sample_of_the_reference_imports_cleanly() {
    let import = import("Ringback_Events", SAMPLE, true);
    assert_eq!(
        (import.errors, import.warnings, import.repairs),
        (vec![], vec![], vec![])
    );
    let list = import.list;
    assert_eq!(list.wanted().len(), 15);
    assert_eq!(list.property("_status_notification_type"), Some("httpcb"));
    assert_eq!(list.property("_status_notification_provider"), None);
    let exit = &list.wanted()[8];
    assert_eq!(exit.event, EventId::ServiceExit);
    assert_eq!(
        exit.params.last().map(String::as_str),
        Some("c_termination_type")
    );
    assert_eq!(
        exit.custom.keys().collect::<Vec<_>>(),
        ["desk", "schema", "final"]
    );
    assert_eq!(
        clean(&list.to_ini()).sections,
        list.sections,
        "what is exported imports again"
    );
}

#[test]
fn a_copy_without_underscores_gives_the_same_list_with_a_line_per_repair() {
    let import = import("Events", &SAMPLE.replace('_', " "), false);
    assert_eq!((import.errors, import.warnings), (vec![], vec![]));
    assert_eq!(import.list, clean(SAMPLE));
    // Everything that has an underscore in the sample, but for the comment.
    let names: usize = clean(SAMPLE)
        .sections
        .iter()
        .map(|section| {
            let items = |(key, value): &(String, String)| match key.as_str() {
                "notify_params" => 1 + ini::list(value).count(),
                _ => 1 + usize::from(value == "subscribe_notify"),
            };
            usize::from(section.name != PROPERTIES)
                + section.entries.iter().map(items).sum::<usize>()
        })
        .sum();
    assert_eq!(import.repairs.len(), names);
    let dial = &import.repairs[import
        .repairs
        .iter()
        .position(|r| r.to == "_cbe_on_dial_done")
        .unwrap()];
    assert_eq!((dial.line, dial.from.as_str()), (26, "cbe on dial done"));
    assert!(
        import
            .repairs
            .windows(2)
            .all(|pair| pair[0].line <= pair[1].line)
    );
}

#[test]
fn strict_refuses_repairs() {
    let import = import(
        "Events",
        "[properties]\nstatus notification type = httpcb\n",
        true,
    );
    assert_eq!(import.repairs, []);
    assert_eq!(import.errors.len(), 1);
    assert_eq!(
        (import.errors[0].line, import.errors[0].allowed.as_str()),
        (2, "_status_notification_type")
    );
}

#[test]
fn a_list_broken_after_a_comma_is_read_as_one() {
    let text =
        "[_cbe_on_dial_done]\nnotify_params = _service_id,\nc_call_result,\n c_dialed_number\n";
    assert_eq!(
        clean(text).wanted()[0].params,
        ["_service_id", "c_call_result", "c_dialed_number"]
    );
}

#[test]
fn texts_to_be_filled_in_count_as_unset() {
    let list = clean(
        "[properties]\n_status_notification_target = <your URL>\n[_cbe_on_dial_done]\nnotify_custom = <JSON>\n",
    );
    assert_eq!(list.property("_status_notification_target"), None);
    assert!(list.wanted()[0].custom.is_empty());
}

#[test]
fn unknown_events_and_wrong_values_are_errors_with_their_line() {
    assert_eq!(faults("\n[_cbe_on_dial_don]\n"), [(2, String::new())]);
    assert_eq!(
        faults("[_cbe_on_dial_done]\nnotify_custom = [1]\n"),
        [(2, "notify_custom".to_owned())]
    );
    let kind = "_status_notification_type";
    assert_eq!(
        faults("[properties]\n_status_notification_type = fax\n"),
        [(2, kind.to_owned())]
    );
    assert_eq!(
        faults("key = 1\n").len(),
        1,
        "a key before the first section"
    );
    let many: String = (0..257).map(|n| format!("[s{n}]\n")).collect();
    assert_eq!(faults(&many).len(), 1);
    assert!(
        import("a/b", "", false).errors.len() == 1,
        "no path is a name"
    );
}

#[test]
fn what_looks_like_a_mistake_is_told() {
    assert_eq!(codes("[other]\na = 1\n"), [(1, "UNKNOWN_SECTION")]);
    assert_eq!(codes("[properties]\nown = 1\n"), [(2, "UNKNOWN_KEY")]);
    assert_eq!(
        codes("[_cbe_on_dial_done]\n[properties]\n[_cbe_on_dial_done]\n"),
        [(3, "REPEATED")]
    );
    assert_eq!(
        codes("[_cbe_on_dial_done]\n[cbe on dial done]\n"),
        [(2, "REPEATED")]
    );
    let text = "[properties]\n_enable_status_notification = notify\n_status_notification_target = http://h/\n";
    assert_eq!(codes(text), [(2, "NOTIFY_WITHOUT_SUBSCRIBER")]);
    let text = "[_cbe_on_dial_done]\nnotify_params = c_call_result\nnotify_custom = {\"timestamp\":\"x\",\"c_call_result\":1,\"a\":1}\n";
    assert_eq!(codes(text), [(3, "KEY_COLLISION"), (3, "KEY_COLLISION")]);
}

#[test]
fn unknown_parts_are_kept() {
    let list = clean(
        "[other]\na b = 1\n[_cbe_on_dial_done]\nnotify_params = own data, x\nkey = 1\n"
            .replace("own data", "own_data")
            .as_str(),
    );
    assert_eq!(
        list.sections[0].entries,
        [("a b".to_owned(), "1".to_owned())]
    );
    assert_eq!(list.sections[1].entries.len(), 2);
    assert_eq!(list.wanted()[0].params, ["own_data", "x"]);
}

/// The sample as printed copies of guides have it: underscores lost, a list broken after a comma
/// without a leading blank, a text to be filled in.
const PRINTED: &str = include_str!("printed.cfg");

#[test]
fn a_printed_copy_of_the_sample_imports_cleanly_with_a_report_per_line() {
    let import = import("Printed", PRINTED, false);
    assert_eq!((import.errors, import.warnings), (vec![], vec![]));
    let sample = clean(SAMPLE);
    assert_eq!(import.list.wanted(), sample.wanted());
    assert_eq!(import.list.property("_status_notification_target"), None);
    assert_eq!(
        import.list.property("_enable_status_notification"),
        Some("subscribe_notify")
    );
    // The page shows the beginning of the report, and how long it is.
    let page = include_str!("../../../../docs/transaction-lists.md");
    let told =
        |r: &ini::Repair| format!("printed.cfg:{}: repaired: {} -> {}", r.line, r.from, r.to);
    let report: Vec<String> = import.repairs.iter().map(told).collect();
    let shown: Vec<&str> = page
        .lines()
        .filter(|l| l.starts_with("printed.cfg:"))
        .collect();
    assert_eq!(shown, report[..shown.len()]);
    assert!(shown.len() > 15, "{}", shown.len());
    assert!(
        page.contains(&format!("{} repairs", report.len())),
        "{}",
        report.len()
    );
    let begin: Vec<&str> = PRINTED.lines().take(12).collect();
    assert!(page.contains(&begin.join("\n")), "the page shows the file");
}
