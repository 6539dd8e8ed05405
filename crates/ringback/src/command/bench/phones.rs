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
    let words = Clip::from_samples(words);
    for call in &legs.calls {
        play(&legs.engine, call, &words);
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
