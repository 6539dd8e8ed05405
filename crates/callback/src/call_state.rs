//! Call state numbers: `_genesys.ixn.callState` (play-treatments §8).

/// Every number of the enumeration with its name; 8 has two names.
pub const NAMES: &[(u8, &str)] = &[
    (0, "Ok"),
    (1, "Transferred"),
    (2, "Conferenced"),
    (3, "GeneralError"),
    (4, "SystemError"),
    (5, "RemoteRelease"),
    (6, "Busy"),
    (7, "NoAnswer"),
    (8, "SitDetected"),
    (8, "SilDetected"),
    (9, "AnsweringMachineDetected"),
    (10, "AllTrunksBusy"),
    (11, "SitInvalidnum"),
    (12, "SitVacant"),
    (13, "SitIntercept"),
    (14, "SitUnknown"),
    (15, "SitNocircuit"),
    (16, "SitReorder"),
    (17, "FaxDetected"),
    (18, "QueueFull"),
    (19, "Cleared"),
    (20, "Overflowed"),
    (21, "Abandoned"),
    (22, "Redirected"),
    (23, "Forwarded"),
    (24, "Consult"),
    (25, "Pickedup"),
    (26, "Dropped"),
    (27, "Droppednoanswer"),
    (28, "Unknown"),
    (29, "Covered"),
    (30, "ConverseOn"),
    (31, "Bridged"),
    (49, "Deafened"),
    (50, "Held"),
];

/// A human answered.
pub const OK: u8 = 0;
/// Busy.
pub const BUSY: u8 = 6;
/// No answer.
pub const NO_ANSWER: u8 = 7;
/// Silence after the answer, or a special information tone.
pub const SILENCE: u8 = 8;
/// A machine answered.
pub const MACHINE: u8 = 9;
/// No trunk usable.
pub const ALL_TRUNKS_BUSY: u8 = 10;
/// The number does not exist.
pub const INVALID_NUMBER: u8 = 11;
/// Vacant code.
pub const VACANT: u8 = 12;
/// A fax answered.
pub const FAX: u8 = 17;
/// Given up by the server while it rang.
pub const DROPPED: u8 = 26;
/// Nothing is known.
pub const UNKNOWN: u8 = 28;

/// The first name of a number, `Unknown` for a number that is not in the list.
#[must_use]
pub fn name(number: u8) -> &'static str {
    NAMES
        .iter()
        .find(|(n, _)| *n == number)
        .map_or("Unknown", |(_, name)| name)
}
