//! The tables that tidy holds the repository against; a change here is a change of architecture.

/// Packages of the workspace that a package may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MayUse {
    /// These and no others.
    Only(&'static [&'static str]),
    /// Every package of the product.
    All,
}

/// Allowed edges between our packages, downwards only.
pub(super) const EDGES: &[(&str, MayUse)] = &[
    ("callback", MayUse::Only(&[])),
    ("script", MayUse::Only(&[])),
    ("sip", MayUse::Only(&[])),
    ("media", MayUse::Only(&[])),
    ("scxml", MayUse::Only(&["script"])),
    ("vxml", MayUse::Only(&["script"])),
    ("store", MayUse::Only(&["callback"])),
    ("telephony", MayUse::Only(&["sip", "media"])),
    (
        "engine",
        MayUse::Only(&["callback", "store", "telephony", "scxml", "vxml"]),
    ),
    ("http", MayUse::Only(&["engine", "store", "callback"])),
    ("ringback", MayUse::All),
    ("simulation", MayUse::All),
    ("testkit", MayUse::All),
    ("xtask", MayUse::Only(&[])),
];

/// Packages that only tests use; anyone may have them under `[dev-dependencies]`.
pub(super) const TEST_PACKAGES: &[&str] = &["testkit", "simulation"];

/// Who may use a package of [`TEST_PACKAGES`] outside tests.
pub(super) const TEST_PACKAGE_USERS: &[(&str, &str)] = &[
    ("ringback", "simulation"),
    ("simulation", "testkit"),
    ("testkit", "simulation"),
];

/// Packages that compute and never wait: no runtime, socket, HTTP or database below them.
pub(super) const WITHOUT_IO: &[&str] = &["callback", "script", "sip", "media", "scxml", "vxml"];

/// What a package of [`WITHOUT_IO`] must not reach, however far down.
pub(super) const IO_CRATES: &[&str] = &[
    "async-io",
    "async-net",
    "async-std",
    "axum",
    "curl",
    "deadpool",
    "deadpool-postgres",
    "diesel",
    "futures-executor",
    "h2",
    "hickory-resolver",
    "http-body",
    "hyper",
    "hyper-util",
    "isahc",
    "libsqlite3-sys",
    "mio",
    "postgres",
    "quinn",
    "r2d2",
    "reqwest",
    "rsipstack",
    "rusqlite",
    "rustls",
    "sled",
    "smol",
    "socket2",
    "sqlx",
    "tokio",
    "tokio-postgres",
    "tokio-rustls",
    "tokio-util",
    "tower",
    "tungstenite",
    "ureq",
];

/// Names of the standard library that a package of [`WITHOUT_IO`] does not use outside tests.
pub(super) const IO_NAMES: &[&str] = &[
    "Instant",
    "SystemTime",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "UnixStream",
    "std::env",
    "std::process",
    "std::thread",
];

/// Licences of dependencies we accept, in SPDX terms.
pub(super) const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "MPL-2.0",
];

/// The licence of our own packages.
pub(super) const OWN_LICENCE: &str = "Apache-2.0";

/// A dependency that breaks a rule and may.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exception {
    /// Name of the crate.
    pub(super) name: &'static str,
    /// Why we live with it.
    pub(super) reason: &'static str,
    /// When that was decided, `yyyy-mm-dd`.
    pub(super) decided: &'static str,
}

/// Crates whose licence expression is not accepted by [`LICENCES`] alone.
pub(super) const LICENCE_EXCEPTIONS: &[Exception] = &[];

/// Crates that must not come in, not even by way of others.
pub(super) const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "TLS is rustls; switch the feature off"),
    ("native-tls", "TLS is rustls; switch the feature off"),
];

/// Crates known to be there in more than one version.
pub(super) const SECOND_VERSIONS: &[Exception] = &[
    Exception {
        name: "base64",
        reason: "hyper-util is ahead of us and of the SIP stack",
        decided: "2026-11-21",
    },
    Exception {
        name: "embedded-io",
        reason: "optional parts of postcard (phonenumber); neither is compiled",
        decided: "2026-11-21",
    },
    Exception {
        name: "getrandom",
        reason: "ring 0.17 stays on 0.2",
        decided: "2026-11-21",
    },
    Exception {
        name: "hashbrown",
        reason: "tokio-util 0.7 stays on 0.15",
        decided: "2026-11-21",
    },
    Exception {
        name: "regex-syntax",
        reason: "regex-cache 0.2 (phonenumber) stays on 0.6",
        decided: "2026-11-21",
    },
    Exception {
        name: "syn",
        reason: "procedural macros move to 3 one by one; used while building only",
        decided: "2026-11-21",
    },
    Exception {
        name: "thiserror",
        reason: "rtp-types 0.1 stays on 1",
        decided: "2026-11-21",
    },
    Exception {
        name: "thiserror-impl",
        reason: "rtp-types 0.1 stays on thiserror 1",
        decided: "2026-11-21",
    },
    Exception {
        name: "winnow",
        reason: "toml 0.9 and its own parser use two",
        decided: "2026-11-21",
    },
];

/// Where crates may come from.
pub(super) const REGISTRIES: &[&str] = &[
    "registry+https://github.com/rust-lang/crates.io-index",
    "sparse+https://index.crates.io/",
];

/// A crate that only one place may name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Confined {
    /// The crate as source names it.
    pub(super) name: &'static str,
    /// Rust files that begin with one of these may name it.
    pub(super) places: &'static [&'static str],
    /// The package that may depend on it.
    pub(super) package: &'static str,
}

/// Crates hidden behind a port of ours.
pub(super) const CONFINED: &[Confined] = &[Confined {
    name: "rsipstack",
    places: &["crates/telephony/src/embedded"],
    package: "telephony",
}];

/// Lines, tests not counted, from which a file wants splitting.
pub(super) const LENGTH_WARNING: usize = 600;

/// Lines, tests not counted, that no file exceeds.
pub(super) const LENGTH_MAX: usize = 1000;

/// A file that is longer than [`LENGTH_MAX`] for now.
#[derive(Clone, Copy, Debug)]
pub(super) struct LongFile {
    /// Path relative to the root.
    pub(super) path: &'static str,
    /// Its lines; follows the file downwards, never upwards.
    pub(super) lines: usize,
}

/// Files over the limit; this list may only shrink.
pub(super) const LONG_FILES: &[LongFile] = &[];

/// Documents that a newcomer needs.
pub(super) const DOCUMENTS: &[&str] = &[
    ".editorconfig",
    ".gitattributes",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "docs/glossary.md",
];
