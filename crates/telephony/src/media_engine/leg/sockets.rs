//! The pair of sockets of a leg: RTP on an even port, RTCP on the one above.

use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Receive buffer of the RTCP socket.
const RTCP_BUFFER_BYTES: usize = 8_192;

/// The bound pair of sockets.
#[derive(Debug)]
pub(in crate::media_engine) struct Sockets {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: std::net::UdpSocket,
}

impl Sockets {
    pub(in crate::media_engine) fn bind(ip: IpAddr, port: u16) -> io::Result<Self> {
        let rtp = bind_one(SocketAddr::new(ip, port))?;
        let rtcp = bind_one(SocketAddr::new(ip, port | 1))?;
        // A report every few seconds needs little; a flood is cut off here.
        rtcp.set_recv_buffer_size(RTCP_BUFFER_BYTES)?;
        Ok(Self {
            rtp: UdpSocket::from_std(rtp.into()),
            rtcp: rtcp.into(),
        })
    }
}

fn bind_one(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}
