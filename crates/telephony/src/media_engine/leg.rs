//! One leg: its sockets, its two streams, what plays and what listens.

mod record;
mod sockets;

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;

use media::audio::Clip;
use media::codec::Codec;
use media::cpd::{self, Finding};
use media::dtmf;
use media::rtcp;
use media::rtp::{self, Header, LossCounter};
use media::telephone_event::{self, Event};
use mio::net::UdpSocket;
use rand::RngExt;
use rand::rngs::SmallRng;

use self::record::Recorder;
pub(super) use self::sockets::Sockets;
use super::coders::{Receiver, Sender, Transcoder};
use super::latch::Latch;
use super::limits::{BRIDGE_IDLE_TICKS, MEDIA_TIMEOUT_MS};
use super::order::Reorder;
use super::outbox::Outbox;
use super::outgoing::Outgoing;
use super::playback::{Digits, Player, Step};
use super::reports::{Reports, Situation, Stream};
use super::{Counters, MediaEvent, RemoteMedia};
use crate::port::{CallId, Repeat};

/// What a leg needs from its thread while it works.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) now_ms: u64,
    pub(super) outbox: &'a mut Outbox,
    pub(super) counters: &'a Counters,
    pub(super) scratch: &'a mut Scratch,
}

impl Context<'_> {
    fn report(&mut self, event: MediaEvent) {
        let dropped = self.outbox.send(event);
        self.counters.events_dropped.fetch_add(dropped, Relaxed);
    }
}

/// Buffers that all legs of a thread share.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pcm: Vec<i16>,
    coded: Vec<u8>,
}

/// A packet that goes on to the bridged leg.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forward<'a> {
    pub(super) to: usize,
    header: Header,
    content: Content,
    payload: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
enum Content {
    Audio(Codec),
    Event,
}

/// The stream that arrives.
#[derive(Debug, Default)]
struct Incoming {
    ssrc: Option<u32>,
    loss: LossCounter,
    digits: telephone_event::Decoder,
    tones: dtmf::Detector,
    reorder: Reorder,
    receiver: Receiver,
}

/// Watches that packets arrive.
#[derive(Clone, Copy, Debug, Default)]
struct Liveness {
    last_ms: u64,
    reported: bool,
}

impl Liveness {
    const fn alive(&mut self, now_ms: u64) {
        *self = Self {
            last_ms: now_ms,
            reported: false,
        };
    }

    /// True once when the time is over.
    const fn is_over(&mut self, now_ms: u64) -> bool {
        let over = !self.reported && now_ms.saturating_sub(self.last_ms) >= MEDIA_TIMEOUT_MS;
        self.reported |= over;
        over
    }
}

/// One leg.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) key: usize,
    pub(super) call: CallId,
    pub(super) port: u16,
    /// The leg it is bridged with.
    pub(super) peer: Option<usize>,
    socket: UdpSocket,
    reports: Reports,
    remote: Option<(RemoteMedia, Latch)>,
    outgoing: Outgoing,
    sender: Sender,
    /// Decodes what the bridged leg says when its codec is another one.
    transcoder: Option<Transcoder>,
    incoming: Incoming,
    liveness: Liveness,
    player: Option<Player>,
    recorder: Option<Box<Recorder>>,
    digits: Digits,
    detector: Option<Box<cpd::Detector>>,
    /// Ticks since the bridged leg sent something.
    idle_ticks: u32,
}

impl Leg {
    pub(super) fn new(key: usize, call: CallId, port: u16, sockets: Sockets) -> Self {
        let mut random: SmallRng = rand::make_rng();
        Self {
            key,
            call,
            port,
            peer: None,
            socket: sockets.rtp,
            reports: Reports::new(sockets.rtcp, random.random()),
            remote: None,
            outgoing: Outgoing::new(random.random(), random.random(), random.random()),
            sender: Sender::default(),
            transcoder: None,
            incoming: Incoming::default(),
            liveness: Liveness::default(),
            player: None,
            recorder: None,
            digits: Digits::default(),
            detector: None,
            idle_ticks: 0,
        }
    }

    pub(super) const fn socket(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// Packets missing in the present stream.
    pub(super) const fn lost(&self) -> u64 {
        self.incoming.loss.lost()
    }

    /// Packets of ours that the other side misses.
    pub(super) fn lost_there(&self) -> u64 {
        self.reports.lost_there().into()
    }

    /// Tells the other side that nothing more comes.
    pub(super) fn say_bye(&mut self) {
        if let Some((_, latch)) = &self.remote {
            self.reports.bye(latch.target(), self.outgoing.position().0);
        }
    }

    pub(super) fn connect(&mut self, remote: RemoteMedia, now_ms: u64) {
        let latch = match self.remote {
            Some((_, mut latch)) => {
                latch.renew(remote.address, now_ms);
                latch
            }
            None => Latch::new(remote.address, now_ms),
        };
        self.remote = Some((remote, latch));
        self.liveness.alive(now_ms);
    }

    pub(super) fn detect(&mut self, settings: cpd::Settings, stage: cpd::Stage, now_ms: u64) {
        match &mut self.detector {
            // A tone that began before the answer is remembered.
            Some(detector) if stage == cpd::Stage::Answered => detector.answer(settings, now_ms),
            _ => self.detector = Some(Box::new(cpd::Detector::new(settings, stage, now_ms))),
        }
    }

    pub(super) fn stop_detect(&mut self) {
        self.detector = None;
    }

    pub(super) fn play(&mut self, player: (u64, Clip, Repeat), ctx: &mut Context<'_>) {
        self.stop(ctx);
        let (token, clip, repeat) = player;
        self.player = Some(Player::new(token, clip, repeat));
    }

    pub(super) fn stop(&mut self, ctx: &mut Context<'_>) {
        if let Some(player) = self.player.take() {
            self.played(&player, false, ctx);
        }
    }

    pub(super) fn send_digits(&mut self, digits: &str) {
        self.digits.add(digits);
    }

    /// Joins with another leg, which has to be done there too.
    pub(super) fn join(&mut self, peer: usize, ctx: &mut Context<'_>) {
        self.stop(ctx);
        self.peer = Some(peer);
        self.idle_ticks = 0;
        self.transcoder = None;
        self.outgoing.cut();
    }

    /// Parts from the other leg, which has to be done there too.
    pub(super) fn part(&mut self) {
        if self.peer.take().is_some() {
            let passed = self.idle_ticks.min(BRIDGE_IDLE_TICKS);
            self.outgoing.skip(passed);
            self.outgoing.cut();
            self.transcoder = None;
            self.idle_ticks = 0;
        }
    }

    /// Takes a datagram of the RTP socket; gives what goes on to the bridged leg.
    pub(super) fn handle_datagram<'a>(
        &mut self,
        source: SocketAddr,
        datagram: &'a [u8],
        ctx: &mut Context<'_>,
    ) -> Option<Forward<'a>> {
        let accepted = self.accept(source, datagram, ctx.now_ms);
        let Some((header, payload, content)) = accepted else {
            ctx.counters.ignored.fetch_add(1, Relaxed);
            return None;
        };
        ctx.counters.received.fetch_add(1, Relaxed);
        self.liveness.alive(ctx.now_ms);
        self.count(header, ctx);
        let content = content?;
        match content {
            Content::Audio(codec) => self.listen(codec, header.sequence, payload, ctx),
            Content::Event => self.handle_event(header.timestamp, payload, ctx),
        }
        Some(Forward {
            to: self.peer?,
            header,
            content,
            payload,
        })
    }

    /// Checks form and source; the content is `None` when the payload type was not agreed.
    fn accept<'a>(
        &mut self,
        source: SocketAddr,
        datagram: &'a [u8],
        now_ms: u64,
    ) -> Option<(Header, &'a [u8], Option<Content>)> {
        let (remote, latch) = self.remote.as_mut()?;
        let (header, payload) = rtp::parse(datagram).filter(|_| !rtcp::is_rtcp(datagram))?;
        if !latch.accepts(source, header.ssrc, now_ms) {
            return None;
        }
        let content = if Some(header.payload_type) == remote.telephone_event {
            Event::parse(payload).map(|_| Content::Event)
        } else if remote.receive && !payload.is_empty() {
            Codec::from_payload_type(header.payload_type).map(Content::Audio)
        } else {
            None
        };
        Some((header, payload, content))
    }

    fn count(&mut self, header: Header, ctx: &Context<'_>) {
        let first = self.incoming.ssrc != Some(header.ssrc);
        self.reports.arrived(header.timestamp, first, ctx.now_ms);
        if first {
            ctx.counters.lost_before.fetch_add(self.lost(), Relaxed);
            self.incoming = Incoming {
                ssrc: Some(header.ssrc),
                ..Incoming::default()
            };
        }
        self.incoming.loss.handle(header.sequence);
    }

    fn handle_event(&mut self, timestamp: u32, payload: &[u8], ctx: &mut Context<'_>) {
        for digit in self
            .incoming
            .digits
            .handle_packet(timestamp, payload, ctx.now_ms)
        {
            self.heard_digit(digit, ctx);
        }
        // The digit counts when it ends; who begins one has heard enough.
        if self.incoming.digits.is_open() {
            self.yield_to_digit(ctx);
        }
    }

    fn heard_digit(&mut self, digit: char, ctx: &mut Context<'_>) {
        self.yield_to_digit(ctx);
        ctx.report(MediaEvent::Digit {
            call: self.call.clone(),
            digit,
        });
    }

    fn yield_to_digit(&mut self, ctx: &mut Context<'_>) {
        if self.player.as_ref().is_some_and(Player::yields) {
            self.stop(ctx);
        }
    }

    fn listen(&mut self, codec: Codec, sequence: u16, payload: &[u8], ctx: &mut Context<'_>) {
        if self.detector.is_none() && self.recorder.is_none() && !self.takes_tones() {
            return;
        }
        if self.incoming.reorder.passes(sequence) {
            self.hear_one(codec, payload, ctx);
        } else {
            self.incoming
                .reorder
                .push(sequence, codec, payload, ctx.now_ms);
            self.hear(ctx);
        }
    }

    /// Digits come as tones where events were not agreed.
    fn takes_tones(&self) -> bool {
        self.remote
            .as_ref()
            .is_some_and(|(remote, _)| remote.telephone_event.is_none())
    }

    /// Listens to the packets whose turn it is.
    fn hear(&mut self, ctx: &mut Context<'_>) {
        while let Some((codec, payload)) = self.incoming.reorder.pop(ctx.now_ms) {
            self.hear_one(codec, &payload, ctx);
        }
    }

    fn hear_one(&mut self, codec: Codec, payload: &[u8], ctx: &mut Context<'_>) {
        self.incoming
            .receiver
            .decode(codec, payload, &mut ctx.scratch.pcm);
        if self.takes_tones() {
            for digit in self.incoming.tones.handle(&ctx.scratch.pcm) {
                self.heard_digit(digit, ctx);
            }
        }
        self.record_heard(ctx);
        if let Some(detector) = self.detector.as_mut() {
            let finding = detector.handle_frame(&ctx.scratch.pcm, ctx.now_ms);
            self.found(finding, ctx);
        }
    }

    fn found(&mut self, finding: Option<Finding>, ctx: &mut Context<'_>) {
        let call = self.call.clone();
        match finding {
            Some(Finding::Verdict(verdict)) => {
                ctx.report(MediaEvent::Verdict {
                    call,
                    verdict: Box::new(verdict),
                });
            }
            Some(Finding::BeepEnd { hz, screening, .. }) => ctx.report(MediaEvent::Beep {
                call,
                hz,
                screening,
            }),
            None => return,
        }
        if self.detector.as_ref().is_some_and(|d| d.is_finished()) {
            self.detector = None;
        }
    }

    /// Sends a packet of the bridged leg on, by the packet and without a clock.
    pub(super) fn forward(&mut self, packet: Forward<'_>, ctx: &mut Context<'_>) {
        let Some((remote, latch)) = &self.remote else {
            return;
        };
        if !remote.send || self.player.is_some() || self.digits.is_active() {
            return;
        }
        let written = match (packet.content, &mut self.transcoder) {
            (Content::Audio(codec), _) if codec == remote.codec => {
                self.transcoder = None;
                self.outgoing
                    .forward(packet.header, codec.payload_type(), packet.payload)
            }
            (Content::Audio(codec), transcoder) => {
                // Played by our own clock, see `write_audio`.
                transcoder
                    .get_or_insert_with(|| Transcoder::new(codec))
                    .push(codec, packet.header, packet.payload);
                return;
            }
            (Content::Event, transcoder) => {
                let Some(payload_type) = remote.telephone_event else {
                    return;
                };
                match transcoder {
                    None => self
                        .outgoing
                        .forward(packet.header, payload_type, packet.payload),
                    Some(transcoder) => {
                        let first = transcoder.is_new_event(packet.header.timestamp);
                        self.outgoing.event(payload_type, first, packet.payload);
                        true
                    }
                }
            }
        };
        self.idle_ticks = 0;
        if written {
            transmit(
                &self.socket,
                self.outgoing.packet(),
                latch.target(),
                ctx.counters,
            );
            self.reports.sent(self.outgoing.packet().len());
        }
    }

    /// Serves a 20 ms tick: sends a frame and lets time pass for all who wait.
    pub(super) fn tick(&mut self, ctx: &mut Context<'_>) {
        self.hear(ctx);
        self.record_tick(ctx);
        if let Some(detector) = self.detector.as_mut() {
            let finding = detector.handle_tick(ctx.now_ms);
            self.found(finding, ctx);
        }
        if let Some(digit) = self.incoming.digits.handle_tick(ctx.now_ms) {
            self.heard_digit(digit, ctx);
        }
        let Some((remote, latch)) = &self.remote else {
            return;
        };
        // On hold the other side sends what it likes, or nothing.
        let (expected, target) = (remote.receive && remote.send, latch.target());
        let (codec, events, send) = (remote.codec, remote.telephone_event, remote.send);
        if expected && self.liveness.is_over(ctx.now_ms) {
            ctx.report(MediaEvent::Timeout {
                call: self.call.clone(),
            });
        }
        let written = if let Some(step) = self.digits.next_step(events.is_some()) {
            self.write_digit(step, codec, events, ctx.scratch);
            true
        } else {
            self.write_audio(codec, ctx)
        };
        if written && !send {
            self.outgoing.unsent();
        } else if written {
            transmit(&self.socket, self.outgoing.packet(), target, ctx.counters);
            self.reports.sent(self.outgoing.packet().len());
        }
        self.exchange_reports(target, ctx);
    }

    /// A phone that says nothing and suppresses its silence still reports that it is there.
    fn exchange_reports(&mut self, target: SocketAddr, ctx: &Context<'_>) {
        let (ssrc, timestamp) = self.outgoing.position();
        let loss = self.incoming.loss;
        let situation = Situation {
            target,
            ssrc,
            timestamp,
            incoming: self.incoming.ssrc.map(|ssrc| Stream { ssrc, loss }),
            now_ms: ctx.now_ms,
        };
        if self.reports.tick(&situation, ctx.counters) {
            self.liveness.alive(ctx.now_ms);
        }
    }

    fn write_digit(&mut self, step: Step, codec: Codec, events: Option<u8>, scratch: &mut Scratch) {
        match (step, events) {
            (Step::Event { event, first }, Some(payload_type)) => {
                self.outgoing
                    .event(payload_type, first, &event.to_payload());
                return;
            }
            (Step::InBand(frame), _) => self.sender.encode(codec, &frame, &mut scratch.coded),
            (Step::Event { .. } | Step::Pause, _) => {
                self.sender.silence(codec, &mut scratch.coded);
            }
        }
        self.outgoing.frame(codec.payload_type(), &scratch.coded);
    }

    /// The next frame of the clip, else silence; nothing (false) while the bridged leg sends.
    fn write_audio(&mut self, codec: Codec, ctx: &mut Context<'_>) -> bool {
        if let Some(player) = self.player.as_mut() {
            let any = player.next_frame(&mut ctx.scratch.pcm);
            // Told with the last frame: what is played next follows at the next tick.
            if player.is_over() {
                self.played_out(ctx);
            }
            if any {
                self.sender
                    .encode(codec, &ctx.scratch.pcm, &mut ctx.scratch.coded);
                self.outgoing
                    .frame(codec.payload_type(), &ctx.scratch.coded);
                return true;
            }
        }
        if let Some(transcoder) = &mut self.transcoder
            && transcoder.next_frame(&mut ctx.scratch.pcm)
        {
            let idle = std::mem::take(&mut self.idle_ticks);
            if (1..BRIDGE_IDLE_TICKS).contains(&idle) {
                self.outgoing.skip(idle);
            }
            self.sender
                .encode(codec, &ctx.scratch.pcm, &mut ctx.scratch.coded);
            self.outgoing
                .frame(codec.payload_type(), &ctx.scratch.coded);
            return true;
        }
        if self.peer.is_some() && self.idle_ticks < BRIDGE_IDLE_TICKS {
            self.idle_ticks += 1;
            if self.idle_ticks == BRIDGE_IDLE_TICKS {
                self.outgoing.skip(BRIDGE_IDLE_TICKS);
            }
            return false;
        }
        self.sender.silence(codec, &mut ctx.scratch.coded);
        self.outgoing
            .frame(codec.payload_type(), &ctx.scratch.coded);
        true
    }

    fn played_out(&mut self, ctx: &mut Context<'_>) {
        if let Some(player) = self.player.take() {
            self.played(&player, true, ctx);
        }
    }

    fn played(&self, player: &Player, finished: bool, ctx: &mut Context<'_>) {
        if player.is_reported() {
            ctx.report(MediaEvent::Played {
                call: self.call.clone(),
                token: player.token,
                finished,
            });
        }
    }
}

/// Sends a packet. A full socket buffer or an unreachable network loses it, as on the way.
fn transmit(socket: &UdpSocket, packet: &[u8], target: SocketAddr, counters: &Counters) {
    if socket.send_to(packet, target).is_ok() {
        counters.sent.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_timeout_is_reported_once_until_a_packet_comes() {
        let mut liveness = Liveness::default();
        liveness.alive(1_000);
        assert!(!liveness.is_over(1_000 + MEDIA_TIMEOUT_MS - 1));
        assert!(liveness.is_over(1_000 + MEDIA_TIMEOUT_MS));
        assert!(!liveness.is_over(2 * MEDIA_TIMEOUT_MS));
        liveness.alive(200_000);
        assert!(liveness.is_over(200_000 + MEDIA_TIMEOUT_MS));
    }
}
