//! The driver's UDP socket with a receive buffer that survives bursts, and its TCP port.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Wished receive buffer: the kernel's 208 kB lose requests from 2,000 calls/s on.
const RECEIVE_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Tries to find a port that is free for both UDP and TCP when any port will do.
const PORT_TRIES: usize = 32;

/// A bound UDP socket and the address on which TCP can listen too.
pub(super) struct Bound {
    pub(super) udp: tokio::net::UdpSocket,
    pub(super) address: SocketAddr,
}

/// Binds UDP and checks that the same TCP port is free.
pub(super) fn bind(listen: SocketAddr) -> io::Result<Bound> {
    let mut last = None;
    for _ in 0..PORT_TRIES {
        match bind_once(listen) {
            Ok(bound) => return Ok(bound),
            Err(error) if listen.port() == 0 && error.kind() == io::ErrorKind::AddrInUse => {
                last = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

fn bind_once(listen: SocketAddr) -> io::Result<Bound> {
    let socket = Socket::new(
        Domain::for_address(listen),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_nonblocking(true)?;
    grow_buffer(&socket);
    socket.bind(&listen.into())?;
    let udp = tokio::net::UdpSocket::from_std(socket.into())?;
    let address = udp.local_addr()?;
    // The stack binds TCP itself and only logs a failure; find out now.
    drop(TcpListener::bind(address)?);
    Ok(Bound { udp, address })
}

fn grow_buffer(socket: &Socket) {
    // Beyond the kernel's limit only with CAP_NET_ADMIN; without it the limit is what we get.
    let forced =
        rustix::net::sockopt::set_socket_recv_buffer_size_force(socket, RECEIVE_BUFFER_BYTES);
    if forced.is_err()
        && let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)
    {
        tracing::warn!(%error, "the receive buffer of the SIP socket cannot be enlarged");
    }
    let got = SockRef::from(socket).recv_buffer_size().unwrap_or_default();
    if got < RECEIVE_BUFFER_BYTES {
        tracing::warn!(
            buffer_bytes = got,
            "the SIP socket's receive buffer is small; raise net.core.rmem_max to 4194304"
        );
    }
}
