//! Values that nobody can guess.

use rand::RngExt as _;

/// 128 random bits as 32 hexadecimal digits.
pub(crate) fn new_token() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}
