//! Speaking with programs that are there, slow, too loud or broken.

use super::*;

/// A program in a folder of its own.
fn program(script: &str) -> (tempfile::TempDir, Synthesiser) {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("speaker");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
    let parsed = Synthesiser::parse(&format!("command:{} {{lang}}", path.display())).unwrap();
    (folder, parsed)
}

fn speech(synthesiser: Synthesiser) -> Speech {
    // Refused when a provider is there already, which is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    Speech::new(synthesiser).unwrap()
}

async fn error(script: &str) -> SpeechError {
    let (_folder, synthesiser) = program(script);
    speech(synthesiser).speak(None, "Hello").await.unwrap_err()
}

/// Writes a WAV file of `ms` at 8 kHz from a shell.
fn wav(ms: usize) -> String {
    let bytes = ms * 16;
    format!(
        "cat >/dev/null; printf 'RIFF\\377\\377\\377\\177WAVEfmt \\020\\000\\000\\000\\001\\000\\001\\000\
         \\100\\037\\000\\000\\200\\076\\000\\000\\002\\000\\020\\000data\\377\\377\\377\\177'; \
         head -c {bytes} /dev/zero"
    )
}

#[test]
fn the_setting_names_nobody_a_program_or_a_service() {
    let parse = Synthesiser::parse;
    assert_eq!(parse("none"), Ok(Synthesiser::None));
    let words = vec!["espeak-ng".to_owned(), "-q".to_owned()];
    assert_eq!(
        parse("command:espeak-ng -q"),
        Ok(Synthesiser::Command(words))
    );
    let url = "http://tts.example.net/speak";
    assert_eq!(parse(url), Ok(Synthesiser::Url(url.to_owned())));
    for wrong in ["command:", "say", "file:///x", "http://169.254.169.254/"] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_language_can_be_an_argument() {
    assert_eq!(language(Some("de-DE")), "de-DE");
    for odd in ["", "-x", "de;rm", "a b", "\"><x"] {
        assert_eq!(language(Some(odd)), "en", "{odd}");
    }
}

#[test]
fn what_was_spoken_makes_room_for_what_is_new() {
    let mut spoken = Spoken::default();
    let clip = Clip::from_samples(vec![0; limits::SPOKEN_SAMPLES_MAX / 4]);
    let key = |n: usize| ("en".to_owned(), n.to_string());
    for n in 0..4 {
        spoken.put(key(n), &clip);
    }
    assert!(spoken.get(&key(0)).is_some());
    spoken.put(key(4), &clip);
    assert!(spoken.get(&key(1)).is_none(), "the oldest is gone");
    assert!(spoken.get(&key(0)).is_some());
    assert!(spoken.samples <= limits::SPOKEN_SAMPLES_MAX);
}

#[tokio::test]
async fn nobody_speaks_without_a_synthesiser() {
    let nobody = speech(Synthesiser::None);
    assert_eq!(
        nobody.speak(None, "x").await.unwrap_err(),
        SpeechError::None
    );
}

#[tokio::test]
async fn a_text_is_spoken_once_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let count = folder.path().join("count");
    let script = format!("echo x >> {}; {}", count.display(), wav(500));
    let (_folder, synthesiser) = program(&script);
    let speech = speech(synthesiser);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let speech = speech.clone();
        calls.spawn(async move { speech.speak(Some("en"), "Hello").await });
    }
    for clip in calls.join_all().await {
        assert_eq!(clip.unwrap().duration_ms(), 500);
    }
    let spoken = || std::fs::read_to_string(&count).unwrap().lines().count();
    // Those that have a place at the same moment do not know of each other.
    assert!(spoken() <= limits::SPEAKERS_MAX, "{}", spoken());
    let before = spoken();
    speech.speak(Some("en"), "Hello").await.unwrap();
    assert_eq!(spoken(), before, "it is kept");
    speech.speak(Some("de"), "Hello").await.unwrap();
    assert_eq!(spoken(), before + 1, "another language");
}

#[tokio::test]
async fn a_program_that_fails_says_so() {
    let check = |error: SpeechError, part: &str| {
        assert!(error.to_string().contains(part), "{error}");
    };
    check(error("cat >/dev/null; exit 3").await, "exit status: 3");
    check(error("cat >/dev/null; echo no audio").await, "no audio");
    assert_eq!(error("cat /dev/zero").await, SpeechError::TooLarge);
    let missing = Synthesiser::parse("command:/no/such/program").unwrap();
    check(
        speech(missing).speak(None, "x").await.unwrap_err(),
        "failed",
    );
}

#[tokio::test]
async fn a_slow_program_is_ended_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let alive = folder.path().join("alive");
    let script = format!(
        "sh -c 'echo $$ > {}; exec sleep 1000' & wait",
        alive.display()
    );
    let (_folder, synthesiser) = program(&script);
    let speech = speech(synthesiser);
    let call = tokio::time::timeout(std::time::Duration::from_secs(2), speech.speak(None, "x"));
    assert!(call.await.is_err(), "dropped as after ten seconds");
    let pid = std::fs::read_to_string(&alive).unwrap();
    let gone = || {
        !std::path::Path::new(&format!("/proc/{}/fd", pid.trim())).exists()
            || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
                .is_ok_and(|stat| stat.contains(") Z "))
    };
    for _ in 0..500 {
        if gone() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it still runs");
}

#[tokio::test]
async fn espeak_speaks_markup() {
    let path = std::path::Path::new("/usr/bin/espeak-ng");
    if !path.exists() {
        println!("skipped: espeak-ng is not installed");
        return;
    }
    let speech = speech(Synthesiser::parse("command:espeak-ng").unwrap());
    let short = speech.speak(Some("en-US"), "Press one.").await.unwrap();
    let ssml = "Press one.<break time=\"2s\"/>";
    let long = speech.speak(Some("de-DE"), ssml).await.unwrap();
    assert!(short.duration_ms() > 300, "{short:?}");
    assert!(long.duration_ms() > 2_000, "{long:?}");
    assert_eq!(
        speech.speak(Some("xx"), "Press one.").await.unwrap_err(),
        SpeechError::Language("xx".to_owned())
    );
}
