//! Limits of the media engine.

/// Length of a tick, µs: one frame of audio.
pub const TICK_US: u64 = 20_000;
/// A tick is late when it is served this much after its time, µs.
pub const TICK_LATE_US: u64 = 10_000;
/// Ticks made up after a stop of the thread; what is beyond (1 s) is left out.
pub const TICKS_MADE_UP_MAX: u64 = 50;
/// Commands that wait for one media thread; more are refused, except those that end something.
pub const COMMAND_QUEUE_MAX: usize = 16_384;
/// Events kept back while the receiver is slow, per thread, before the least important go.
pub const PENDING_EVENTS_MAX: usize = 8_192;
/// Digits of one call among them that stay: more than any page collects at once.
pub const PENDING_DIGITS_MAX: usize = 64;
/// Digits that wait to be sent on one leg.
pub const DIGITS_MAX: usize = 64;
/// Largest datagram that is read, bytes; longer ones are cut and then refused or ignored.
pub const DATAGRAM_BYTES_MAX: usize = 2_048;
/// Packets read from one socket in a row before the others get their turn.
pub const PACKETS_IN_A_ROW_MAX: usize = 32;
/// Packets of one source in a row until it replaces the signalled one.
pub const LATCH_PACKETS: u8 = 3;
/// Time after an answer or re-INVITE in which another source can be taken, ms.
pub const LATCH_WINDOW_MS: u64 = 5_000;
/// Time without a packet until the media timeout is reported, ms.
pub const MEDIA_TIMEOUT_MS: u64 = 60_000;
/// Ticks without a packet from the other leg until a bridged leg is sent silence.
pub const BRIDGE_IDLE_TICKS: u32 = 5;
/// Length of a sent digit, ms.
pub const DIGIT_ON_MS: u16 = 100;
/// Pause after a sent digit, ms.
pub const DIGIT_OFF_MS: u16 = 60;
/// Level of a sent digit below 0 dBm0, dB.
pub const DIGIT_VOLUME: u8 = 10;
/// Ticks between two RTCP reports of a leg: 5 s.
pub const RTCP_EVERY_TICKS: u32 = 250;
/// Ticks between two looks at the RTCP socket of a leg: 1 s.
pub const RTCP_READ_TICKS: u32 = 50;
/// RTCP datagrams that are read at one look.
pub const RTCP_READS_MAX: usize = 4;
/// Packets that wait for an earlier one before detection goes on without it.
pub const REORDER_PACKETS_MAX: usize = 2;
/// Longest wait for an earlier packet, ms.
pub const REORDER_MS_MAX: u64 = 60;
