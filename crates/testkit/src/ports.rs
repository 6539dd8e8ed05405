//! Blocks of ports that no other test uses at the same time.

use std::fs::{File, OpenOptions};
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;

/// First port of the first block. Below the ephemeral range of Linux (32768–60999), so that no
/// outgoing connection takes a port of ours.
const FIRST: u16 = 10_000;
/// Ports in a block.
const SIZE: u16 = 100;
/// Number of blocks.
const BLOCKS: u16 = 220;

/// A block of 100 free ports of 127.0.0.1; other processes skip it while this value lives.
///
/// The lock is an advisory lock on a file in the temporary folder: it ends with the process.
#[derive(Debug)]
pub struct Ports {
    base: u16,
    next: u16,
    _lock: File,
}

impl Ports {
    /// Takes a free block.
    #[must_use]
    pub fn block() -> Self {
        let folder = folder();
        let start = u16::try_from(std::process::id() % u32::from(BLOCKS)).unwrap_or(0);
        for step in 0..BLOCKS {
            let number = (start + step) % BLOCKS;
            let path = folder.join(number.to_string());
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path);
            let file = file.expect("the lock files belong to this user");
            let base = FIRST + number * SIZE;
            // Programs that know nothing of the locks may have ports of it.
            if file.try_lock().is_ok() && (base..base + SIZE).all(is_free) {
                return Self {
                    base,
                    next: base,
                    _lock: file,
                };
            }
        }
        panic!("all {BLOCKS} blocks of ports are in use");
    }

    /// The next port of the block that is free for UDP and TCP.
    pub fn port(&mut self) -> u16 {
        while self.next < self.base + SIZE {
            let port = self.next;
            self.next += 1;
            if is_free(port) {
                return port;
            }
        }
        panic!("the block of ports at {} is used up", self.base);
    }

    /// An even port whose successor is free as well (RTP and RTCP, SIP and SIP over TLS).
    pub fn pair(&mut self) -> u16 {
        loop {
            let port = self.port();
            if port.is_multiple_of(2) && is_free(port + 1) {
                self.next = self.next.max(port + 2);
                return port;
            }
        }
    }

    /// `count` neighbouring ports, the first one even, as first and last.
    pub fn range(&mut self, count: u16) -> (u16, u16) {
        loop {
            let first = self.pair();
            let last = first + count - 1;
            assert!(
                last < self.base + SIZE,
                "the block of ports at {} is used up",
                self.base
            );
            if (first..=last).all(is_free) {
                self.next = last + 1;
                return (first, last);
            }
        }
    }
}

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join("ringback-test-ports");
    std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
    folder
}

fn is_free(port: u16) -> bool {
    UdpSocket::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_blocks_never_overlap() {
        let mut one = Ports::block();
        let mut other = Ports::block();
        assert_ne!(one.base, other.base);
        let (first, last) = one.range(20);
        assert_eq!(last - first, 19);
        assert!(one.port() > last);
        assert_eq!(other.pair() % 2, 0);
    }
}
