//! Limits of the drivers; every queue has one.

/// Commands that wait for the driver.
pub const COMMAND_QUEUE_MAX: usize = 8_192;
/// Events that wait for the engine; the driver waits when it is full.
pub const EVENT_QUEUE_MAX: usize = 8_192;
/// Inputs that wait for one call.
pub(crate) const CALL_QUEUE_MAX: usize = 64;
/// Results of the media engine that wait for the driver.
pub(crate) const MEDIA_EVENT_QUEUE_MAX: usize = 8_192;
/// Accounts that one driver keeps registered.
pub(crate) const ACCOUNTS_MAX: usize = 10_000;
/// Keys of finished calls that are remembered, so that a repeated `Originate` does nothing.
pub(crate) const FINISHED_MAX: usize = 200_000;
/// Extra headers of one call.
pub(crate) const HEADERS_MAX: usize = 64;
