//! `kill -9` at random moments: nothing acknowledged is lost, nobody is dialed twice for one
//! attempt, and calls that a crash left over are ended.

use testkit::{KillPlan, kill};

use crate::common::PROGRAM;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_hard_kills_lose_nothing_and_dial_nobody_twice() {
    let plan = KillPlan {
        program: PROGRAM.to_owned(),
        rounds: 20,
        seed: 0x5eed_0001,
        progress_every: 0,
    };
    let report = kill(&plan).await;
    assert!(report.acknowledged > 30, "too few callbacks:\n{report}");
    assert!(report.is_clean(), "\n{report}");
    println!("{report}");
}
