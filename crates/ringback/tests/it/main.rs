//! The server as a process, spoken to over real HTTP, SIP and RTP.

mod admission;
mod agents;
mod bad_receivers;
mod command;
mod common;
mod compatible;
mod detection;
mod events;
mod identity;
mod kill;
mod notifications;
mod receiver;
mod refusals;
mod robust;
mod treatments;
mod trunks;
mod walk;
