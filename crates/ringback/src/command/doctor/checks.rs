//! The single looks of `ringback doctor`; nothing is changed by them.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _, UdpSocket};
use std::path::Path;

use engine::speech::{Speech, Synthesiser};
use store::SqliteStore;

use super::{Check, publishing};
use crate::clock::wall_us;
use crate::config::{self, Config};
use crate::outcome::chain;

/// Receive buffer of the SIP socket that survives a burst, bytes.
const RECEIVE_BUFFER_BYTES: u64 = 4 * 1024 * 1024;
/// Open files that a busy server needs: two sockets a call leg and the connections.
const OPEN_FILES: u64 = 4096;

/// Room on the disk that lasts a while: a thousand callbacks take a few MiB.
const DISK_FREE_BYTES: u64 = 64 * 1024 * 1024;

/// What helps when nobody speaks.
const REMEDY_OF_SPEECH: &str = "install it, or set vxml.tts to none";

/// Looks at everything that the configuration names.
pub(super) fn all(config: &Config) -> Vec<Check> {
    let mut checks = vec![
        credentials(config),
        treatments(&config.media.treatments_dir),
        store(config.store.path.as_ref()),
        disk(config.store.path.as_ref()),
        http(config.http.listen.0),
        sip(config.sip.listen.0),
        rtp(config),
        receive_buffer(),
        open_files(),
    ];
    checks.extend(speech(&config.vxml.tts));
    checks.extend(publishing::all(config, wall_us() / 1_000));
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
    checks.extend(
        config
            .trunk
            .iter()
            .map(|trunk| resolve(&trunk.name, &trunk.host, trunk.port)),
    );
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

fn sip(address: SocketAddr) -> Check {
    let both = UdpSocket::bind(address)
        .and_then(|udp| udp.local_addr())
        .and_then(|bound| TcpListener::bind(bound).map(|_| ()));
    match both {
        Ok(()) => Check::good("sip", format!("{address} is free for UDP and TCP")),
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

fn resolve(name: &str, host: &str, port: u16) -> Check {
    match (host, port).to_socket_addrs().map(|mut found| found.next()) {
        Ok(Some(address)) => Check::good("trunk", format!("{name}: {host} is {address}")),
        Ok(None) => Check::bad(
            "trunk",
            format!("{name}: {host} has no address"),
            "correct host of the [[trunk]]",
        ),
        Err(error) => Check::bad(
            "trunk",
            format!("{name}: {host} is not found: {error}"),
            "correct host of the [[trunk]], or check the name service",
        ),
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
    }

    #[test]
    fn trunks_are_resolved() {
        assert!(resolve("a", "127.0.0.1", 5060).ok);
        assert!(!resolve("a", "no such host", 5060).ok);
    }
}
