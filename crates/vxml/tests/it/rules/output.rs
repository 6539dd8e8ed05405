//! Prompts and audio.

use serde_json::json;

use vxml::{Answer, Effect, Ending, Input, Session, Start};

use crate::support::{page, vxml};

/// V2.0 4.1.1: text, values and audio are played in their order.
#[test]
fn prompts_are_played_in_order() {
    let report =
        page("<form><block>Hello <value expr='1+1'/> <audio src='a.wav'/> bye</block></form>")
            .run();
    assert_eq!(report.prompts(), ["Hello 2 [http://pages.test/a.wav] bye"]);
}

/// V2.0 4.1.3: without its audio the content of `audio` is played.
#[test]
fn audio_has_a_fallback() {
    let report =
        page("<form><block><audio src='a.wav'>words <audio src='b.wav'/></audio></block></form>")
            .without_audio("a.wav")
            .run();
    assert_eq!(report.prompts(), ["words [http://pages.test/b.wav]"]);
}

/// V2.0 4.1.3: audio that cannot be had and has no content is silence without an event.
#[test]
fn missing_audio_is_silence() {
    let report = page("<form><block><audio src='a.wav'/><exit/></block></form>")
        .silent()
        .without_audio("a.wav")
        .run();
    assert!(report.events().is_empty());
}

/// V2.0 4.1.3: `expr` computes the address; undefined means the content.
#[test]
fn audio_may_be_computed() {
    let report = page("<var name='none'/><form><block><audio expr=\"'x' + '.wav'\"/><audio expr='none'>else</audio></block></form>").run();
    assert_eq!(report.prompts(), ["[http://pages.test/x.wav] else"]);
}

/// V2.0 4.1.4: an undefined value is left out.
#[test]
fn an_undefined_value_is_left_out() {
    let report =
        page("<var name='none'/><form><block>a <value expr='none'/> b</block></form>").run();
    assert_eq!(report.prompts(), ["a b"]);
}

/// V2.0 4.1.6: of the prompts those with the highest fitting count are played.
#[test]
fn counts_choose_prompts() {
    let report = page("<form><field type='digits'><prompt>1a</prompt><prompt>1b</prompt><prompt count='3'>3</prompt><noinput><reprompt/></noinput><noinput count='4'><exit/></noinput></field></form>").run();
    assert_eq!(report.prompts(), ["1a", "1b", "1a", "1b", "3", "3"]);
}

/// V2.0 4.1.6: prompts with a false `cond` do not count.
#[test]
fn a_false_condition_takes_a_prompt_out() {
    let report = page("<form><field type='digits'><prompt>one</prompt><prompt count='2' cond='false'>never</prompt><noinput><reprompt/></noinput><noinput count='2'><exit/></noinput></field></form>").run();
    assert_eq!(report.prompts(), ["one", "one"]);
    let report = page("<form><field type='digits'><prompt>one</prompt><prompt count='2' cond='false'>never</prompt><noinput count='3'><exit/></noinput></field></form>").run();
    assert_eq!(report.prompts(), ["one", "one", "one"]);
}

/// V2.0 4.1.6: counters of prompts start again when the form is entered again.
#[test]
fn prompt_counters_start_again_with_the_form() {
    let report = page("<var name='n' expr='0'/><form id='f'><field type='digits'><prompt>one</prompt><prompt count='2'>two</prompt><noinput><assign name='n' expr='n+1'/><if cond='n == 2'><exit/></if><goto next='#f'/></noinput></field></form>").run();
    assert_eq!(report.prompts(), ["one", "one"]);
}

/// V2.0 4.1.8: prompts queued before a jump are played at the next wait.
#[test]
fn prompts_outlive_a_jump() {
    let report = page("<form><block>first<goto next='#g'/></block></form><form id='g'><field type='digits'><prompt>second</prompt><noinput><exit/></noinput></field></form>").run();
    assert_eq!(report.prompts(), ["first", "second"]);
}

/// V2.0 4.1.8: prompts queued before an exit are played first.
#[test]
fn prompts_are_played_before_the_exit() {
    let report = page("<form><block>bye<exit/></block></form>").run();
    assert_eq!(report.prompts(), ["bye"]);
}

/// V2.0 4.1.1: `break` is silence of its time or strength.
#[test]
fn break_is_silence() {
    let report = page("<form><block><prompt>a<break time='2s'/>b<break strength='weak'/><break/><break strength='none'/></prompt></block></form>").run();
    assert_eq!(
        report.prompts(),
        ["a [silence 2000 ms] b [silence 250 ms] [silence 500 ms]"]
    );
}

/// V2.1 4: `mark` has a name, fixed or computed.
#[test]
fn marks_have_names() {
    let report = page(
        "<form><block><prompt>a<mark name='m'/><mark nameexpr=\"'n'+1\"/></prompt></block></form>",
    )
    .run();
    assert_eq!(report.prompts(), ["a [mark m] [mark n1]"]);
}

/// V2.0 4.1.1: other markup goes to the synthesiser as it is.
#[test]
fn markup_goes_to_the_synthesiser() {
    let report = page("<form><block><prompt><p>one <emphasis>two</emphasis></p><say-as interpret-as='date'>x</say-as></prompt></block></form>").run();
    assert_eq!(report.prompts(), ["one two x"]);
}

/// R 5: without a synthesiser text raises an error when it is queued; audio with text does not.
#[test]
fn text_needs_a_synthesiser() {
    let value = page("<form><block><prompt>text</prompt></block><catch event='error.noresource'><exit expr=\"'none'\"/></catch></form>").silent().value();
    assert_eq!(value, json!("none"));
    let report = page("<form><block><audio src='a.wav'>text</audio><exit/></block></form>")
        .silent()
        .run();
    assert!(report.events().is_empty());
}

/// V2.0 5.2.6: a language that the synthesiser does not speak is `error.unsupported.language`.
#[test]
fn a_language_that_nobody_speaks() {
    let mut session = Session::new(Start {
        speech: true,
        ..Start::default()
    })
    .unwrap();
    session.start("http://pages.test/a.vxml", 0);
    let page = vxml(
        "<form><field type='digits'><prompt xml:lang='xx'>text</prompt><catch event='error.unsupported.language'><exit expr='_event'/></catch></field></form>",
    );
    let answer = Ok(Answer {
        body: page.into(),
        ..Answer::default()
    });
    session.handle(Input::Fetched { id: 1, answer }, 0);
    let lang = "xx".to_owned();
    session.handle(Input::NoVoice { id: 2, lang }, 10);
    let ended = std::iter::from_fn(|| session.poll_effect()).last();
    let Some(Effect::Ended(ending)) = ended else {
        panic!("{ended:?}")
    };
    let expected = Some(json!("error.unsupported.language"));
    assert!(matches!(*ending, Ending::Exit { value, .. } if value == expected));
}

/// R 11: without a synthesiser and without its audio a prompt raises an error when it is played.
#[test]
fn missing_audio_with_text_needs_a_synthesiser() {
    let form = "<form><field type='digits'><prompt><audio src='a.wav'>text</audio></prompt><catch event='error.noresource'><exit expr=\"'none'\"/></catch></field></form>";
    assert_eq!(
        page(form).silent().without_audio("a.wav").value(),
        json!("none")
    );
    assert_eq!(
        page(form).without_audio("a.wav").run().prompts().first(),
        Some(&"text")
    );
}

/// V2.1 4: the last mark before the end of the sound is known, and how long ago it was.
#[test]
fn the_last_mark_is_known() {
    let form = "<form><field name='k' type='digits?length=1'><prompt><mark name='a'/>one<break time='1s'/><mark name='b'/>two<break time='2s'/></prompt><filled><exit expr='[k$.markname, k$.marktime, application.lastresult$.markname]'/></filled></field></form>";
    assert_eq!(page(form).keys(&["1"]).value(), json!(["a", 100, "a"]));
    let heard = form
        .replace("<filled>", "<noinput><reprompt/></noinput><filled>")
        .replace("<prompt>", "<prompt bargein='false'>");
    assert_eq!(page(&heard).keys(&["1"]).value(), json!(["b", 2000, "b"]));
    let silent = "<form><field name='k' type='digits?length=1'><prompt>no mark</prompt><filled><exit expr='[typeof k$.markname, typeof k$.marktime]'/></filled></field></form>";
    assert_eq!(
        page(silent).keys(&["1"]).value(),
        json!(["undefined", "undefined"])
    );
}

/// V2.1 4: a mark has exactly one of `name` and `nameexpr`.
#[test]
fn a_mark_has_one_name() {
    for attributes in ["", "name='a' nameexpr='1'"] {
        let report = page(&format!(
            "<form><block><prompt>a<mark {attributes}/></prompt></block></form>"
        ))
        .run();
        assert_eq!(report.error(), "error.badfetch", "{attributes}");
    }
}

/// V2.0 4.1.3: `audio` has exactly one of `src` and `expr`; else it is `error.badfetch` when it is reached.
#[test]
fn audio_has_one_address() {
    for attributes in ["", "src='a' expr='1'"] {
        let form = format!(
            "<form><catch event='error.badfetch'><exit expr='_event'/></catch><block><audio {attributes}/></block></form>"
        );
        assert_eq!(page(&form).value(), json!("error.badfetch"), "{attributes}");
    }
    let report = page("<form><block><audio expr='nowhere'/></block></form>").run();
    assert_eq!(report.error(), "error.semantic");
}

/// V2.0 4.1: `xml:base` of a prompt is what its audio is resolved against.
#[test]
fn a_prompt_may_have_a_base() {
    let report = page("<form><block><prompt xml:base='deep/'><audio src='a.wav'/></prompt><audio src='a.wav'/></block></form>").run();
    let played = report.prompts().join(" ");
    assert_eq!(
        played,
        "[http://pages.test/deep/a.wav] [http://pages.test/a.wav]"
    );
}

/// V2.0 6.1: audio is fetched as its element says, else as the properties say.
#[test]
fn audio_is_fetched_as_it_says() {
    let content = "<property name='audiomaxage' value='60'/><form><block><audio src='a.wav' maxage='5' fetchtimeout='2s'/><audio src='b.wav' maxstale='1'/></block></form>";
    let mut session = Session::new(Start::default()).unwrap();
    session.start("http://pages.test/", 0);
    let mut seen = Vec::new();
    while let Some(effect) = session.poll_effect() {
        match effect {
            Effect::Fetch(request) => {
                let body = vxml(content).into();
                let answer = Ok(Answer {
                    body,
                    ..Answer::default()
                });
                session.handle(
                    Input::Fetched {
                        id: request.id,
                        answer,
                    },
                    0,
                );
            }
            Effect::Play(play) => {
                seen = play.prompts.into_iter().flat_map(|p| p.segments).collect();
            }
            _ => {}
        }
    }
    let fetches: Vec<_> = seen
        .iter()
        .filter_map(|segment| match segment {
            vxml::Segment::Audio { fetch, .. } => {
                Some((fetch.timeout_ms, fetch.max_age_s, fetch.max_stale_s))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        fetches,
        [(Some(2_000), Some(5), None), (None, Some(60), Some(1))]
    );
}

/// V2.0 4.1: attributes of a prompt have the values that the schema says.
#[test]
fn attributes_of_a_prompt() {
    for attributes in ["bargein='maybe'", "bargeintype='loud'", "count='0'"] {
        let report = page(&format!(
            "<form><block><prompt {attributes}>a</prompt></block></form>"
        ))
        .run();
        assert_eq!(report.error(), "error.badfetch", "{attributes}");
    }
    let report = page("<form><block><prompt timeout='soon'>a</prompt></block></form>").run();
    assert_eq!(report.error(), "error.semantic");
}

/// V2.0 4.1: the language of a prompt is its own, else that of the page.
#[test]
fn the_language_of_a_prompt() {
    let text = "<vxml version='2.1' xml:lang='de-DE'><form><block><prompt>eins</prompt><prompt xml:lang='fr-FR'>deux</prompt></block></form></vxml>";
    let mut session = Session::new(Start {
        speech: true,
        ..Start::default()
    })
    .unwrap();
    session.start("http://pages.test/", 0);
    let mut languages = Vec::new();
    while let Some(effect) = session.poll_effect() {
        match effect {
            Effect::Fetch(request) => {
                let answer = Ok(Answer {
                    body: text.into(),
                    ..Answer::default()
                });
                session.handle(
                    Input::Fetched {
                        id: request.id,
                        answer,
                    },
                    0,
                );
            }
            Effect::Play(play) => languages = play.prompts.into_iter().map(|p| p.lang).collect(),
            _ => {}
        }
    }
    assert_eq!(
        languages,
        [Some("de-DE".to_owned()), Some("fr-FR".to_owned())]
    );
}
