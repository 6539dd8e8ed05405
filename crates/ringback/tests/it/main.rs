//! The server as a process, spoken to over real HTTP, SIP and RTP.

mod admission;
mod agents;
mod bad_input;
mod bad_receivers;
mod client_commands;
mod command;
mod common;
mod compatible;
mod detection;
mod dialog;
mod events;
mod identity;
mod kamailio;
mod kill;
mod notifications;
mod pause;
mod receiver;
mod refusals;
mod robust;
mod rules;
mod treatments;
mod trunks;
mod walk;
