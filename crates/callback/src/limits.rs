//! Bounds of the domain, each with its reason.

/// Request body of the compatible API, bytes (callback-api §1).
pub const BODY_MAX: usize = 256 * 1024;
/// Attached data of one callback as JSON text, bytes (callback-api §1).
pub const USER_DATA_MAX: usize = 64 * 1024;
/// Keys of attached data (callback-api §1).
pub const USER_DATA_KEYS_MAX: usize = 200;
/// Body of one status notification, bytes (notifications §6.1).
pub const EVENT_BODY_MAX: usize = 64 * 1024;
/// Value of a `$name$` token, bytes (callback-api §1.2).
pub const TOKEN_VALUE_MAX: usize = 1024;
/// An import file, bytes: services, agents, Transaction Lists (notifications §5.1).
pub const IMPORT_MAX: usize = 1024 * 1024;
/// Sections of an import file (notifications §5.1, times ten for services and agents).
pub const IMPORT_SECTIONS_MAX: usize = 2560;
/// Records of one query answer (callback-api §6.1).
pub const QUERY_MAX: usize = 1000;
/// Elements of a `_target` array (options §16).
pub const TARGET_STEPS_MAX: usize = 15;
/// Longest customer number after cleaning; E.164 has 15 digits, prefixes and extensions add some.
pub const NUMBER_MAX: usize = 40;
/// Attempts interrupted by a crash that are repeated without counting; more would let a
/// crash loop ring a customer for ever.
pub const INTERRUPTED_ATTEMPTS_MAX: u32 = 3;
/// Tokens of reply URLs that a callback remembers; an older one is answered as unknown.
pub const PLUGIN_TOKENS_MAX: usize = 8;
/// Longest `delay` of a plugin's answer, s: 30 days (play-treatments §4.4).
pub const PLUGIN_DELAY_MAX_S: i64 = 2_592_000;
/// Sections of a Transaction List (notifications §5.1).
pub const LIST_SECTIONS_MAX: usize = 256;
/// Attempts of `rb.notify_schedule`; more would keep a delivery waiting for weeks.
pub const SCHEDULE_STEPS_MAX: usize = 20;
/// Longest pause of `rb.notify_schedule`, s.
pub const SCHEDULE_PAUSE_MAX_S: u32 = 86_400;
/// Texts of one callback's storage, keys included, bytes (callback-api §9.3).
pub const STORAGE_TEXT_MAX: usize = 64 * 1024;
/// Attachments of one callback's storage (callback-api §9.3).
pub const STORAGE_ATTACHMENTS_MAX: usize = 5;
/// One attachment, bytes (callback-api §9.3).
pub const STORAGE_ATTACHMENT_MAX: usize = 1024 * 1024;
/// Keys of one callback's storage; as many as attached data may have.
pub const STORAGE_KEYS_MAX: usize = 200;
/// A request that fills the storage at once, with its multipart frame, bytes.
pub const STORAGE_BODY_MAX: usize =
    STORAGE_ATTACHMENTS_MAX * STORAGE_ATTACHMENT_MAX + 2 * STORAGE_TEXT_MAX;
