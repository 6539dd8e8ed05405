//! Bounds of the engine, each with its reason.

use std::time::Duration;

/// Minutes of which the activity is kept in memory: twelve hours.
pub const ACTIVITY_MINUTES: u16 = 720;
/// A count of all open callbacks is told again for so many times as long as it took: counting
/// takes a twentieth of the shard's time at most, however many look.
pub const CENSUS_KEPT_TIMES: u64 = 20;
/// API commands waiting for the shard; beyond it a client gets 503 instead of a long wait.
pub const COMMAND_QUEUE_MAX: usize = 8192;
/// Inputs handled in one commit: keeps a transaction in the range of a few milliseconds.
pub const BATCH_INPUTS_MAX: usize = 512;
/// Dials started per round, so that a burst of turns cannot starve telephony events.
pub const TURNS_PER_ROUND_MAX: usize = 128;
/// Commands waiting for telephony beyond which no calls are begun: ten times what it takes at
/// once, some seconds' worth.
pub const UNSENT_PAUSE: usize = 4096;
/// Commands waiting for telephony beyond which treatments and refusals of callers are left out.
/// Beyond it only what joins or ends calls is kept, a few commands for each that is up.
pub const UNSENT_MAX: usize = 2 * UNSENT_PAUSE;
/// Time after which an agent's leg that is to end counts as over though telephony never said so:
/// longer than the 32 s that a SIP transaction may take to fail (RFC 3261 §17.1.1.2).
pub const AGENT_LEG_END_MAX: Duration = Duration::from_secs(40);
/// Idempotency keys kept in memory for requests that race; older ones are read from the store.
pub const RECENT_KEYS_MAX: usize = 10_000;
/// How long an idempotency key counts (callback-api §1.1).
pub const IDEMPOTENCY_TTL: Duration = Duration::from_secs(24 * 3600);
/// How far back a start counts earlier requests for throttles, s; longer windows (`_throttle_ttl_2`)
/// begin anew with a restart.
pub const COUNTED_BACK_S: i64 = 86_400;
/// Deliveries handed to the sender and not yet taken.
pub const DELIVERY_QUEUE_MAX: usize = 4096;
/// Deliveries held in memory; beyond it they wait in the store and are read again.
pub const DELIVERIES_IN_MEMORY_MAX: usize = 100_000;
/// Connections of deliveries at once in all (`http.max_connections_total`).
pub const CONNECTIONS_TOTAL_MAX: usize = 100;
/// Deliveries under way at once to one target (notifications §7.6).
pub const DELIVERIES_PER_TARGET_MAX: usize = 10;
/// Connections at once to one host and port (`http.max_connections_per_route`).
pub const CONNECTIONS_PER_ROUTE_MAX: usize = 20;
/// Lanes whose receiver answered 410 that are remembered; forgetting one costs another 410.
pub const ENDED_LANES_MAX: usize = 10_000;
/// Targets whose results are remembered although nothing waits for them.
pub const TARGETS_KEPT_MAX: usize = 1_000;
/// Results of attempts stored in one transaction; more would only delay the lanes that wait.
pub const ATTEMPTS_PER_COMMIT_MAX: usize = 512;
/// Live subscriptions; each event is matched with all of them.
pub const SUBSCRIPTIONS_MAX: usize = 10_000;
/// Shortest life of a subscription, s (notifications §7.4).
pub const SUBSCRIPTION_MIN_S: i64 = 30;
/// Longest life of a subscription, s: a year; whoever needs it longer renews it.
pub const SUBSCRIPTION_MAX_S: i64 = 31_536_000;
/// How long request and answer of debug mode are kept (notifications §7.5).
pub const TRACE_TTL: Duration = Duration::from_secs(24 * 3600);
/// Bytes of an answer that debug mode keeps: all that is read of it.
pub const TRACE_ANSWER_MAX: usize = RECEIVER_ANSWER_MAX;
/// Failed deliveries that one command tries again.
pub const RETRY_MAX: usize = 10_000;
/// Batches of events that a slow listener of the event stream may lag behind.
pub const TAIL_BATCHES_MAX: usize = 256;
/// Events read from the store at once for a listener that resumes.
pub const TAIL_PAGE: usize = 1_000;
/// Answer bytes read from a receiver; the body is ignored anyway (notifications §7.1).
pub const RECEIVER_ANSWER_MAX: usize = 64 * 1024;
/// Connect and read time of a delivery (`http.connection_timeout`, `http.socket_timeout`).
pub const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);
/// Time of a delivery to an orchestration session (notifications §7.1).
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(5);
/// Header lines of an answer that debug mode keeps.
pub const TRACE_HEADERS_MAX: usize = 128;
/// A treatment fetched by URL, bytes (play-treatments §1.2).
pub const TREATMENT_MAX: usize = telephony::media::audio::FILE_BYTES_MAX;
/// Redirects that are followed for a treatment.
pub const TREATMENT_REDIRECTS_MAX: usize = 3;
/// Time to fetch a treatment (play-treatments §1.2).
pub const TREATMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// Treatments kept decoded.
pub const TREATMENTS_CACHED_MAX: usize = 256;
/// Texts kept as audio.
pub const SPOKEN_MAX: usize = 512;
/// Samples of texts kept as audio: 32 MiB, half an hour of speech.
pub const SPOKEN_SAMPLES_MAX: usize = 16 << 20;
/// Synthesisers at work at once; each takes a processor for some ten milliseconds.
pub const SPEAKERS_MAX: usize = 4;
/// Time of one text, the wait for a free place included (vxml.md §5).
pub const SPEECH_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of audio of one text (vxml.md §5).
pub const SPEECH_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Pages, scripts, grammars and data kept by their address.
pub const PAGES_KEPT_MAX: usize = 512;
/// Bytes of all that are kept.
pub const PAGES_KEPT_BYTES_MAX: usize = 32 << 20;
/// Longest ring time of a destination that a page calls, s.
pub(crate) const TRANSFER_RING_MAX_S: i64 = 180;

/// Redirects that are followed for a page.
pub const PAGE_REDIRECTS_MAX: usize = 5;
/// Longest time to fetch a page; pages may ask for less.
pub const PAGE_TIMEOUT: Duration = Duration::from_secs(60);
/// Applications at once; one takes about 0.3 MB.
pub const APPLICATIONS_MAX: usize = 2_000;
/// Inputs that wait for one application; further keys are left out.
pub const APPLICATION_INPUTS_MAX: usize = 1_000;
/// Longest prompt that is put together, samples: ten minutes.
pub const PROMPT_SAMPLES_MAX: usize = 600 * 8_000;
/// Calls of one session that are not over, legs to destinations included.
pub const SESSION_CALLS_MAX: usize = 10;
/// Calls of all sessions that are not over: a document must not take all lines of the house.
pub const PLACED_CALLS_MAX: usize = 500;
/// Requests of one fetch: the first, and five redirects.
pub const REDIRECTS_MAX: usize = 6;
/// How long a call of a session waits for room before it is given up.
pub const PLACE_WAIT: Duration = Duration::from_secs(30);
/// How often it is tried meanwhile.
pub const PLACE_AGAIN: Duration = Duration::from_millis(250);
/// The same for calls with priority: they are there first when there is room.
pub const PLACE_AGAIN_SOON: Duration = Duration::from_millis(25);
/// Treatments of a series that are over sooner were not heard, ms.
pub const SERIES_HASTE_MS: i64 = 100;
/// How long a call of a session rings.
pub const PLACED_RING: Duration = Duration::from_secs(60);
/// How long a call that its session let go is kept for another one.
pub const PLACED_PARKED: Duration = Duration::from_secs(60);
/// How long an application that a session started may run (vxml.md §10).
pub const APPLICATION_TIME: Duration = Duration::from_secs(3_600);
/// Inputs that wait for one session; further events are refused (ors-scxml §10).
pub const SESSION_INPUTS_MAX: usize = 1_000;
/// Live sessions; one of a hand-written page takes about 0.2 MB.
pub const SESSIONS_MAX: usize = 5_000;
/// Sessions that one session may start under itself.
pub const SESSIONS_UNDER_MAX: usize = 50;
/// Inputs that a session takes before the next session has its turn.
pub const SESSION_TURN_MAX: usize = 32;
/// Time after which a thread that runs one input is set aside (ors-scxml §10), if it used the
/// processor for [`SESSION_STUCK_CPU`] meanwhile.
pub const SESSION_STUCK: Duration = Duration::from_secs(2);
/// Processor time of a thread that does not come back: far more than a script may have, so one that
/// only waits for a processor is not taken for it.
pub const SESSION_STUCK_CPU: Duration = Duration::from_secs(1);
/// Time after which a thread that runs one input is set aside whatever it does.
pub const SESSION_BLOCKED: Duration = Duration::from_secs(30);
/// Processor time of one input beyond which its session counts as one that takes much: long beside
/// an input (some µs), longer than a page of 120 KB takes to start.
pub const SESSION_HEAVY: Duration = Duration::from_millis(2);
/// The same for one turn alone; shorter ones count when two come in a row.
pub const SESSION_HEAVY_AT_ONCE: Duration = Duration::from_millis(10);
/// How long it does.
pub const SESSION_HEAVY_FOR: Duration = Duration::from_secs(10);
/// How long it still does after a short turn.
pub const SESSION_LIGHT_AFTER: Duration = Duration::from_millis(500);
/// Time after which a quick thread that runs one input gives its place to another: short beside
/// what others may wait.
pub const SESSION_SLOW: Duration = Duration::from_millis(3);
/// How often threads are looked after while any works.
pub const SESSION_SLOW_LOOK: Duration = Duration::from_millis(2);
/// Quick threads that may be slow at once; beyond it others wait for them.
pub const SESSION_SLOW_MAX: usize = 32;
/// How often a query looks at a session that a thread runs right now.
pub const SESSION_LOOKS: u32 = 20;
/// Time between these looks.
pub const SESSION_LOOK_PAUSE: Duration = Duration::from_millis(5);
/// Fetches of one session under way (ors-scxml §10).
pub const SESSION_FETCHES_MAX: usize = 16;
/// Bytes of an answer to a fetch (ors-scxml §4.1).
pub const SESSION_FETCH_MAX: usize = 1024 * 1024;
/// Longest time of a fetch, s; the element may ask for less.
pub const SESSION_FETCH_S: u64 = 300;
/// Time of a fetch that does not say, s.
pub const SESSION_FETCH_DEFAULT_S: u64 = 30;
/// Further tries of a fetch with guaranteed delivery that does not say how many.
pub const SESSION_DELIVERIES_DEFAULT: u32 = 3;
/// Most of them.
pub const SESSION_DELIVERIES_MAX: u32 = 100;
/// Time between them when the fetch does not say.
pub const SESSION_DELIVERY_PAUSE: Duration = Duration::from_secs(1);
/// Longest time until a session that is started for later begins, s (the same as over HTTP).
pub const SESSION_LATER_MAX_S: i64 = 30 * 86_400;
/// What a plugin's session may live beyond the time for its answer (ors-scxml §10).
pub const SESSION_AFTER_TTL: Duration = Duration::from_secs(60);
/// How long a script waits for a statistic of the router; its thread waits with it.
pub const STATISTIC_WAIT: Duration = Duration::from_millis(500);
/// Agents who may decline a placed call before its session is told so.
pub const QUEUE_TRIES_MAX: u32 = 20;
/// How long an agent is kept for a session that says itself when to call.
pub const RESERVED_FOR_SESSION: Duration = Duration::from_secs(30);
/// How long a request to a session waits for its response (ors-scxml §9).
pub const SESSION_RESPONSE: Duration = Duration::from_secs(30);
/// Requests to one session that wait for a response.
pub const SESSION_REQUESTS_MAX: usize = 100;
/// Bytes of `rb.message_file`: a dozen short texts in many languages.
pub const MESSAGE_FILE_MAX: u64 = 256 * 1024;
/// Changes of a service in one answer: all that the store keeps.
pub const CHANGES_SHOWN_MAX: usize = 500;
/// Lines of a session's log that operators see.
pub const SESSION_LINES_MAX: usize = 200;
/// Bytes of one of them; what is longer is cut.
pub const SESSION_LINE_MAX: usize = 1_000;
/// Bytes of all of them: with every session at its bound they take 160 MB.
pub const SESSION_LINES_BYTES_MAX: usize = 32 * 1024;
/// Ended sessions that operators still see.
pub const SESSIONS_ENDED_KEPT: usize = 50;
/// Changes of sessions that wait for a slow listener before it has to look at all.
pub const SESSION_CHANGES_MAX: usize = 1_024;
/// Documents kept compiled.
pub const DOCUMENTS_MAX: usize = 256;
/// Time to send one message of a document over HTTP.
pub const DOCUMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a plugin's answer in its response; an answer has a handful of short keys.
pub const PLUGIN_ANSWER_MAX: usize = 64 * 1024;
/// Time to connect to a plugin.
pub const PLUGIN_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request waits for the shard: longer than any hiccup of a disk, shorter than clients
/// and balancers wait.
pub const ASK_MAX: Duration = Duration::from_secs(10);
/// Virtual queues that `/metrics` tells of: requests may name queues of their own.
pub const METRIC_QUEUES_MAX: usize = 1_000;
/// Time in which the parts of the engine have to answer a scrape; Prometheus waits 10 s.
pub const METRICS_WAIT: Duration = Duration::from_secs(2);
/// Pause before a failed commit is tried again.
pub const COMMIT_RETRY: Duration = Duration::from_millis(500);
/// Deliveries' results that the store goes on refusing are told of once in so many tries: every
/// 10 s.
pub const COMMIT_RETRIES_PER_LOG: u32 = 20;
/// A store that goes on refusing is told of so often.
pub const REFUSALS_LOGGED_EVERY: Duration = Duration::from_secs(60);
/// Tries of a write while the server starts, about 15 s: then it says what is wrong and ends.
pub const START_TRIES_MAX: u32 = 30;
/// Pause after which new callbacks are let through to a store that refused the last write: long
/// enough that a full disk is not hammered, short enough that a hiccup costs little.
pub const STORE_PAUSE: Duration = Duration::from_secs(2);
/// How often the retention sweep runs.
pub const SWEEP_EVERY: Duration = Duration::from_secs(600);
/// Addresses of one name that are tried for a delivery: a receiver has a few, and an attempt must
/// not become a scan of other people's hosts.
pub const ADDRESSES_PER_NAME_MAX: usize = 8;
/// How long a draining server waits for what is under way.
pub const DRAIN_MAX: Duration = Duration::from_secs(5);
