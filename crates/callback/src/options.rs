//! The option catalogue: one entry per service option.
