//! Every key of `ringback.toml` with its type and default (cli-and-config §2, options §18).

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::application::{Callback, Lab};
use super::outgoing::{Gms, Push};
use super::value::{Address, Listen, Ports, Secret, Source};

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) http: Http,
    pub(crate) server: Server,
    pub(crate) store: Store,
    pub(crate) sip: Sip,
    pub(crate) media: Media,
    pub(crate) notifications: Notifications,
    pub(crate) push: Push,
    pub(crate) gms: Gms,
    pub(crate) dialplan: Dialplan,
    pub(crate) callback: Callback,
    pub(crate) lab: Lab,
    pub(crate) telephony: Telephony,
    pub(crate) engine: Engine,
    pub(crate) retention: Retention,
    pub(crate) plugin: Plugin,
    pub(crate) route_to_rp: RouteToRp,
    pub(crate) vxml: Vxml,
    pub(crate) fetch: Fetch,
    pub(crate) script: Script,
    pub(crate) trunk: Vec<Trunk>,
}

/// `[http]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Http {
    pub(crate) listen: Listen,
    /// Empty = `http://<listen>`.
    pub(crate) public_url: String,
    /// Prefix of the compatible API.
    pub(crate) app: String,
    /// Ids that the header `ContactCenterId` may hold.
    pub(crate) contact_centers: Vec<String>,
    /// Keys that requests of the compatible API must hold; empty = not checked.
    pub(crate) api_keys: Vec<Secret>,
    /// Opens `/metrics` as a Bearer token; empty = operator credentials only.
    pub(crate) metrics_token: Secret,
    pub(crate) tls_cert: String,
    pub(crate) tls_key: String,
    /// Serve the browser UI below `/ui/`.
    pub(crate) web_ui: bool,
    /// Hours after which a browser has to log in again.
    pub(crate) session_hours: u32,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: loopback(8080),
            public_url: String::new(),
            app: "/genesys".to_owned(),
            contact_centers: Vec::new(),
            api_keys: Vec::new(),
            metrics_token: Secret::default(),
            tls_cert: String::new(),
            tls_key: String::new(),
            web_ui: true,
            session_hours: 12,
        }
    }
}

fn loopback(port: u16) -> Listen {
    Listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// `[server]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Server {
    pub(crate) username: String,
    pub(crate) password: Secret,
}

/// `[store]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Store {
    pub(crate) path: String,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            path: "ringback.db".to_owned(),
        }
    }
}

/// `[sip]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sip {
    pub(crate) listen: Listen,
    pub(crate) external_address: Address,
    pub(crate) realm: String,
    /// Networks that may call us, beside trunks and registered phones.
    pub(crate) allow_sources: Vec<Source>,
    /// New dialogs a second from one address; 0 = no limit.
    pub(crate) source_rate: u32,
    /// New dialogs at once from one address; 0 = as many as a second.
    pub(crate) source_burst: u32,
    /// Calls from outside that wait for an answer; 0 = no limit.
    pub(crate) half_open_max: u32,
}

impl Default for Sip {
    fn default() -> Self {
        Self {
            listen: loopback(5060),
            external_address: Address::default(),
            realm: "ringback".to_owned(),
            allow_sources: Vec::new(),
            source_rate: 500,
            source_burst: 2_000,
            half_open_max: 1_000,
        }
    }
}

/// `[media]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Media {
    pub(crate) rtp_ports: Ports,
    pub(crate) external_address: Address,
    pub(crate) treatments_dir: String,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            rtp_ports: Ports(20_000..=29_999),
            external_address: Address::default(),
            treatments_dir: "treatments".to_owned(),
        }
    }
}

/// `[notifications]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Notifications {
    pub(crate) allow_request_target: bool,
    pub(crate) allow_hosts: Vec<String>,
    pub(crate) signing_secret: Secret,
    pub(crate) accept_2xx: bool,
    pub(crate) body: Body,
    pub(crate) state_compat: StateCompat,
    pub(crate) httpcb: Httpcb,
    pub(crate) customhttp: Customhttp,
    pub(crate) orscb: Orscb,
}

impl Default for Notifications {
    fn default() -> Self {
        Self {
            allow_request_target: true,
            allow_hosts: Vec::new(),
            signing_secret: Secret::default(),
            accept_2xx: false,
            body: Body::default(),
            state_compat: StateCompat::default(),
            httpcb: Httpcb::default(),
            customhttp: Customhttp::default(),
            orscb: Orscb::default(),
        }
    }
}

/// `[notifications.httpcb]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Httpcb {
    pub(crate) envelope: Envelope,
}

/// `[notifications.customhttp]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Customhttp {
    pub(crate) message: Message,
}

/// `[notifications.orscb]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Orscb {
    pub(crate) encoding: Encoding,
}

/// `[dialplan]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Dialplan {
    pub(crate) default_country: String,
    pub(crate) internal: Vec<String>,
    pub(crate) block: Vec<String>,
    pub(crate) allow_countries: Vec<String>,
    pub(crate) rp_allow: Vec<String>,
}

impl Default for Dialplan {
    fn default() -> Self {
        Self {
            default_country: "US".to_owned(),
            internal: vec!["^[0-9]{2,6}$".to_owned()],
            block: Vec::new(),
            allow_countries: Vec::new(),
            rp_allow: Vec::new(),
        }
    }
}

/// `[telephony]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Telephony {
    pub(crate) am_detected: OnDetected,
    pub(crate) fax_detected: OnDetected,
    pub(crate) silence_detected: OnDetected,
    pub(crate) sit_detail: bool,
}

impl Default for Telephony {
    fn default() -> Self {
        Self {
            am_detected: OnDetected::Connect,
            fax_detected: OnDetected::Drop,
            silence_detected: OnDetected::Connect,
            sit_detail: false,
        }
    }
}

/// `[engine]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Engine {
    pub(crate) max_running_callbacks: u32,
    /// Seconds that calls have to end by themselves when the server is told to stop.
    pub(crate) drain_s: u32,
    /// First part of every callback's id, 0–999.
    pub(crate) node: u16,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            max_running_callbacks: 20_000,
            drain_s: 30,
            node: 1,
        }
    }
}

/// `[retention]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Retention {
    pub(crate) days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: 30 }
    }
}

/// `[plugin]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Plugin {
    pub(crate) exit_is_cancel: bool,
    pub(crate) compat_reason: bool,
}

/// `[route_to_rp]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RouteToRp {
    pub(crate) age: Age,
    pub(crate) method: Method,
    pub(crate) header_prefix: String,
}

impl Default for RouteToRp {
    fn default() -> Self {
        Self {
            age: Age::default(),
            method: Method::default(),
            header_prefix: "X-Genesys-".to_owned(),
        }
    }
}

/// `[vxml]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Vxml {
    pub(crate) on_error: OnError,
    pub(crate) tts: String,
}

impl Default for Vxml {
    fn default() -> Self {
        Self {
            on_error: OnError::default(),
            tts: "none".to_owned(),
        }
    }
}

/// `[fetch]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Fetch {
    pub(crate) max_age: u32,
}

impl Default for Fetch {
    fn default() -> Self {
        Self { max_age: 60 }
    }
}

/// `[script]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Script {
    pub(crate) max_stuck_threads: u32,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            max_stuck_threads: 4,
        }
    }
}

/// `[[trunk]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Trunk {
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) transport: Transport,
    pub(crate) username: String,
    pub(crate) password: Secret,
    pub(crate) register: bool,
    pub(crate) number_format: NumberFormat,
    pub(crate) caller_id: String,
    pub(crate) priority: u16,
    pub(crate) weight: u16,
    pub(crate) max_calls: u32,
    pub(crate) cps: u32,
    /// Seconds between two OPTIONS pings; 0 = none.
    pub(crate) options_ping_s: u32,
    /// Hosts beside its own to which it may redirect a call.
    pub(crate) redirect_hosts: Vec<String>,
    /// Codecs that are offered, in this order.
    pub(crate) codecs: Vec<Codec>,
    /// Offer telephone events (RFC 4733) for keys.
    pub(crate) telephone_events: bool,
}

impl Default for Trunk {
    fn default() -> Self {
        Self {
            name: String::new(),
            host: String::new(),
            port: 5060,
            transport: Transport::default(),
            username: String::new(),
            password: Secret::default(),
            register: false,
            number_format: NumberFormat::default(),
            caller_id: String::new(),
            priority: 0,
            weight: 0,
            max_calls: 0,
            cps: 0,
            options_ping_s: 30,
            redirect_hosts: Vec::new(),
            codecs: vec![Codec::Pcmu, Codec::Pcma, Codec::G722],
            telephone_events: true,
        }
    }
}

/// One value out of a few words; the first is the default.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $first:ident, $($other:ident),+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum $name {
            #[default]
            $first,
            $($other),+
        }
    };
}

choice! {
    /// `notifications.body`
    Body { Compat, Native }
}
choice! {
    /// `notifications.state_compat`
    StateCompat { Real, Frozen }
}
choice! {
    /// `notifications.httpcb.envelope`
    Envelope { Bare, Wrapped }
}
choice! {
    /// `notifications.customhttp.message`
    Message { String, Object }
}
choice! {
    /// `notifications.orscb.encoding`
    Encoding { Form, Json }
}
choice! {
    /// `telephony.…_detected`
    OnDetected { Connect, Drop }
}
choice! {
    /// `route_to_rp.age`
    Age { Seconds, Epoch }
}
choice! {
    /// `route_to_rp.method`
    Method { Bridge, Refer }
}
choice! {
    /// `vxml.on_error`
    OnError { Error, RouteToAgent }
}
choice! {
    /// `trunk.transport`
    Transport { Udp, Tcp, Tls }
}
choice! {
    /// One of `trunk.codecs`
    Codec { Pcmu, Pcma, G722 }
}
choice! {
    /// `trunk.number_format`
    NumberFormat { AsGiven, Plus, E164, National }
}
