//! Notification: pushes to the customer's device (options §7).

use super::Kind::Text;
use super::own::COUNT;
use super::{Entry, Kind, Section};

const fn opt(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Entry {
    Entry::new(Section::Notification, name, kind, default, meaning)
}

pub(super) const ENTRIES: &[Entry] = &[
    opt(
        "_max_number_of_user_availability_confirmation_attempts",
        COUNT,
        "3",
        "Pushes before the contact counts as failed.",
    )
    .advanced(),
    opt("_provider_name", Text, "", "Push provider of the service."),
    opt(
        "rb.message_file",
        Text,
        "",
        "File below media.treatments_dir with the texts of pushes and dialogs; empty = built-in ones.",
    ),
    opt(
        "rb.push_attempts",
        COUNT,
        "4",
        "Delivery attempts of a push.",
    ),
];
