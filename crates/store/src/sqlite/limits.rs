//! Bounds of the SQLite store, each with its reason.

use std::time::Duration;

/// Batches that may wait for the writer; more callers wait for a place. At 3,000 batches/s a
/// third of a second, longer than any commit that goes well.
pub(super) const WRITE_QUEUE_MAX: usize = 1024;

/// Rows after which a group commit takes no further batch. Beyond some hundred rows the sync no
/// longer dominates and a longer transaction only delays the answers.
pub(super) const GROUP_ROWS_MAX: usize = 512;

/// Reads at the same time; each has a connection with a page cache of about 2 MB.
pub(super) const READERS_MAX: usize = 4;

/// How long the writer waits for a foreign process that holds the write lock.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// Pages in the write-ahead log after which it is copied into the database: 16 MB. The default of
/// 1,000 pages would sync the database several times a second under load.
pub(super) const CHECKPOINT_PAGES: u32 = 4000;

/// The write-ahead log is cut back to this after a long reader (a backup) made it grow: 64 MB.
pub(super) const WAL_BYTES_KEPT: u32 = 64 << 20;

/// Page cache of the writer, KiB: index pages of about a million callbacks stay in memory.
pub(super) const WRITER_CACHE_KIB: i64 = 16 * 1024;

/// Prepared statements kept per connection; the store has about thirty, queries add forms.
pub(super) const STATEMENTS_MAX: usize = 64;

/// Callbacks (and idempotency keys) that one step of a purge removes, so that other batches are
/// written in between.
pub(super) const PURGE_STEP: u32 = 200;

/// Keys of settings the writer remembers as stored; forgetting them costs one ignored insert.
pub(super) const STORED_SETTINGS_MAX: usize = 65_536;

/// Entries of the settings cache at which dead ones are looked for the first time.
pub(super) const SETTINGS_SWEEP_MIN: usize = 1024;

/// How long an idempotency key keeps its first answer, ms (callback-api: 24 h).
pub(super) const IDEMPOTENCY_MS: i64 = 24 * 60 * 60 * 1000;

/// Changes of one service that are kept; older ones go.
pub(super) const CHANGES_KEPT: i64 = 500;
