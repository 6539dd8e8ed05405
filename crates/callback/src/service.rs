//! Services as configured: import, validation and the resolved settings of one callback.
