//! Agents as configured: `[agent.<id>]` of the agents file.
