//! The single looks of `ringback doctor`; nothing is changed by them.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::time::Duration;

use engine::speech::{Speech, Synthesiser};
use store::SqliteStore;

use super::{Check, line, publishing, services};
use crate::clock::wall_us;
use crate::command::serve::refuse_empty;
use crate::config::{self, Config};
use crate::outcome::chain;

/// Receive buffer of the SIP socket that survives a burst, bytes.
const RECEIVE_BUFFER_BYTES: u64 = 4 * 1024 * 1024;
/// Open files that a busy server needs: two sockets a call leg and the connections.
const OPEN_FILES: u64 = 4096;

/// Room on the disk that lasts a while: a thousand callbacks take a few MiB.
const DISK_FREE_BYTES: u64 = 64 * 1024 * 1024;

/// How long a running server may take to say so.
const RUNNING_WAIT: Duration = Duration::from_secs(2);
/// Bytes of its answer; ours has some hundred.
const ANSWER_MAX: u64 = 64 * 1024;

/// What helps when nobody speaks.
const REMEDY_OF_SPEECH: &str = "install it, or set vxml.tts to none";

/// Looks at everything that the configuration names.
pub(super) fn all(config: &Config) -> Vec<Check> {
    let http_address = config.http.listen.0;
    let is_running = running(http_address);
    let mut checks = vec![
        credentials(config),
        treatments(&config.media.treatments_dir),
        store(config.store.path.as_ref()),
        disk(config.store.path.as_ref()),
        if is_running {
            Check::good("http", format!("a Ringback server runs at {http_address}"))
        } else {
            http(http_address)
        },
        sip(config.sip.listen.0, is_running),
        rtp(config),
        receive_buffer(),
        open_files(),
    ];
    checks.extend(speech(&config.vxml.tts));
    // What is wrong with the file itself says the check of the store.
    if let Ok(Some(setup)) = SqliteStore::setup(config.store.path.as_ref()) {
        checks.extend(publishing::all(config, &setup, wall_us() / 1_000));
        checks.extend(services::all(config, &setup.services));
    }
    for (key, reason) in config::without_meaning(config) {
        let message = format!("{key} has no meaning here: {reason}");
        checks.push(Check::advice("configuration", message, "remove it"));
    }
    if config.trunk.is_empty() {
        checks.push(Check::advice(
            "trunk",
            "no trunk: only extensions of agents can be called",
            "add a [[trunk]]",
        ));
    }
    checks.extend(line::all(&config.trunk));
    checks
}

fn credentials(config: &Config) -> Check {
    if !config.server.username.is_empty() {
        return Check::good("credentials", "operator credentials are set");
    }
    // Beyond loopback the configuration would have been refused.
    Check::good(
        "credentials",
        "none are set: whoever has an account on this machine may use it",
    )
}

/// Lets the synthesiser speak a word.
fn speech(setting: &str) -> Option<Check> {
    let synthesiser = match Synthesiser::parse(setting) {
        Ok(Synthesiser::None) => return None,
        Ok(synthesiser) => synthesiser,
        Err(why) => return Some(Check::bad("speech", why, REMEDY_OF_SPEECH)),
    };
    Some(match spoken(synthesiser) {
        Ok(ms) => Check::good("speech", format!("{setting} spoke a word of {ms} ms")),
        Err(why) => Check::bad("speech", format!("{setting}: {why}"), REMEDY_OF_SPEECH),
    })
}

fn spoken(synthesiser: Synthesiser) -> Result<u64, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let speech = Speech::new(synthesiser).map_err(|error| error.to_string())?;
    let clip = std::thread::scope(|scope| {
        // The command itself may run inside a runtime, which must not wait for another one.
        let speaks = scope.spawn(|| runtime.block_on(speech.speak(Some("en"), "Hello.")));
        speaks.join()
    });
    let clip = clip.map_err(|_panic| "it cannot be asked".to_owned())?;
    clip.map(|clip| clip.duration_ms())
        .map_err(|error| error.to_string())
}

fn treatments(dir: &str) -> Check {
    match fs::read_dir(dir) {
        Ok(entries) => {
            let files = entries
                .filter_map(Result::ok)
                .filter(|e| e.path().is_file())
                .count();
            Check::good("treatments", format!("{dir} holds {files} files"))
        }
        // The treatments that are shipped play without it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Check::advice(
            "treatments",
            format!("{dir} does not exist: only the shipped treatments are played"),
            "create the directory for treatments of your own, or set [media] treatments_dir",
        ),
        Err(error) => Check::bad(
            "treatments",
            format!("{dir} cannot be read: {error}"),
            "give this user the rights to read it, or set [media] treatments_dir",
        ),
    }
}

fn store(path: &Path) -> Check {
    let shown = path.display();
    if !path.exists() {
        let dir = match path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            Some(_) | None => Path::new("."),
        };
        return match tempfile_in(dir) {
            Ok(()) => Check::good("store", format!("{shown} will be created")),
            Err(error) => Check::bad(
                "store",
                format!("{shown} cannot be created: {error}"),
                "create its directory with the rights to write, or set [store] path",
            ),
        };
    }
    if let Err(failure) = refuse_empty(&shown.to_string()) {
        return Check::bad("store", failure.message, failure.remedy);
    }
    if let Err(error) = fs::OpenOptions::new().append(true).open(path) {
        let message = format!("{shown} cannot be written: {error}");
        return Check::bad("store", message, "give this user the rights to write");
    }
    let schema = SqliteStore::schema(path);
    let looked = schema.and_then(|schema| SqliteStore::verify(path).map(|()| schema));
    match looked {
        Ok(schema) if schema.found > schema.known => Check::bad(
            "store",
            format!(
                "{shown} has schema {}, this version knows {}",
                schema.found, schema.known
            ),
            "start the newer version of Ringback that wrote it, or restore a backup of before",
        ),
        Ok(schema) if schema.found < schema.known => Check::advice(
            "store",
            format!(
                "{shown} has schema {}; the start brings it to {}",
                schema.found, schema.known
            ),
            "make a copy before, or run 'ringback migrate' now",
        ),
        Ok(_) => Check::good("store", format!("{shown} is a sound store of Ringback")),
        Err(error) => Check::bad(
            "store",
            format!("{shown} cannot be used: {}", chain(&error)),
            "restore a backup, or set [store] path to another file",
        ),
    }
}

/// Room for the store: a full disk refuses new callbacks.
fn disk(path: &Path) -> Check {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        Some(_) | None => Path::new("."),
    };
    let Ok(place) = rustix::fs::statvfs(dir) else {
        return Check::good("disk", "unknown");
    };
    let free = place.f_bavail.saturating_mul(place.f_frsize);
    let message = format!("{} MiB are free for the store", free / (1024 * 1024));
    if free < DISK_FREE_BYTES {
        let remedy = "make room, or set [store] path to another disk; a full one refuses callbacks";
        return Check::bad("disk", message, remedy);
    }
    Check::good("disk", message)
}

/// Creates and removes a file: the only honest way to know the rights.
fn tempfile_in(dir: &Path) -> io::Result<()> {
    let path = dir.join(format!(".ringback-doctor-{}", std::process::id()));
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    fs::remove_file(path)
}

fn in_use(name: &'static str, address: SocketAddr, error: &io::Error) -> Check {
    Check::bad(
        name,
        format!("{address} cannot be used: {error}"),
        "stop what uses it (a running Ringback does), or choose another address",
    )
}

fn http(address: SocketAddr) -> Check {
    match TcpListener::bind(address) {
        Ok(_) => Check::good("http", format!("{address} is free")),
        Err(error) => in_use("http", address, &error),
    }
}

/// Whether a Ringback server answers there: what it uses is no fault then.
fn running(address: SocketAddr) -> bool {
    ask_ready(address).is_ok_and(|answer| answer.contains("\"trunks_up\""))
}

fn ask_ready(mut address: SocketAddr) -> io::Result<String> {
    if address.ip().is_unspecified() {
        let own: IpAddr = if address.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        };
        address.set_ip(own);
    }
    let mut stream = TcpStream::connect_timeout(&address, RUNNING_WAIT)?;
    stream.set_read_timeout(Some(RUNNING_WAIT))?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(ANSWER_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}

fn sip(address: SocketAddr, is_running: bool) -> Check {
    let both = UdpSocket::bind(address)
        .and_then(|udp| udp.local_addr())
        .and_then(|bound| TcpListener::bind(bound).map(|_| ()));
    match both {
        Ok(()) => Check::good("sip", format!("{address} is free for UDP and TCP")),
        Err(error) if is_running && error.kind() == io::ErrorKind::AddrInUse => {
            Check::good("sip", format!("{address} is in use, as the server runs"))
        }
        Err(error) => in_use("sip", address, &error),
    }
}

/// Tries a sample of the range: a few used ports are passed over at run time.
fn rtp(config: &Config) -> Check {
    let (from, to) = (
        *config.media.rtp_ports.0.start(),
        *config.media.rtp_ports.0.end(),
    );
    let ip = config.sip.listen.0.ip();
    let step = usize::from((to - from) / 16).max(1);
    let tried: Vec<bool> = (from..=to)
        .step_by(step)
        .map(|port| UdpSocket::bind((ip, port)).is_ok())
        .collect();
    let free = tried.iter().filter(|free| **free).count();
    let legs = u32::from(to - from).div_ceil(2);
    let message = format!(
        "{free} of {} tried ports are free; room for {legs} legs",
        tried.len()
    );
    if free * 2 > tried.len() {
        Check::good("rtp", message)
    } else {
        Check::bad(
            "rtp",
            message,
            "choose another range with [media] rtp_ports",
        )
    }
}

fn receive_buffer() -> Check {
    let limit = "/proc/sys/net/core/rmem_max";
    let bytes = fs::read_to_string(limit)
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok());
    match bytes {
        Some(bytes) if bytes < RECEIVE_BUFFER_BYTES => Check::advice(
            "receive_buffer",
            format!("the kernel allows {bytes} bytes; bursts of SIP messages may be lost"),
            format!("sysctl -w net.core.rmem_max={RECEIVE_BUFFER_BYTES}"),
        ),
        Some(bytes) => Check::good("receive_buffer", format!("the kernel allows {bytes} bytes")),
        None => Check::good("receive_buffer", "unknown on this system"),
    }
}

fn open_files() -> Check {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let soft = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|text| text.parse::<u64>().ok());
    match soft {
        Some(soft) if soft < OPEN_FILES => Check::advice(
            "open_files",
            format!("{soft} open files are allowed; each call leg takes two"),
            format!("ulimit -n {OPEN_FILES}, or LimitNOFILE= of the service manager"),
        ),
        Some(soft) => Check::good("open_files", format!("{soft} open files are allowed")),
        None => Check::good("open_files", "unlimited or unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_port_is_told_with_a_remedy() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let check = http(taken.local_addr().unwrap());
        assert!(!check.ok && !check.remedy.is_empty());
        assert!(http("127.0.0.1:0".parse().unwrap()).ok);
    }

    #[test]
    fn a_missing_treatments_directory_keeps_nobody_from_starting() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("treatments");
        let check = treatments(missing.to_str().unwrap());
        assert!(check.ok && !check.remedy.is_empty(), "{check:?}");
        fs::write(&missing, "no directory").unwrap();
        assert!(!treatments(missing.to_str().unwrap()).ok);
    }

    #[test]
    fn looking_at_the_store_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        assert!(store(&dir.path().join("a.db")).ok);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(!store(&dir.path().join("missing/a.db")).ok);
        let foreign = dir.path().join("foreign.db");
        fs::write(
            &foreign,
            "some other file, quite long enough to be looked at",
        )
        .unwrap();
        assert!(!store(&foreign).ok);
        let empty = dir.path().join("empty.db");
        fs::write(&empty, "").unwrap();
        let check = store(&empty);
        assert!(!check.ok && check.message.contains("empty"), "{check:?}");
    }

    #[test]
    fn a_running_server_is_recognised() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answer = |body: &'static str| {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let (mut stream, _) = listener.accept().unwrap();
                    let mut asked = [0; 1024];
                    let length = stream.read(&mut asked).unwrap();
                    assert!(asked[..length].starts_with(b"GET /readyz "));
                    write!(stream, "HTTP/1.1 200 OK\r\n\r\n{body}").unwrap();
                });
                running(address)
            })
        };
        assert!(answer("{\"trunks_up\":1}"));
        assert!(!answer("<html>"));
        assert!(sip(address, true).ok && !sip(address, false).ok);
    }
}
