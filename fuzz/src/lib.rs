//! The fuzz targets of Ringback by name.

mod targets;

/// Takes a stream of datagrams.
pub fn rtp(data: &[u8]) {
    targets::rtp(data);
}

/// Takes a session description or the value of a header.
pub fn sdp(data: &[u8]) {
    targets::sdp(data);
}

/// Takes the content of an audio file.
pub fn audio(data: &[u8]) {
    targets::audio(data);
}

/// Takes a call for the detector.
pub fn detector(data: &[u8]) {
    targets::detector(data);
}
