//! The event catalogue and the bodies of status notifications.
