//! Tests of the offer/answer rules.

use super::*;

fn session() -> Session {
    Session::new("127.0.0.1:20000".parse().unwrap(), 400)
}

fn description(media: &str) -> String {
    let head = "v=0\r\no=x 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n";
    format!("{head}{}", media.replace('\n', "\r\n"))
}

fn agreed(media: &str) -> Result<Remote, Unacceptable> {
    session()
        .answer(description(media).as_bytes())
        .map(|(_, remote)| remote)
}

fn body(media: &str) -> String {
    let (answer, _) = session().answer(description(media).as_bytes()).unwrap();
    answer
        .split_once("t=0 0\r\n")
        .unwrap()
        .1
        .replace("\r\n", "\n")
}

#[test]
fn our_offer_names_all_codecs_and_events() {
    assert_eq!(
        session().offer().replace("\r\n", "\n"),
        "v=0\no=- 100 100 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n\
         m=audio 20000 RTP/AVP 0 8 9 101\na=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\n\
         a=rtpmap:9 G722/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n\
         a=ptime:20\na=sendrecv\n"
    );
}

#[test]
fn a_trunk_may_have_codecs_of_its_own_in_its_own_order() {
    let mut session = session().with_codecs(&[Codec::Pcma, Codec::G722]);
    assert!(
        session
            .offer()
            .contains("m=audio 20000 RTP/AVP 8 9 101\r\n")
    );
    let offer = description("m=audio 4000 RTP/AVP 0 9 8\n");
    let (_, remote) = session.answer(offer.as_bytes()).unwrap();
    assert_eq!(remote.codec, Codec::G722);
    let offer = description("m=audio 4000 RTP/AVP 0\n");
    assert_eq!(session.answer(offer.as_bytes()), Err(Unacceptable::NoCodec));
}

#[test]
fn a_trunk_may_have_keys_as_tones() {
    let mut session = session().without_events();
    assert!(!session.offer().contains("telephone-event"));
    let other = "m=audio 4000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\n";
    let other = description(other);
    let remote = session.read_answer(other.as_bytes()).unwrap();
    assert_eq!(remote.telephone_event, None);
    let (body, remote) = session.answer(other.as_bytes()).unwrap();
    assert_eq!(remote.telephone_event, None);
    assert!(!body.contains("telephone-event"), "{body}");
}

#[test]
fn the_first_common_codec_is_answered_with_the_peers_event_number() {
    let offer =
        "m=audio 4000 RTP/AVP 18 8 0 96\na=rtpmap:18 G729/8000\na=rtpmap:96 Telephone-Event/8000\n";
    assert_eq!(
        body(offer),
        "m=audio 20000 RTP/AVP 8 96\na=rtpmap:8 PCMA/8000\na=rtpmap:96 telephone-event/8000\n\
         a=fmtp:96 0-15\na=ptime:20\na=sendrecv\n"
    );
    let remote = agreed(offer).unwrap();
    assert_eq!(remote.address, "10.0.0.1:4000".parse().unwrap());
    assert_eq!(remote.codec, Codec::Pcma);
    assert_eq!(remote.telephone_event, Some(96));
    assert!(remote.send && remote.receive);
}

#[test]
fn other_media_lines_are_refused_in_their_place() {
    assert_eq!(
        body(
            "m=video 5000 RTP/AVP 97\na=rtpmap:97 H264/90000\nm=audio 5002 RTP/SAVP 0\n\
             m=audio 4000 RTP/AVP 0\nm=audio 4002 RTP/AVP 8\n"
        ),
        "m=video 0 RTP/AVP 97\nm=audio 0 RTP/SAVP 0\nm=audio 20000 RTP/AVP 0\n\
         a=rtpmap:0 PCMU/8000\na=ptime:20\na=sendrecv\nm=audio 0 RTP/AVP 8\n"
    );
}

#[test]
fn hold_is_answered_and_its_directions_are_turned_round() {
    for (direction, answer, send, receive) in [
        ("sendonly", "recvonly", false, true),
        ("recvonly", "sendonly", true, false),
        ("inactive", "inactive", false, false),
        ("sendrecv", "sendrecv", true, true),
    ] {
        let offer = format!("m=audio 4000 RTP/AVP 0\na={direction}\n");
        assert!(
            body(&offer).ends_with(&format!("a={answer}\n")),
            "{direction}"
        );
        let remote = agreed(&offer).unwrap();
        assert_eq!(
            (remote.send, remote.receive),
            (send, receive),
            "{direction}"
        );
    }
}

#[test]
fn the_old_hold_address_stops_sending() {
    let offer = "m=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0\n";
    let remote = agreed(offer).unwrap();
    assert!(!remote.send && remote.receive);
    assert!(body(offer).ends_with("a=recvonly\n"));
}

#[test]
fn a_direction_of_the_session_holds_for_media_without_one() {
    let offer = description("m=audio 4000 RTP/AVP 0\n").replace("t=0 0", "t=0 0\r\na=sendonly");
    let (_, remote) = session().answer(offer.as_bytes()).unwrap();
    assert!(!remote.send);
}

#[test]
fn the_address_of_the_media_line_wins() {
    let remote = agreed("m=audio 4000 RTP/AVP 0\nc=IN IP4 10.9.9.9\n").unwrap();
    assert_eq!(remote.address, "10.9.9.9:4000".parse().unwrap());
    let remote = agreed("m=audio 4000 RTP/AVP 0\nc=IN IP6 ::1\n").unwrap();
    assert_eq!(remote.address, "[::1]:4000".parse().unwrap());
}

#[test]
fn what_cannot_be_agreed_is_refused_by_name() {
    for (media, expected) in [
        ("", Unacceptable::NoAudio),
        ("m=audio 0 RTP/AVP 0\n", Unacceptable::NoAudio),
        ("m=image 4000 udptl t38\n", Unacceptable::NoAudio),
        ("m=audio 4000 RTP/SAVP 0\n", Unacceptable::SecureOnly),
        (
            "m=audio 4000 UDP/TLS/RTP/SAVPF 0\n",
            Unacceptable::SecureOnly,
        ),
        ("m=audio 4000 RTP/AVP 3 18\n", Unacceptable::NoCodec),
        (
            "m=audio 4000 RTP/AVP 0\nc=IN IP4 phone.example.net\n",
            Unacceptable::NoAddress,
        ),
        (
            "m=audio 4000 RTP/AVP 0\nc=IN IP4 224.1.1.1/127\n",
            Unacceptable::NoAddress,
        ),
    ] {
        assert_eq!(agreed(media), Err(expected), "{media}");
    }
    for body in [
        &b""[..],
        b"v=0",
        b"\xff\xfe\x00",
        b"hello\r\n",
        &[b'a'; LENGTH_MAX + 1],
    ] {
        assert!(session().answer(body).is_err());
    }
}

#[test]
fn the_version_grows_only_with_a_change() {
    let mut session = session();
    let origin = |body: &str| body.lines().nth(1).unwrap().to_owned();
    let talk = description("m=audio 4000 RTP/AVP 0\n");
    let hold = description("m=audio 4000 RTP/AVP 0\na=sendonly\n");
    let first = session.answer(talk.as_bytes()).unwrap().0;
    let again = session.answer(talk.as_bytes()).unwrap().0;
    let held = session.answer(hold.as_bytes()).unwrap().0;
    assert_eq!(origin(&first), "o=- 100 100 IN IP4 127.0.0.1");
    assert_eq!(origin(&again), origin(&first));
    assert_eq!(origin(&held), "o=- 100 101 IN IP4 127.0.0.1");
}

#[test]
fn an_offer_in_our_200_is_completed_by_the_answer_in_the_ack() {
    let mut session = session();
    let offer = session.offer();
    let mut peer = Session::new("127.0.0.2:30000".parse().unwrap(), 8);
    let (answer, theirs) = peer.answer(offer.as_bytes()).unwrap();
    let ours = session.read_answer(answer.as_bytes()).unwrap();
    assert_eq!(theirs.address, "127.0.0.1:20000".parse().unwrap());
    assert_eq!(ours.address, "127.0.0.2:30000".parse().unwrap());
    assert_eq!((ours.codec, ours.telephone_event), (Codec::Pcmu, Some(101)));
}

#[test]
fn a_fax_offer_is_seen() {
    assert!(is_fax_offer(
        description("m=image 4000 udptl t38\n").as_bytes()
    ));
    assert!(!is_fax_offer(
        description("m=image 0 udptl t38\n").as_bytes()
    ));
    assert!(!is_fax_offer(
        description("m=audio 4000 RTP/AVP 0\n").as_bytes()
    ));
    assert!(!is_fax_offer(b"t38"));
}

#[test]
fn mutated_descriptions_never_panic() {
    let seedling = description(
        "m=audio 4000 RTP/AVP 0 8 101\na=rtpmap:101 telephone-event/8000\na=sendonly\n",
    );
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut accepted = 0;
    for _ in 0..20_000 {
        let mut bytes = seedling.clone().into_bytes();
        for _ in 0..=next() % 4 {
            let at = usize::try_from(next()).unwrap() % bytes.len();
            match next() % 3 {
                0 => bytes[at] = next().to_le_bytes()[0],
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, next().to_le_bytes()[0]),
            }
        }
        accepted += u32::from(session().answer(&bytes).is_ok());
    }
    assert!(accepted > 1000, "{accepted}");
}

#[test]
fn ipv6_addresses_are_written_in_brackets() {
    assert_eq!(host("::1".parse().unwrap()), "[::1]");
    assert_eq!(host("127.0.0.1".parse().unwrap()), "127.0.0.1");
}
