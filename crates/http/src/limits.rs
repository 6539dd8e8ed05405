//! Bounds of the HTTP surface, each with its reason.

use std::time::Duration;

/// Open connections; a further one waits in the kernel's backlog. Below the usual 1,024 open
/// files of a process, which calls and the store share.
pub const CONNECTIONS_MAX: usize = 768;
/// Time to send a complete request head, and how long a kept-alive connection may idle.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Time to send a complete body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of a body that is too large that are still taken, so that its sender reads the answer.
pub const LINGER_MAX: usize = 4 * 1024 * 1024;
/// Time for that.
pub const LINGER_TIME: Duration = Duration::from_millis(500);
/// Head of one request, bytes; queries carry a few keys only.
pub const HEAD_MAX: usize = 32 * 1024;
/// Header lines of one request.
pub const HEADERS_MAX: usize = 64;
/// Keys of one body or query: 200 keys of attached data and all service parameters fit twice.
pub const KEYS_MAX: usize = 600;
/// Bytes of an `Idempotency-Key`.
pub const IDEMPOTENCY_KEY_MAX: usize = 255;
/// Bytes of the header `gms_user`.
pub const GMS_USER_MAX: usize = 255;
/// Bytes of an id or a service name in a path; longer ones cannot exist.
pub const NAME_MAX: usize = 255;
/// Body of a small native command, e.g. an agent's state, bytes.
pub const COMMAND_BODY_MAX: usize = 16 * 1024;
/// Body that starts a session: its parameters, as much as attached data may be.
pub const SESSION_BODY_MAX: usize = 64 * 1024;
/// Deliveries of one native answer.
pub const DELIVERIES_MAX: usize = 1000;
/// Rows of one export; more are asked for with from and until.
pub const EXPORT_MAX: usize = 100_000;
/// How long requests in progress may take once the server stops; the other parts need the rest
/// of the ten seconds that service managers wait.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Seconds that a `503` or `429` tells the client to wait.
pub const RETRY_AFTER_S: u32 = 5;
/// A text of a subscription, bytes: the longest is a URL.
pub const SUBSCRIPTION_TEXT_MAX: usize = 2048;
/// Browser sessions at once: more than any site has operators; the one that ends first makes room.
pub const SESSIONS_MAX: usize = 256;
/// Wrong logins of one address within the window before it has to wait.
pub const GUESSES_MAX: u32 = 10;
/// That window, seconds.
pub const GUESSES_WINDOW_S: i64 = 300;
/// Addresses whose wrong logins are remembered.
pub const GUESSERS_MAX: usize = 4096;
/// Listeners of the event stream at once; each holds a connection for good.
pub const TAIL_LISTENERS_MAX: usize = 32;
/// How often a quiet event stream says that it is still there.
pub const TAIL_KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A treatment file that is uploaded, bytes: the largest that is played.
pub const TREATMENT_MAX: usize = engine::limits::TREATMENT_MAX;
/// Changes of sessions within this time are told together.
pub const CHANGES_TOGETHER: Duration = Duration::from_millis(150);
/// More sessions than these within that time are read as a list.
pub const CHANGES_TOLD_MAX: usize = 50;
/// How far ahead a session may be started, s.
pub(crate) const IDEALTIME_MAX_S: i64 = 30 * 86_400;
