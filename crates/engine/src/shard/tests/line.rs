//! What goes to telephony: bounds and treatments that come late.

use callback::lifecycle::{Effect, LegEvent};
use callback::record::Phase;
use callback::settings::Settings;
use telephony::media::audio::Clip as Sound;
use telephony::port::HangUpCause;

use super::*;

fn hang_up(call: &str) -> TelephonyCommand {
    TelephonyCommand::HangUp {
        call: CallId::new(call),
        cause: HangUpCause::Normal,
    }
}

fn play(leg: &LegKey, token: u64) -> TelephonyCommand {
    TelephonyCommand::Play {
        call: CallId::new(leg.to_string().as_str()),
        token,
        clip: Sound::from_samples(vec![1; 80]),
        repeat: telephony::port::Repeat::Once,
    }
}

/// How many dials the line was told of.
fn dials(stage: &Stage) -> usize {
    let told = stage.line.told.lock().unwrap();
    let is_dial = |command: &&TelephonyCommand| matches!(command, TelephonyCommand::Originate(_));
    told.iter().filter(is_dial).count()
}

#[tokio::test]
async fn nobody_is_dialed_while_telephony_lags_behind() {
    let mut stage = Stage::new(ROOMY, 0).await;
    stage.line.is_full.store(true, Ordering::Release);
    for n in 0..limits::UNSENT_PAUSE {
        stage.shard.send(hang_up(&format!("call-{n}")));
    }
    let id = stage.create(json!({})).await.unwrap().id.clone();
    for _ in 0..3 {
        stage.turn().await;
    }
    assert_eq!(stage.shard.unsent.len(), limits::UNSENT_PAUSE);
    let now = stage.shard.now;
    assert!(
        stage.shard.next_at().is_none_or(|at| at > now),
        "it does not spin"
    );

    stage.line.is_full.store(false, Ordering::Release);
    for _ in 0..3 {
        stage.turn().await;
    }
    assert!(stage.shard.unsent.is_empty());
    assert_eq!(dials(&stage), 1);
    assert_eq!(stage.shard.callbacks[&id].phase, Phase::Dialing);
}

#[tokio::test]
async fn a_draining_server_dials_nobody_and_does_not_spin() {
    let mut stage = Stage::new(ROOMY, 0).await;
    stage
        .shard
        .parts
        .shared
        .draining
        .store(true, Ordering::Release);
    // A trunk had asked for a pause before the drain began.
    stage.shard.turns_at = Some(stage.shard.now);
    let id = stage.create(json!({})).await.unwrap().id.clone();
    for _ in 0..3 {
        stage.turn().await;
    }
    assert_eq!(dials(&stage), 0);
    assert_eq!(stage.shard.callbacks[&id].phase, Phase::Waiting);
    stage.shard.now = stage.shard.parts.clock.now();
    assert!(stage.shard.wake_in() > Duration::ZERO, "it does not spin");
}

#[tokio::test]
async fn beyond_the_bound_treatments_count_as_played_and_calls_still_end() {
    let mut stage = Stage::new(ROOMY, 0).await;
    let id = stage.create(json!({})).await.unwrap().id.clone();
    stage.line.is_full.store(true, Ordering::Release);
    for n in 0..limits::UNSENT_MAX {
        stage.shard.send(hang_up(&format!("call-{n}")));
    }
    let leg = LegKey {
        callback: id,
        attempt: 1,
        agent: None,
    };
    stage.shard.send(play(&leg, 7));
    assert_eq!(stage.shard.unsent.len(), limits::UNSENT_MAX);
    let (_, input) = &stage.shard.arisen[0];
    assert!(
        matches!(
            input,
            Input::Customer {
                attempt: 1,
                event: LegEvent::Played { token: 7 }
            }
        ),
        "{input:?}"
    );
    stage.shard.send(hang_up("the-last-one"));
    assert_eq!(stage.shard.unsent.len(), limits::UNSENT_MAX + 1);
    // A page waits for what it had recorded.
    let call = CallId::new(leg.to_string().as_str());
    stage.shard.send(TelephonyCommand::StopRecord { call });
    assert_eq!(stage.shard.unsent.len(), limits::UNSENT_MAX + 2);
}

#[tokio::test]
async fn a_treatment_that_comes_late_is_not_played() {
    let mut stage = Stage::new(ROOMY, 0).await;
    let id = stage.create(json!({})).await.unwrap().id.clone();
    let mut callback = Callback::clone(&stage.shard.callbacks[&id]);
    (callback.attempts, callback.play_token) = (1, 3);
    callback.phase = Phase::InQueue;
    let leg = callback.customer_leg();
    let plays = |stage: &mut Stage, callback: &Callback, token: u64| {
        let clip = Clip {
            callback: id.clone(),
            leg: leg.clone(),
            token,
            forever: true,
            source: "a.wav".to_owned(),
            clip: Ok(Sound::from_samples(vec![1; 80])),
        };
        let callbacks = &mut stage.shard.callbacks;
        callbacks.insert(id.clone(), Arc::new(callback.clone()));
        stage.line.told.lock().unwrap().clear();
        stage.shard.play_clip(clip, &mut Round::default());
        let told = stage.line.told.lock().unwrap();
        told.len()
    };
    assert_eq!(plays(&mut stage, &callback, 3), 1);
    assert_eq!(
        plays(&mut stage, &callback, 2),
        0,
        "another one plays by now"
    );
    callback.phase = Phase::Talking {
        agent: AgentId::new("kim"),
    };
    assert_eq!(plays(&mut stage, &callback, 3), 0, "nobody is talked over");
}

#[tokio::test]
async fn a_skipped_treatment_stands_in_the_history() {
    let mut stage = Stage::new(ROOMY, 0).await;
    let id = stage.create(json!({})).await.unwrap().id.clone();
    let mut callback = Callback::clone(&stage.shard.callbacks[&id]);
    (callback.attempts, callback.play_token) = (1, 3);
    callback.phase = Phase::InQueue;
    let leg = callback.customer_leg();
    stage.shard.callbacks.insert(id.clone(), Arc::new(callback));
    let clip = Clip {
        callback: id,
        leg,
        token: 3,
        forever: true,
        source: "gone.wav".to_owned(),
        clip: Err("there is no such file".to_owned()),
    };
    let mut round = Round::default();
    stage.shard.play_clip(clip, &mut round);
    let noted = &round.batch.events[0];
    assert_eq!(noted.event_id, "rb.note");
    for part in ["treatment_skipped", "gone.wav", "there is no such file"] {
        assert!(noted.data.contains(part), "{part}: {}", noted.data);
    }
}

#[tokio::test]
async fn a_treatment_is_read_beside_the_shard() {
    let mut stage = Stage::new(ROOMY, 0).await;
    let id = stage.create(json!({})).await.unwrap().id.clone();
    let leg = stage.shard.callbacks[&id].customer_leg();
    let effect = Effect::Play {
        leg,
        source: "next_customer_rep.wav".to_owned(),
        forever: false,
        token: 1,
    };
    stage.shard.act(&id, effect);
    assert!(stage.line.told.lock().unwrap().is_empty());
    let Some(Command::Play(clip)) = stage._commands.recv().await else {
        panic!("the clip comes as a command");
    };
    assert!(clip.clip.is_ok());
}

#[tokio::test]
async fn an_agent_who_waits_for_the_customer_hears_music_until_both_talk() {
    let mut stage = Stage::new(ROOMY, 0).await;
    let id = stage.create(json!({})).await.unwrap().id.clone();
    let mut callback = Callback::clone(&stage.shard.callbacks[&id]);
    let mut settings = Settings::clone(&callback.settings);
    settings.contact.agent_first = true;
    callback.settings = Arc::new(settings);
    (callback.agent_legs, callback.play_token) = (1, 3);
    callback.phase = Phase::AgentReady;
    let leg = callback.agent_leg();
    let plays = |stage: &mut Stage, callback: &Callback| {
        let clip = Clip {
            callback: id.clone(),
            leg: leg.clone(),
            token: 3,
            forever: true,
            source: "a.wav".to_owned(),
            clip: Ok(Sound::from_samples(vec![1; 80])),
        };
        let callbacks = &mut stage.shard.callbacks;
        callbacks.insert(id.clone(), Arc::new(callback.clone()));
        stage.line.told.lock().unwrap().clear();
        stage.shard.play_clip(clip, &mut Round::default());
        let told = stage.line.told.lock().unwrap();
        told.len()
    };
    assert_eq!(plays(&mut stage, &callback), 1);
    callback.attempts = 1;
    callback.phase = Phase::Dialing;
    assert_eq!(plays(&mut stage, &callback), 1, "while the customer rings");
    callback.phase = Phase::Talking {
        agent: AgentId::new("kim"),
    };
    assert_eq!(plays(&mut stage, &callback), 0, "nobody is talked over");
    callback.attempts = 2;
    callback.phase = Phase::Dialing;
    assert_eq!(plays(&mut stage, &callback), 0, "an older attempt's leg");
}
