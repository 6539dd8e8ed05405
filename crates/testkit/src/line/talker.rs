//! A customer's phone that takes one call at a time, hears every packet and presses keys.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use super::message::{self, Request};
use crate::audio::ulaw_peak;
use crate::clock::{Moment, now};

/// Time between two packets.
const PACKET: Duration = Duration::from_millis(20);
/// Payload type of µ-law.
const PCMU: u8 = 0;
/// Payload of a frame of silence in µ-law.
const SILENCE: [u8; 160] = [0xff; 160];

/// A packet of audio that arrived.
#[derive(Clone, Debug)]
pub struct Heard {
    /// When.
    pub at: Moment,
    /// µ-law.
    pub audio: Vec<u8>,
}

impl Heard {
    /// The greatest amplitude in it.
    #[must_use]
    pub fn peak(&self) -> u32 {
        self.audio.iter().copied().map(ulaw_peak).max().unwrap_or(0)
    }

    /// Something loud, as the tones of these tests are.
    #[must_use]
    pub fn is_tone(&self) -> bool {
        self.peak() > 2_000
    }
}

#[derive(Default)]
struct State {
    /// The INVITE of the present call and who sent it.
    call: Option<(Request, SocketAddr)>,
    /// Where its audio goes, and the payload type of keys.
    media: Option<(SocketAddr, Option<u8>)>,
    calls: usize,
    over: bool,
    heard: Vec<Heard>,
    sequence: u16,
}

struct Shared {
    state: Mutex<State>,
    sip: UdpSocket,
    audio: UdpSocket,
    /// Keys are events where they are offered.
    events: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The phone; it ends on drop.
pub struct Talker {
    /// Its SIP port.
    pub port: u16,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl fmt::Debug for Talker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Talker")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

fn port_of(socket: &UdpSocket) -> u16 {
    let address = socket.local_addr();
    address.expect("a bound socket has an address").port()
}

impl Talker {
    /// A phone that answers at once; `events` = it takes keys as telephone events (RFC 4733), else
    /// they are tones.
    pub async fn start(events: bool) -> Self {
        let bind = async || {
            let socket = UdpSocket::bind(("127.0.0.1", 0)).await;
            socket.expect("a free port")
        };
        let (sip, audio) = (bind().await, bind().await);
        let port = port_of(&sip);
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            sip,
            audio,
            events,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(signal(Arc::clone(&shared)));
        tasks.spawn(listen(Arc::clone(&shared)));
        Self {
            port,
            shared,
            _tasks: tasks,
        }
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.shared.lock().calls
    }

    /// The latest call has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.shared.lock().over
    }

    /// Audio of the latest call so far.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        self.shared.lock().heard.clone()
    }

    async fn send(&self, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let (target, packet) = {
            let mut state = self.shared.lock();
            let Some((target, _)) = state.media else {
                return;
            };
            state.sequence = state.sequence.wrapping_add(1);
            let mut packet = vec![0x80, payload_type];
            packet.extend(state.sequence.to_be_bytes());
            packet.extend(timestamp.to_be_bytes());
            packet.extend(0x7a1c_e4a5_u32.to_be_bytes());
            packet.extend_from_slice(payload);
            (target, packet)
        };
        self.shared.audio.send_to(&packet, target).await.ok();
    }

    fn timestamp(&self) -> u32 {
        u32::from(self.shared.lock().sequence) * 160
    }

    /// Presses a key for 100 ms as an event; gives the moment of its first packet.
    ///
    /// # Panics
    /// There is no call, or events were not agreed.
    pub async fn press(&self, key: char) -> Moment {
        let media = self.shared.lock().media;
        let (_, events) = media.expect("there is a call");
        let payload_type = events.expect("events were agreed");
        let timestamp = self.timestamp();
        let began = now();
        for packet in message::key_press(key, payload_type) {
            self.send(
                payload_type,
                timestamp,
                packet.get(12..).unwrap_or_default(),
            )
            .await;
            tokio::time::sleep(PACKET).await;
        }
        began
    }

    /// Sends µ-law in packets of 20 ms; gives the moment of the first.
    pub async fn say(&self, audio: &[u8]) -> Moment {
        let began = now();
        for frame in audio.chunks(SILENCE.len()) {
            self.send(PCMU, self.timestamp(), frame).await;
            tokio::time::sleep(PACKET).await;
        }
        began
    }

    /// Sends silence for so long.
    pub async fn wait(&self, time: Duration) {
        let end = now() + time;
        while now() < end {
            self.say(&SILENCE).await;
        }
    }

    /// Hangs up.
    ///
    /// # Panics
    /// There is no call.
    pub async fn hang_up(&self) {
        let call = self.shared.lock().call.clone();
        let (invite, peer) = call.expect("there is a call");
        let bye = invite.bye("talker", self.port);
        self.shared.sip.send_to(bye.as_bytes(), peer).await.ok();
    }
}

async fn listen(shared: Arc<Shared>) {
    let mut packet = vec![0; 2_048];
    loop {
        let Ok(length) = shared.audio.recv(&mut packet).await else {
            continue;
        };
        let (at, bytes) = (now(), packet.get(..length).unwrap_or_default());
        let is_audio = bytes.get(1).is_some_and(|kind| kind & 0x7f == PCMU);
        if let (true, Some(audio)) = (is_audio, bytes.get(12..)) {
            let audio = audio.to_vec();
            shared.lock().heard.push(Heard { at, audio });
        }
    }
}

async fn signal(shared: Arc<Shared>) {
    let mut buffer = vec![0; 65_536];
    loop {
        let Ok((length, peer)) = shared.sip.recv_from(&mut buffer).await else {
            continue;
        };
        let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
        let Some(request) = Request::parse(&text) else {
            continue;
        };
        let answer = receive(&shared, request, peer);
        if !answer.is_empty() {
            shared.sip.send_to(answer.as_bytes(), peer).await.ok();
        }
    }
}

fn receive(shared: &Shared, request: Request, peer: SocketAddr) -> String {
    let mut state = shared.lock();
    match request.method.as_str() {
        "INVITE" => {
            let offered = request.media();
            let keys = offered.map(|(_, keys)| keys).filter(|_| shared.events);
            let (sip, audio) = (port_of(&shared.sip), port_of(&shared.audio));
            let answer = request.accept_with("talker", sip, audio, keys);
            let same = state
                .call
                .as_ref()
                .is_some_and(|(known, _)| known.header("Call-ID") == request.header("Call-ID"));
            if !same {
                state.calls += 1;
                state.over = false;
                state.heard.clear();
                state.media = offered.map(|(address, _)| (address, keys));
                state.call = Some((request, peer));
            }
            answer
        }
        "BYE" | "CANCEL" => {
            state.over = true;
            request.answer("200 OK", "talker", "")
        }
        "OPTIONS" => request.answer("200 OK", "options", ""),
        "RESPONSE" => {
            state.over = true;
            String::new()
        }
        _ => String::new(),
    }
}
