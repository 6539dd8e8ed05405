//! Reading treatments, taking digits.

use super::*;

fn element(
    name: &str,
    attributes: &[(&str, Value)],
    children: Vec<ActionElement>,
) -> ActionElement {
    let text = |(n, v): &(&str, Value)| ((*n).to_owned(), v.clone());
    ActionElement {
        name: name.to_owned(),
        attributes: attributes.iter().map(text).collect(),
        params: Vec::new(),
        content: None,
        children,
    }
}

fn collect(input: &[(&str, Value)]) -> Result<Treatment, (&'static str, String)> {
    let prompt = element("prompt", &[("userannid", json!("press-1.wav"))], vec![]);
    let prompts = element("prompts", &[("type", json!("ann"))], vec![prompt]);
    let input = element("input", input, vec![]);
    let whole = element("playandcollect", &[], vec![prompts, input]);
    Treatment::read(&whole, "s", "r", false)
}

#[test]
fn digits_are_collected_until_they_are_complete() {
    let mut one = collect(&[("max_digits", json!(1.0)), ("total_timeout", json!("5s"))]).unwrap();
    assert_eq!(one.prompts, [file("press-1.wav")]);
    assert_eq!(one.within, Some(Duration::from_secs(5)));
    assert_eq!(one.press('1'), Pressed::Complete);
    let (name, data) = one.done();
    assert_eq!(name, "dialog.playandcollect.done");
    assert_eq!(data, json!({"requestid": "r", "digits": "1"}));
    let mut many = collect(&[("term_digits", json!("#")), ("abort_digits", json!("*"))]).unwrap();
    assert_eq!(
        (many.press('4'), many.press('2')),
        (Pressed::Counts, Pressed::Counts)
    );
    assert_eq!(many.press('#'), Pressed::Complete);
    assert_eq!(many.done().1["digits"], "42");
    assert_eq!(many.press('*'), Pressed::Aborted);
}

#[test]
fn what_cannot_be_done_is_said_by_name() {
    assert_eq!(
        collect(&[("max_digits", json!(0))]).unwrap_err().0,
        "invalidattribute"
    );
    assert_eq!(
        collect(&[("total_timeout", json!("soon"))]).unwrap_err().0,
        "invalidattribute"
    );
    let spoken = element("prompt", &[("text", json!("Hello"))], vec![]);
    let prompts = element("prompts", &[("type", json!("tts"))], vec![spoken]);
    let play = element("play", &[], vec![prompts]);
    assert_eq!(
        Treatment::read(&play, "s", "r", false).unwrap_err().0,
        "notsupported"
    );
    let odd = element("playsound", &[("type", json!("whistle"))], vec![]);
    assert_eq!(
        Treatment::read(&odd, "s", "r", false).unwrap_err().0,
        "invalidattribute"
    );
    let outside = element("prompt", &[("userannid", json!("../x.wav"))], vec![]);
    let prompts = element("prompts", &[], vec![outside]);
    let play = element("play", &[], vec![prompts]);
    assert_eq!(
        Treatment::read(&play, "s", "r", false).unwrap_err().0,
        "invalidattribute"
    );
    let number = element("prompt", &[("intid", json!(17))], vec![]);
    let found = sound(&number, "", false);
    assert_eq!(found, Ok(Sound::File("17.wav".to_owned())));
}

fn file(name: &str) -> Prompt {
    Prompt {
        sound: Sound::File(name.to_owned()),
        goes_on: false,
    }
}

fn prompts(kind: &str, attributes: &[(&str, Value)]) -> ActionElement {
    let prompt = element("prompt", attributes, vec![]);
    element("prompts", &[("type", json!(kind))], vec![prompt])
}

#[test]
fn texts_and_numbers_are_spoken_where_somebody_speaks() {
    let said = |attributes: &[(&str, Value)]| {
        let group = prompts("tts", attributes);
        let play = element("play", &[("language", json!("en-GB"))], vec![group]);
        let read = Treatment::read(&play, "s", "r", true).unwrap();
        match read.prompts.front().map(|prompt| prompt.sound.clone()) {
            Some(Sound::Text(text, language)) => (text, language),
            other => panic!("{other:?}"),
        }
    };
    let english = || "en-GB".to_owned();
    assert_eq!(
        said(&[("text", json!("Hello"))]),
        ("Hello".to_owned(), english())
    );
    assert_eq!(
        said(&[("number", json!("407"))]),
        ("4 0 7".to_owned(), english())
    );
}

#[test]
fn sounds_are_tones_music_or_nothing() {
    let sound = |kind: &str, duration: &str| {
        let attributes = [("type", json!(kind)), ("duration", json!(duration))];
        let element = element("playsound", &attributes, vec![]);
        Treatment::read(&element, "s", "r", false).unwrap()
    };
    for (kind, tone) in [
        ("ringback", Tone::Ringback),
        ("busy", Tone::Busy),
        ("fastbusy", Tone::FastBusy),
    ] {
        let read = sound(kind, "2");
        assert!(read.forever);
        assert_eq!(read.prompts[0].sound, Sound::Tone(tone));
        assert_eq!(read.within, Some(Duration::from_secs(2)));
    }
    assert!(sound("music", "").within.is_none());
    let silence = sound("silence", "1.5");
    assert!(silence.prompts.is_empty() && !silence.forever);
    assert_eq!(silence.within, Some(Duration::from_millis(1_500)));
    let pause = element("pause", &[], vec![]);
    let pause = Treatment::read(&pause, "s", "r", false).unwrap();
    assert_eq!(pause.within, Some(Duration::from_secs(1)));
}

fn verify(input: &[(&str, Value)]) -> Result<Treatment, Refusal> {
    let groups = ["ann", "iretry", "ifailure", "isuccess", "itimeout"];
    let mut children: Vec<ActionElement> = groups
        .iter()
        .map(|kind| prompts(kind, &[("userannid", json!(format!("{kind}.wav")))]))
        .collect();
    children.push(element("input", input, vec![]));
    let whole = element("playandverify", &[], children);
    Treatment::read(&whole, "s", "r", false)
}

#[test]
fn digits_are_held_against_those_that_are_right() {
    let input = [
        ("max_digits", json!(2)),
        ("verify_digits", json!("42")),
        ("attempts", json!(2)),
    ];
    let mut pin = verify(&input).unwrap();
    assert_eq!(pin.prompts, [file("ann.wav")]);
    pin.prompts.clear();
    let enter = |pin: &mut Treatment, digits: &str| {
        let last = digits.chars().map(|digit| pin.press(digit)).last();
        assert_eq!(last, Some(Pressed::Complete));
        pin.judge()
    };
    assert_eq!(enter(&mut pin, "41"), None);
    assert_eq!(pin.prompts, [file("iretry.wav")]);
    assert_eq!(enter(&mut pin, "42"), Some(Closing::Done));
    assert_eq!(pin.last_prompts(&Closing::Done), [file("isuccess.wav")]);
    assert_eq!(pin.done().1["digits"], "42");

    let mut pin = verify(&input).unwrap();
    assert_eq!(enter(&mut pin, "00"), None);
    let closing = enter(&mut pin, "01").unwrap();
    assert!(matches!(closing, Closing::Failed("unknown", _)));
    assert_eq!(pin.last_prompts(&closing), [file("ifailure.wav")]);
    assert_eq!(pin.failed("unknown", "").1["digits"], "01");
    let slow = Closing::Failed("timeout", String::new());
    assert_eq!(pin.last_prompts(&slow), [file("itimeout.wav")]);
    assert!(verify(&[]).is_err(), "it has to say what is right");
}

#[test]
fn an_application_has_an_address_and_a_remote_treatment_a_destination() {
    let start = |kind: &str, params: &[(&str, &str)]| {
        let mut start = element("start", &[("type", json!(kind))], vec![]);
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), json!(value));
        start.params = params.iter().map(pair).collect();
        Treatment::read(&start, "s", "r", false)
    };
    let url = "http://pages.example.net/a.vxml";
    let read = start(
        "applid",
        &[("APP_URI", url), ("LANGUAGE", "de-DE"), ("a", "b")],
    );
    let (address, data) = read.unwrap().application.unwrap();
    assert_eq!(address, url);
    assert_eq!(Value::Object(data), json!({"LANGUAGE": "de-DE", "a": "b"}));
    for wrong in [
        start("applid", &[]),
        start("applid", &[("APP_URI", "file:///etc/passwd")]),
        start("other", &[("APP_URI", url)]),
    ] {
        assert_eq!(wrong.unwrap_err().0, "invalidattribute");
    }
    let remote = element("remote", &[("destination", json!("5100"))], vec![]);
    let remote = Treatment::read(&remote, "s", "r", false).unwrap();
    assert_eq!(remote.remote, Some(("5100".to_owned(), String::new())));
    let nowhere = element("remote", &[], vec![]);
    assert!(Treatment::read(&nowhere, "s", "r", false).is_err());
}
