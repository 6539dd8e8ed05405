//! The state machine of a callback: pure, total, one step per input.
