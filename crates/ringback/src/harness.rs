//! The server and the simulated carrier as child processes, for the demo and the benches.

pub(crate) mod assets;
pub(crate) mod process;
pub(crate) mod receiver;
pub(crate) mod site;

use tokio::signal::unix::{SignalKind, signal};

/// Ends at SIGINT or SIGTERM.
pub(crate) async fn asked_to_stop() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminated => {}
        result = tokio::signal::ctrl_c() => {
            if result.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
