//! The server as a process, spoken to over real HTTP, SIP and RTP.

mod admission;
mod agents;
mod command;
mod common;
mod compatible;
mod detection;
mod identity;
mod kill;
mod notifications;
mod plugin;
mod plugin_rows;
mod plugin_scxml;
mod receiver;
mod refusals;
mod robust;
mod treatments;
mod trunks;
mod walk;
