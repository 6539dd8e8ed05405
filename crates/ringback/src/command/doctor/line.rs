//! Whether somebody answers behind a `[[trunk]]`.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::time::Duration;

use super::Check;
use crate::clock::wall_us;
use crate::config::{Transport, Trunk};

const NAME: &str = "trunk";
/// How long a question waits for its answer before it is asked again.
const WAIT: Duration = Duration::from_millis(500);
/// How often it is asked.
const TRIES: usize = 4;

/// Asks all trunks at the same time.
pub(super) fn all(trunks: &[Trunk]) -> Vec<Check> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = trunks
            .iter()
            .map(|trunk| scope.spawn(move || one(trunk)))
            .collect();
        asked
            .into_iter()
            .filter_map(|check| check.join().ok())
            .collect()
    })
}

fn one(trunk: &Trunk) -> Check {
    let (name, host) = (&trunk.name, &trunk.host);
    let found = (host.as_str(), trunk.port).to_socket_addrs();
    let address = match found.map(|mut found| found.next()) {
        Ok(Some(address)) => address,
        Ok(None) => {
            let message = format!("{name}: {host} has no address");
            return Check::bad(NAME, message, "correct host of the [[trunk]]");
        }
        Err(error) => {
            let remedy = "correct host of the [[trunk]], or check the name service";
            return Check::bad(
                NAME,
                format!("{name}: {host} is not found: {error}"),
                remedy,
            );
        }
    };
    let told = match trunk.transport {
        Transport::Udp => options(address).map(|status| format!("answers OPTIONS with {status}")),
        Transport::Tcp | Transport::Tls => {
            let connected = TcpStream::connect_timeout(&address, WAIT * 4);
            connected.map(|_| "takes connections".to_owned())
        }
    };
    match told {
        Ok(what) => Check::good(NAME, format!("{name}: {address} {what}")),
        // A carrier may take calls only and leave OPTIONS alone.
        Err(error) => Check::advice(
            NAME,
            format!("{name}: {address} does not answer: {error}"),
            "check host, port and transport of the [[trunk]], the firewall, and that it is up",
        ),
    }
}

/// Sends OPTIONS (RFC 3261 §11) until something answers; gives the status.
fn options(address: SocketAddr) -> io::Result<u16> {
    let any: SocketAddr = if address.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0_u16; 8], 0).into()
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    socket.set_read_timeout(Some(WAIT))?;
    let local = socket.local_addr()?;
    let mark = format!("{:x}{:x}", wall_us(), std::process::id());
    let request = format!(
        "OPTIONS sip:{address} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {local};branch=z9hG4bK{mark};rport\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:ringback@{local}>;tag={mark}\r\n\
         To: <sip:{address}>\r\n\
         Call-ID: {mark}@ringback-doctor\r\n\
         CSeq: 1 OPTIONS\r\n\
         Contact: <sip:ringback@{local}>\r\n\
         Accept: application/sdp\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let mut failed = io::Error::from(io::ErrorKind::TimedOut);
    let mut answer = [0; 2048];
    for _ in 0..TRIES {
        socket.send(request.as_bytes())?;
        match socket.recv(&mut answer) {
            Ok(length) => {
                if let Some(status) = status(answer.get(..length).unwrap_or_default()) {
                    return Ok(status);
                }
            }
            Err(error) if is_silence(&error) => {}
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn is_silence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// The status of a SIP answer.
fn status(answer: &[u8]) -> Option<u16> {
    let head = std::str::from_utf8(answer.strip_prefix(b"SIP/2.0 ")?.get(..3)?).ok()?;
    head.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk(port: u16, transport: Transport) -> Trunk {
        Trunk {
            name: "a".to_owned(),
            host: "127.0.0.1".to_owned(),
            port,
            transport,
            ..Trunk::default()
        }
    }

    #[test]
    fn a_trunk_that_answers_is_told_from_one_that_does_not() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = silent.local_addr().unwrap().port();
        let check = one(&trunk(port, Transport::Udp));
        assert!(check.ok && !check.remedy.is_empty(), "{check:?}");
        assert!(check.message.contains("does not answer"), "{check:?}");

        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = peer.local_addr().unwrap().port();
        let checks = std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut asked = [0; 2048];
                let (length, from) = peer.recv_from(&mut asked).unwrap();
                assert!(asked[..length].starts_with(b"OPTIONS sip:127.0.0.1:"));
                peer.send_to(b"SIP/2.0 405 No\r\n\r\n", from).unwrap();
            });
            all(&[trunk(port, Transport::Udp)])
        });
        let told = &checks[0].message;
        assert!(told.ends_with("answers OPTIONS with 405"), "{told}");
    }

    #[test]
    fn names_without_an_address_are_refused() {
        let mut wrong = trunk(5060, Transport::Tcp);
        wrong.host = "no such host".to_owned();
        assert!(!one(&wrong).ok);
    }
}
