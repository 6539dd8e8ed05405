//! What the command prints: one file, or the tables of a corpus.

use serde_json::{Map, Value, json};

use super::baseline::PRESETS;
use super::clip::Seen;
use super::corpus::Judged;
use super::figures::{
    DIMENSIONS, Group, WORDS, beeps, grouped, human_ms, onset_ms, percent, percentile,
    tone_on_speech,
};
use super::goals::Goal;
use crate::output;

/// One file as a line of JSON.
pub(super) fn of_file(name: &str, profile: &str, seen: &Seen) -> Value {
    let verdict = seen.verdict.as_ref();
    let reasons: Vec<Value> = verdict
        .into_iter()
        .flat_map(|v| &v.reasons)
        .map(|r| json!({"rule": r.rule, "value": tenth(r.value), "limit": r.limit, "unit": r.unit}))
        .collect();
    json!({
        "file": name,
        "result": seen.result(),
        "call_state": verdict.map(|v| v.call_state),
        "detail": seen.detail(),
        "decided_after_answer_ms": seen.at_ms(),
        "decided_after_first_sound_ms": verdict.and_then(|v| v.decided_after_first_sound_ms),
        "beep_end_ms": seen.beep.filter(|(_, hz)| *hz > 0.0).map(|(at_ms, _)| at_ms),
        "screening_ms": seen.screening_ms,
        "profile": profile,
        "reasons": reasons,
    })
}

/// A corpus as one line of JSON.
pub(super) fn json(judged: &[Judged], profile: &str, goals: &[Goal]) -> Value {
    let groups = |groups: std::collections::BTreeMap<String, Group>| -> Map<String, Value> {
        let row = |g: &Group| json!({"clips": g.clips, "found": g.found, "results": g.results});
        groups.iter().map(|(k, g)| (k.clone(), row(g))).collect()
    };
    let matrix: Map<String, Value> = grouped(judged, |e| e.label.clone())
        .iter()
        .map(|(label, group)| (label.clone(), json!(group.results)))
        .collect();
    let by: Map<String, Value> = DIMENSIONS
        .iter()
        .map(|(name, key)| ((*name).to_owned(), groups(grouped(judged, key)).into()))
        .collect();
    let times: Map<String, Value> = decision_times(judged)
        .into_iter()
        .map(|(label, values)| {
            let at = |share| rounded(percentile(&values, share));
            let row = json!({"p50": at(0.5), "p95": at(0.95), "clips": values.len()});
            (label.to_owned(), row)
        })
        .collect();
    let beeps = beeps(judged);
    let mut value = json!({
        "clips": judged.len(),
        "profile": profile,
        "matrix": matrix,
        "by": by,
        "decision_ms": times,
        "beep": {
            "clips": beeps.clips,
            "found": beeps.found,
            "late_p95_ms": rounded(percentile(&beeps.late_ms, 0.95)),
        },
        "screening": screening(judged),
        "tone_on_speech": tone_on_speech(judged),
    });
    if let Some(object) = value.as_object_mut() {
        if judged.iter().any(|j| !j.baseline.is_empty()) {
            object.insert("baseline".to_owned(), baselines(judged).into());
        }
        if !goals.is_empty() {
            object.insert("goals".to_owned(), json!(goals));
            let ok = goals.iter().all(|g| g.met);
            object.insert("ok".to_owned(), ok.into());
        }
    }
    value
}

/// A corpus as tables for people.
pub(super) fn text(judged: &[Judged], profile: &str, goals: &[Goal]) -> String {
    let mut text = format!("{} clips, profile {profile}\n\n", judged.len());
    let present: Vec<&str> = WORDS.into_iter().collect();
    let head: Vec<&str> = ["labelled \\ found", "clips", "found %"]
        .into_iter()
        .chain(present.iter().copied())
        .collect();
    let row = |name: &str, group: &Group| {
        let found = format!("{:.1}", group.found_percent());
        let counts = present.iter().map(|w| match group.count(w) {
            0 => String::from("."),
            count => count.to_string(),
        });
        [name.to_owned(), group.clips.to_string(), found]
            .into_iter()
            .chain(counts)
            .collect::<Vec<String>>()
    };
    let by_label = grouped(judged, |e| e.label.clone());
    let rows: Vec<Vec<String>> = WORDS
        .iter()
        .filter_map(|w| Some(row(w, by_label.get(*w)?)))
        .collect();
    text.push_str(&output::table(&head, &rows));
    for (name, key) in DIMENSIONS {
        let groups = grouped(judged, key);
        let rows: Vec<Vec<String>> = groups.iter().map(|(k, g)| row(k, g)).collect();
        let mut head = head.clone();
        if let Some(first) = head.first_mut() {
            *first = name;
        }
        text.push_str(&format!("\n{}", output::table(&head, &rows)));
    }
    text.push_str(&times(judged));
    text.push_str(&goals_text(goals));
    text
}

fn times(judged: &[Judged]) -> String {
    let mut rows = Vec::new();
    for (label, values) in decision_times(judged) {
        let at = |share| format!("{:.0}", percentile(&values, share));
        let from = match label {
            "human" => "end of the utterance",
            "busy" | "congestion" | "ring" | "silence" => "start of the clip",
            _ => "first sound",
        };
        rows.push(vec![label.to_owned(), from.to_owned(), at(0.5), at(0.95)]);
    }
    let beeps = beeps(judged);
    let mut text = format!(
        "\n{}\nbeeps: end found {} of {}, {:.1} % at most 200 ms late, p95 {:.0} ms late\n",
        output::table(&["decided, ms", "counted from", "p50", "p95"], &rows),
        beeps.found,
        beeps.clips,
        percent(beeps.in_time, beeps.clips),
        percentile(&beeps.late_ms, 0.95),
    );
    text.push_str(&format!("screening: {}\n", screening(judged)));
    text.push_str(&format!(
        "speech taken for a tone: {}\n",
        tone_on_speech(judged)
    ));
    if judged.iter().any(|j| !j.baseline.is_empty()) {
        for (name, figures) in baselines(judged) {
            text.push_str(&format!("baseline {name}: {figures}\n"));
        }
    }
    text
}

fn goals_text(goals: &[Goal]) -> String {
    let row = |g: &Goal| {
        let sign = if g.sense == "at_least" { ">=" } else { "<=" };
        let word = if g.met { "met" } else { "MISSED" };
        let limit = format!("{sign} {}", g.goal);
        [
            g.name,
            &g.value.to_string(),
            &limit,
            &g.clips.to_string(),
            word,
        ]
        .map(str::to_owned)
    };
    if goals.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = goals.iter().map(|g| row(g).to_vec()).collect();
    let table = output::table(&["goal", "value", "limit", "clips", ""], &rows);
    format!("\n{table}")
}

/// Lists on standard error what was not recognised.
pub(super) fn misses(judged: &[Judged]) {
    for one in judged.iter().filter(|j| !j.is_found()) {
        let e = &one.entry;
        output::note(&format!(
            "{} {}/{} {} {} dB {} loss {} -> {} after {:?} ms; truth {:?}-{:?}; {:?}",
            e.file,
            e.kind,
            e.source,
            e.noise,
            e.snr_db,
            e.codec,
            e.loss_percent,
            one.seen.detail(),
            one.seen.at_ms(),
            e.onset_ms,
            e.offset_ms,
            one.seen
                .verdict
                .iter()
                .flat_map(|v| &v.reasons)
                .map(|r| format!("{} {:.0}", r.rule, r.value))
                .collect::<Vec<_>>(),
        ));
    }
}

fn decision_times(judged: &[Judged]) -> Vec<(&'static str, Vec<f64>)> {
    let times = WORDS.into_iter().map(|label| match label {
        "human" => (label, human_ms(judged)),
        label => (label, onset_ms(judged, label)),
    });
    times.filter(|(_, values)| !values.is_empty()).collect()
}

/// Screening assistants by what was made of them, and other clips taken for one.
fn screening(judged: &[Judged]) -> Value {
    let of = |screening: bool| {
        judged
            .iter()
            .filter(move |j| (j.entry.kind == "screening") == screening)
    };
    let named = |j: &&Judged| j.seen.screening_ms.is_some();
    let human = |j: &&Judged| j.seen.result() == "human";
    json!({
        "clips": of(true).count(),
        "found": of(true).filter(named).count(),
        "human": of(true).filter(human).count(),
        "false": of(false).filter(named).count(),
    })
}

/// What the published rules make of the same clips.
fn baselines(judged: &[Judged]) -> Map<String, Value> {
    let mut map = Map::new();
    for (number, preset) in PRESETS.iter().enumerate() {
        let share = |label: &str, kind: &str, wanted: &str| {
            let clips: Vec<&Judged> = judged
                .iter()
                .filter(|j| j.entry.label == label && (kind.is_empty() || j.entry.kind == kind))
                .collect();
            let said = |j: &&&Judged| j.baseline.get(number).is_some_and(|a| a.result == wanted);
            tenth(percent(clips.iter().filter(said).count(), clips.len()))
        };
        let late: Vec<f64> = judged
            .iter()
            .filter(|j| j.entry.label == "human")
            .filter_map(|j| {
                let answer = j.baseline.get(number).filter(|a| a.result == "human")?;
                Some(f64::from(answer.at_ms) - j.entry.offset_ms?)
            })
            .collect();
        let row = json!({
            "residential_percent": share("human", "short", "human"),
            "residential_lost_percent": share("human", "short", "machine"),
            "business_percent": share("human", "business", "human"),
            "machine_percent": share("machine", "", "machine"),
            "human_p50_ms": rounded(percentile(&late, 0.5)),
            "human_p95_ms": rounded(percentile(&late, 0.95)),
        });
        map.insert(preset.name.to_owned(), row);
    }
    map
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Whole milliseconds; nothing for no value.
fn rounded(value: f64) -> Value {
    if value.is_finite() {
        json!(value.round())
    } else {
        Value::Null
    }
}
