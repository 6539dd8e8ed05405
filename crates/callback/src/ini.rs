//! The INI dialect of services, agents and Transaction Lists, read with line numbers and repairs.
