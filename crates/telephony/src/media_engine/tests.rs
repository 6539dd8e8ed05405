//! The engine on loopback: legs against plain sockets and against each other.

use std::cell::RefCell;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use media::codec::{Decoder, Encoder};
use media::rtp::{self, Header};
use media::{FRAME_SAMPLES, telephone_event, tone};
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::timeout;

use super::*;

mod agreement;
mod streams;

/// A loopback address that no other running process has: the port ranges below are fixed, and what
/// another run of these tests binds or sends must not meet them.
fn local() -> IpAddr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, 64 + high % 64, middle, low))
}

const PATIENCE: Duration = Duration::from_secs(10);
/// Frames that are looked at before a wait is given up: five seconds.
const FRAMES_MAX: usize = 250;

struct Rig {
    engine: MediaEngine,
    events: Receiver<MediaEvent>,
}

impl Rig {
    fn new(ports: RangeInclusive<u16>, threads: usize) -> Self {
        let (sender, events) = mpsc::channel(64);
        let config = MediaConfig {
            bind: local(),
            advertised: local(),
            ports,
            threads,
        };
        Self {
            engine: MediaEngine::start(config, sender).unwrap(),
            events,
        }
    }

    /// A leg that is connected with a phone.
    fn leg(&self, name: &str, codec: Codec, telephone_event: Option<u8>) -> (CallId, Phone) {
        let call = CallId::new(name);
        let address = self.engine.open(&call).unwrap();
        let phone = Phone::new(address, codec);
        self.engine
            .connect(&call, remote(phone.address(), codec, telephone_event));
        (call, phone)
    }

    async fn event(&mut self) -> MediaEvent {
        timeout(PATIENCE, self.events.recv())
            .await
            .expect("an event in time")
            .unwrap()
    }
}

fn remote(address: SocketAddr, codec: Codec, telephone_event: Option<u8>) -> RemoteMedia {
    RemoteMedia {
        address,
        codec,
        telephone_event,
        send: true,
        receive: true,
    }
}

/// The other side of a leg.
struct Phone {
    socket: UdpSocket,
    /// The port above, where the leg's reports go: it must be nobody else's.
    _reports: UdpSocket,
    leg: SocketAddr,
    codec: Codec,
    encoder: Encoder,
    decoder: RefCell<Decoder>,
    sequence: u16,
}

/// Sockets on an even port and the one above; an odd port would be taken for that of reports.
fn pair() -> (UdpSocket, UdpSocket) {
    let bind = |port| UdpSocket::bind((local(), port));
    (0..1_000)
        .find_map(|_| {
            let first = bind(0).ok()?;
            let port = first.local_addr().ok()?.port();
            let second = bind(port | 1).ok()?;
            Some((first, second))
        })
        .expect("an even port and the one above are free")
}

impl Phone {
    fn new(leg: SocketAddr, codec: Codec) -> Self {
        let (socket, reports) = pair();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket,
            _reports: reports,
            leg,
            codec,
            encoder: codec.encoder(),
            decoder: RefCell::new(codec.decoder()),
            sequence: 1_000,
        }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    fn send_packet(&mut self, payload_type: u8, payload: &[u8]) {
        self.sequence += 1;
        let header = Header {
            payload_type,
            marker: false,
            sequence: self.sequence,
            timestamp: u32::from(self.sequence) * 160,
            ssrc: 4_711,
        };
        let mut packet = Vec::new();
        rtp::write(header, payload, &mut packet);
        self.socket.send_to(&packet, self.leg).unwrap();
    }

    fn send(&mut self, samples: &[i16]) {
        let mut coded = Vec::new();
        self.encoder.encode(samples, &mut coded);
        self.send_packet(self.codec.payload_type(), &coded);
    }

    fn receive(&self) -> (Header, Vec<u8>) {
        let mut buffer = [0; 2_048];
        let length = self.socket.recv(&mut buffer).expect("RTP in time");
        let (header, payload) = rtp::parse(&buffer[..length]).unwrap();
        (header, payload.to_vec())
    }

    /// Receives until a frame holds the tone; gives the number of frames before it.
    fn hears(&self, hz: f32) -> usize {
        let heard = |_: &usize| self.hears_now(hz);
        (0..FRAMES_MAX)
            .find(heard)
            .unwrap_or_else(|| panic!("{hz} Hz was not heard"))
    }

    /// Whether the next frame is silent.
    fn hears_silence(&self) -> bool {
        let (_, payload) = self.receive();
        let mut pcm = Vec::new();
        self.decoder.borrow_mut().decode(&payload, &mut pcm);
        pcm.iter().all(|sample| sample.abs() < 50)
    }

    /// Whether the next frame holds the tone.
    fn hears_now(&self, hz: f32) -> bool {
        let (header, payload) = self.receive();
        let mut pcm = Vec::new();
        assert_eq!(header.payload_type, self.codec.payload_type());
        self.decoder.borrow_mut().decode(&payload, &mut pcm);
        level(&pcm, hz) > 1_000.0
    }
}

/// Amplitude of one frequency in a frame.
fn level(samples: &[i16], hz: f32) -> f32 {
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let phase = n as f32 * hz * std::f32::consts::TAU / 8_000.0;
        re += f32::from(*sample) * phase.cos();
        im += f32::from(*sample) * phase.sin();
    }
    2.0 * re.hypot(im) / samples.len().max(1) as f32
}

fn frame(hz: f32) -> Vec<i16> {
    tone::tone(&[hz], 20, -10.0)
}

/// Two names whose legs begin on different ones of two threads.
fn apart() -> (String, String) {
    let first = "x0".to_owned();
    let home = home_thread(&CallId::new(first.as_str()), 2);
    let other = (1..).map(|n| format!("x{n}"));
    let second = other
        .into_iter()
        .find(|n| home_thread(&CallId::new(n.as_str()), 2) != home);
    (first, second.unwrap())
}

#[test]
fn legs_of_one_callback_share_a_thread() {
    for threads in 1..5 {
        let customer = home_thread(&CallId::new("5f0c.2"), threads);
        assert_eq!(customer, home_thread(&CallId::new("5f0c.2.a1"), threads));
        assert!(customer < threads);
    }
}

#[test]
fn silence_flows_from_the_connect_on() {
    let rig = Rig::new(31_000..=31_019, 1);
    let (_, phone) = rig.leg("a", Codec::Pcma, None);
    let packets: Vec<(Header, Vec<u8>)> = (0..5).map(|_| phone.receive()).collect();
    assert!(packets[0].0.marker);
    for pair in packets.windows(2) {
        assert_eq!(pair[1].0.sequence, pair[0].0.sequence.wrapping_add(1));
        assert_eq!(pair[1].0.timestamp, pair[0].0.timestamp.wrapping_add(160));
        assert_eq!(pair[1].0.ssrc, pair[0].0.ssrc);
        assert!(!pair[1].0.marker);
    }
    assert!(
        packets
            .iter()
            .all(|(h, p)| h.payload_type == 8 && *p == [0xD5; 160])
    );
    assert!(rig.engine.stats().ticks >= 4);
}

#[tokio::test]
async fn a_clip_is_played_and_its_end_reported() {
    let mut rig = Rig::new(31_020..=31_039, 1);
    let (call, phone) = rig.leg("a", Codec::Pcmu, None);
    let clip = Clip::from_samples(tone::tone(&[1_000.0], 100, -10.0));
    rig.engine.play(&call, 7, clip.clone(), Repeat::Once);
    phone.hears(1_000.0);
    let played = |token, finished| MediaEvent::Played {
        call: call.clone(),
        token,
        finished,
    };
    assert_eq!(rig.event().await, played(7, true));
    rig.engine.play(&call, 8, clip.clone(), Repeat::Forever);
    rig.engine
        .play(&call, 9, Clip::from_samples(Vec::new()), Repeat::Once);
    assert_eq!(rig.event().await, played(8, false));
    assert_eq!(rig.event().await, played(9, true));
    rig.engine.play(&call, 10, clip, Repeat::Forever);
    rig.engine.stop(&call);
    assert_eq!(rig.event().await, played(10, false));
}

#[test]
fn a_bridge_carries_both_ways_and_ends() {
    for (codecs, threads) in [
        ((Codec::Pcmu, Codec::Pcmu), 1),
        ((Codec::Pcmu, Codec::Pcma), 1),
        ((Codec::Pcma, Codec::Pcma), 2),
        ((Codec::Pcma, Codec::Pcmu), 2),
        ((Codec::G722, Codec::Pcmu), 1),
        ((Codec::Pcma, Codec::G722), 2),
        ((Codec::G722, Codec::G722), 1),
    ] {
        let rig = Rig::new(31_040..=31_079, threads);
        let (first, second) = apart();
        let (a, mut phone_a) = rig.leg(&first, codecs.0, Some(101));
        let (b, mut phone_b) = rig.leg(&second, codecs.1, Some(96));
        rig.engine.bridge(&a, &b);
        let (mut heard_a, mut heard_b) = (false, false);
        for _ in 0..FRAMES_MAX {
            phone_a.send(&frame(1_000.0));
            phone_b.send(&frame(1_800.0));
            heard_a |= phone_a.hears_now(1_800.0);
            heard_b |= phone_b.hears_now(1_000.0);
            if heard_a && heard_b {
                break;
            }
        }
        assert!(heard_a && heard_b, "{heard_a} {heard_b}");
        rig.engine.unbridge(&b);
        let silent = (0..FRAMES_MAX).any(|_| {
            phone_a.send(&frame(1_000.0));
            phone_b.hears_silence()
        });
        assert!(silent, "nothing is carried after the bridge");
    }
}

#[test]
fn a_leg_moves_again_when_it_is_bridged_with_another() {
    let rig = Rig::new(31_080..=31_119, 2);
    let (first, second) = apart();
    let (a, mut phone_a) = rig.leg(&first, Codec::Pcmu, None);
    let (b, phone_b) = rig.leg(&second, Codec::Pcmu, None);
    let (c, mut phone_c) = rig.leg(&format!("{second}.1"), Codec::Pcmu, None);
    rig.engine.bridge(&a, &b);
    phone_a.send(&frame(600.0));
    rig.engine.bridge(&c, &b);
    rig.engine.bridge(&b, &a);
    rig.engine.bridge(&c, &b);
    let heard = (0..FRAMES_MAX).any(|_| {
        phone_a.send(&frame(1_000.0));
        phone_c.send(&frame(1_800.0));
        phone_b.hears_now(1_800.0)
    });
    assert!(heard);
    rig.engine.close(&b);
    rig.engine.close(&c);
    assert_eq!(rig.engine.stats().legs, 1);
}

#[tokio::test]
async fn digits_travel_between_legs_and_over_a_bridge() {
    let mut rig = Rig::new(31_120..=31_139, 1);
    let (a, b) = (CallId::new("a"), CallId::new("b"));
    let (at_a, at_b) = (rig.engine.open(&a).unwrap(), rig.engine.open(&b).unwrap());
    rig.engine.connect(&a, remote(at_b, Codec::Pcmu, Some(101)));
    rig.engine.connect(&b, remote(at_a, Codec::Pcmu, Some(101)));
    rig.engine.send_digits(&a, "1#");
    for digit in ['1', '#'] {
        assert_eq!(
            rig.event().await,
            MediaEvent::Digit {
                call: b.clone(),
                digit
            }
        );
    }
    let (c, mut phone_c) = rig.leg("c", Codec::Pcma, Some(96));
    let (d, phone_d) = rig.leg("d", Codec::Pcmu, Some(110));
    rig.engine.bridge(&c, &d);
    for event in telephone_event::packets('5', 100, 10).unwrap() {
        phone_c.send_packet(96, &event.to_payload());
    }
    assert_eq!(
        rig.event().await,
        MediaEvent::Digit {
            call: c,
            digit: '5'
        }
    );
    let mapped = (0..FRAMES_MAX)
        .map(|_| phone_d.receive())
        .find(|(h, _)| h.payload_type == 110);
    assert_eq!(mapped.unwrap().1[0], 5);
}

#[test]
fn digits_become_tones_where_events_were_not_agreed() {
    let rig = Rig::new(31_140..=31_159, 1);
    let (call, phone) = rig.leg("a", Codec::Pcmu, None);
    rig.engine.send_digits(&call, "5");
    phone.hears(770.0);
}

#[test]
fn closing_frees_the_ports_and_opening_is_idempotent() {
    let rig = Rig::new(31_160..=31_161, 1);
    let (a, b) = (CallId::new("a"), CallId::new("b"));
    let address = rig.engine.open(&a).unwrap();
    assert_eq!(rig.engine.open(&a).unwrap(), address);
    assert_eq!(rig.engine.open(&b), Err(OpenError::NoPort));
    for _ in 0..3 {
        rig.engine.close(&a);
        let again = (0..1_000_000).find_map(|_| rig.engine.open(&a).ok());
        assert_eq!(again, Some(address), "the port comes back");
    }
    assert_eq!(rig.engine.stats().legs_peak, 1);
    rig.engine.shutdown();
    assert_eq!(rig.engine.open(&b), Err(OpenError::Stopped));
    assert!(UdpSocket::bind(address).is_ok(), "the socket is closed");
}

#[test]
fn an_empty_range_is_refused() {
    let (sender, _events) = mpsc::channel(1);
    let config = MediaConfig {
        bind: local(),
        advertised: local(),
        ports: 5_001..=5_002,
        threads: 1,
    };
    assert!(MediaEngine::start(config, sender).is_err());
}

#[test]
fn malformed_and_foreign_packets_are_ignored() {
    let rig = Rig::new(31_180..=31_199, 1);
    let (a, mut phone_a) = rig.leg("a", Codec::Pcmu, Some(101));
    let (b, phone_b) = rig.leg("b", Codec::Pcmu, Some(101));
    rig.engine.bridge(&a, &b);
    let mut stranger = Phone::new(phone_a.leg, Codec::Pcmu);
    stranger.send(&frame(500.0));
    for length in [0, 1, 11, 12, 13, 2_000] {
        let junk: Vec<u8> = (0..length)
            .map(|n: usize| n.to_le_bytes()[0] ^ 0xB7)
            .collect();
        phone_a.socket.send_to(&junk, phone_a.leg).unwrap();
    }
    phone_a.send_packet(101, &[1]);
    phone_a.send_packet(13, &[40]);
    phone_a.send_packet(127, &[0; 900]);
    for _ in 0..5 {
        phone_a.send(&frame(1_000.0));
    }
    phone_b.hears(1_000.0);
    assert!(rig.engine.stats().rtp_ignored >= 6);
}

#[test]
fn another_source_is_taken_after_three_packets() {
    let rig = Rig::new(31_200..=31_219, 1);
    let call = CallId::new("a");
    let address = rig.engine.open(&call).unwrap();
    let (signalled, mut real) = (
        Phone::new(address, Codec::Pcmu),
        Phone::new(address, Codec::Pcmu),
    );
    rig.engine
        .connect(&call, remote(signalled.address(), Codec::Pcmu, None));
    signalled.receive();
    for _ in 0..3 {
        real.send(&frame(1_000.0));
    }
    assert_eq!(real.receive().1.len(), FRAME_SAMPLES);
}

#[tokio::test]
async fn silence_is_detected_without_a_packet() {
    let mut rig = Rig::new(31_220..=31_239, 1);
    let (call, _phone) = rig.leg("a", Codec::Pcmu, None);
    let settings = cpd::Settings {
        silence_ms: 200,
        ..cpd::Settings::default()
    };
    rig.engine.detect(&call, settings, cpd::Stage::Answered);
    let MediaEvent::Verdict { verdict, .. } = rig.event().await else {
        panic!("a verdict")
    };
    assert_eq!(verdict.outcome, cpd::Outcome::Silence);
    assert!(
        (200..300).contains(&verdict.decided_after_ms),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn a_tone_played_on_one_leg_is_detected_on_the_other() {
    let mut rig = Rig::new(31_240..=31_259, 2);
    let (a, b) = (CallId::new("a"), CallId::new("b"));
    let (at_a, at_b) = (rig.engine.open(&a).unwrap(), rig.engine.open(&b).unwrap());
    rig.engine.connect(&a, remote(at_b, Codec::Pcma, None));
    rig.engine.connect(&b, remote(at_a, Codec::Pcma, None));
    let settings = cpd::Settings {
        country: "US".to_owned(),
        ..cpd::Settings::default()
    };
    rig.engine.detect(&b, settings, cpd::Stage::Early);
    rig.engine.play(
        &a,
        1,
        Clip::from_samples(tone::congestion(1_000)),
        Repeat::Forever,
    );
    let MediaEvent::Verdict { call, verdict } = rig.event().await else {
        panic!("a verdict")
    };
    assert_eq!((call, verdict.outcome), (b, cpd::Outcome::Congestion));
}

#[tokio::test]
async fn a_machine_and_its_beep_are_reported_once_each() {
    let mut rig = Rig::new(31_260..=31_279, 1);
    let (a, b) = (CallId::new("a"), CallId::new("b"));
    let (at_a, at_b) = (rig.engine.open(&a).unwrap(), rig.engine.open(&b).unwrap());
    rig.engine.connect(&a, remote(at_b, Codec::Pcmu, None));
    rig.engine.connect(&b, remote(at_a, Codec::Pcmu, None));
    let settings = cpd::Settings {
        wait_for_beep: true,
        ..cpd::Settings::default()
    };
    rig.engine.detect(&b, settings, cpd::Stage::Answered);
    let mut greeting = tone::voice(1_000, -15.0, 5);
    greeting.extend(tone::silence(300));
    greeting.extend(tone::beep(1_000.0, 300));
    rig.engine
        .play(&a, 1, Clip::from_samples(greeting), Repeat::Once);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(match rig.event().await {
            MediaEvent::Verdict { verdict, .. } => verdict.detail,
            MediaEvent::Beep { hz, .. } if (hz - 1_000.0).abs() < 10.0 => "end of the beep",
            MediaEvent::Played { finished: true, .. } => "played",
            other => panic!("{other:?}"),
        });
    }
    seen.sort_unstable();
    assert_eq!(seen, ["beep", "end of the beep", "played"]);
}
