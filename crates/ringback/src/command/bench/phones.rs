//! The phones of `bench media`: as many legs as the bench has, in a process of its own.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;
use media::audio::Clip;
use media::tone;
use serde_json::json;

use super::media::{Legs, play};
use crate::output;

/// RTP ports of the phones.
const PORTS: RangeInclusive<u16> = 40_000..=59_999;

/// Moments at which a phone may begin to speak.
const SPREAD: usize = 50;

/// Arguments of the phones.
#[derive(Args, Debug)]
pub(super) struct PhonesArgs {
    /// RTP ports of the legs they talk with
    #[arg(long, value_delimiter = ',', required = true)]
    ports: Vec<u16>,
}

/// Talks until the parent ends this process; tells every half second what was heard.
pub(super) async fn run(args: &PhonesArgs) -> anyhow::Result<()> {
    let mut legs = Legs::open(args.ports.len(), PORTS, 1)?;
    let local = |port: &u16| SocketAddr::from(([127, 0, 0, 1], *port));
    let others: Vec<SocketAddr> = args.ports.iter().map(local).collect();
    legs.connect(&others, true);
    // Somebody says a few words and waits: every third second a verdict is due.
    let mut words = tone::voice(1_200, -18.0, 1);
    words.extend(tone::noise(2_400, -50.0, 2));
    // Nobody says it at the same moment as everybody else.
    let spread = (0..SPREAD).map(|n| {
        let mut words = words.clone();
        let begin = words.len() * n / SPREAD;
        words.rotate_left(begin);
        Clip::from_samples(words)
    });
    let spread: Vec<Clip> = spread.collect();
    for (call, words) in legs.calls.iter().zip(spread.iter().cycle()) {
        play(&legs.engine, call, words);
    }
    let addresses: Vec<String> = legs.addresses.iter().map(SocketAddr::to_string).collect();
    output::line(&json!({"event": "ready", "addresses": addresses}).to_string());
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let stats = legs.engine.stats();
                let heard = json!({"event": "heard", "received": stats.rtp_received, "missing": stats.rtp_lost});
                output::line(&heard.to_string());
            }
            event = legs.events.recv() => if event.is_none() { return Ok(()) },
        }
    }
}
