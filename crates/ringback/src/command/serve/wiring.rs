//! From the configuration to what telephony and engine take.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use callback::number::{Dialplan, NumberFormat};
use callback::service::{DetectionDefaults, PluginDefaults, ServerDefaults};
use engine::notify::{OutgoingHttp, Secret, SenderConfig};
use engine::speech::Synthesiser;
use engine::{
    EngineConfig, NotifyConfig, OnError, Provider, SessionsConfig, TrunkInfo, VoiceXmlConfig,
};
use telephony::embedded::{self, SipTimers};
use telephony::media_engine::MediaConfig;

use crate::config::{self, Config};
use crate::outcome::Failure;

/// Settings of the embedded telephony driver.
pub(super) fn telephony(config: &Config) -> embedded::Config {
    let listen = config.sip.listen.0;
    let advertised = config
        .media
        .external_address
        .0
        .or(config.sip.external_address.0)
        .unwrap_or_else(|| listen.ip());
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    embedded::Config {
        listen,
        external_address: config.sip.external_address.0,
        realm: config.sip.realm.clone(),
        media: MediaConfig {
            bind: listen.ip(),
            advertised,
            ports: config.media.rtp_ports.0.clone(),
            threads: (cores - 1).max(1),
        },
        trunks: config.trunk.iter().map(trunk).collect(),
        user_agent: concat!("Ringback/", env!("CARGO_PKG_VERSION")).to_owned(),
        timers: SipTimers::default(),
        admission: sip::admission::Limits {
            per_source_rate: config.sip.source_rate,
            per_source_burst: config.sip.source_burst,
            half_open_max: config.sip.half_open_max,
        },
        allow_sources: config.sip.allow_sources.iter().map(|n| n.0).collect(),
        registrar: sip::registrar::Policy::default(),
    }
}

fn trunk(trunk: &config::Trunk) -> embedded::Trunk {
    embedded::Trunk {
        name: trunk.name.clone(),
        host: trunk.host.clone(),
        port: trunk.port,
        transport: match trunk.transport {
            config::Transport::Tcp => embedded::Transport::Tcp,
            // TLS was refused when the configuration was read.
            config::Transport::Udp | config::Transport::Tls => embedded::Transport::Udp,
        },
        username: trunk.username.clone(),
        password: trunk.password.expose().to_owned(),
        caller_id: trunk.caller_id.clone(),
        register: trunk.register,
        max_calls: trunk.max_calls,
        cps: trunk.cps,
        ping_every: Duration::from_secs(trunk.options_ping_s.into()),
        priority: trunk.priority,
        weight: trunk.weight,
        redirect_hosts: trunk.redirect_hosts.clone(),
        keys_as_tones: !trunk.telephone_events,
        codecs: trunk
            .codecs
            .iter()
            .map(|codec| match codec {
                config::Codec::Pcmu => sip::sdp::Codec::Pcmu,
                config::Codec::Pcma => sip::sdp::Codec::Pcma,
                config::Codec::G722 => sip::sdp::Codec::G722,
            })
            .collect(),
    }
}

/// Settings of the engine; `public_url` is the base of the URLs that are handed out.
pub(super) fn engine(config: &Config, public_url: &str) -> Result<EngineConfig, Failure> {
    let bad = |message: String| Failure::bad_input(message, "correct the configuration");
    let plan = &config.dialplan;
    let dialplan = Dialplan::new(
        &plan.default_country,
        &plan.internal,
        &plan.block,
        &plan.allow_countries,
    )
    .and_then(|dialplan| dialplan.with_rp_allow(&plan.rp_allow))
    .map_err(|message| bad(format!("[dialplan] {message}")))?;
    let notifications = &config.notifications;
    let secret = match notifications.signing_secret.expose() {
        "" => None,
        text => Some(Secret::parse(text).ok_or_else(|| {
            bad("notifications.signing_secret must be whsec_ and 24 to 64 bytes in base64".into())
        })?),
    };
    let mut application = config.callback.options();
    application.extend(config.lab.options());
    Ok(EngineConfig {
        defaults: ServerDefaults {
            default_country: dialplan.default_country.clone(),
            allow_request_target: notifications.allow_request_target,
            native_body: notifications.body == config::Body::Native,
            frozen_state: notifications.state_compat == config::StateCompat::Frozen,
            application: Arc::new(application),
            detection: detection(config),
            plugin: PluginDefaults {
                exit_is_cancel: config.plugin.exit_is_cancel,
                compat_reason: config.plugin.compat_reason,
                age_is_epoch: config.route_to_rp.age == config::Age::Epoch,
                header_prefix: config.route_to_rp.header_prefix.clone(),
                refer: config.route_to_rp.method == config::Method::Refer,
            },
        },
        dialplan,
        trunks: config.trunk.iter().map(trunk_info).collect(),
        treatments_dir: PathBuf::from(&config.media.treatments_dir),
        sender: SenderConfig {
            allow_hosts: notifications.allow_hosts.clone(),
            accept_2xx: notifications.accept_2xx,
            secret,
            http: outgoing(config),
        },
        notify: notify(config),
        max_running_callbacks: usize::try_from(config.engine.max_running_callbacks)
            .unwrap_or(usize::MAX),
        node: config.engine.node,
        retention_days: config.retention.days,
        public_url: public_url.to_owned(),
        voicexml: VoiceXmlConfig {
            synthesiser: Synthesiser::parse(&config.vxml.tts).map_err(bad)?,
            on_error: match config.vxml.on_error {
                config::OnError::Error => OnError::Fail,
                config::OnError::RouteToAgent => OnError::RouteToAgent,
            },
            max_age_s: config.fetch.max_age,
            max_stuck_threads: config.script.max_stuck_threads,
        },
        sessions: SessionsConfig {
            max_age_s: config.fetch.max_age,
            fetch_timeout_s: config.callback.fetch_timeout,
            max_stuck_threads: config.script.max_stuck_threads,
        },
    })
}

/// What follows a verdict where a service does not say it.
fn detection(config: &Config) -> DetectionDefaults {
    let telephony = &config.telephony;
    let connects = |choice| choice == config::OnDetected::Connect;
    DetectionDefaults {
        am_detected_connect: connects(telephony.am_detected),
        silence_detected_connect: connects(telephony.silence_detected),
        sit_detail: telephony.sit_detail,
        fax_detected_connect: connects(telephony.fax_detected),
    }
}

/// Times and numbers of outgoing connections.
fn outgoing(config: &Config) -> OutgoingHttp {
    let http = &config.gms.http;
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    OutgoingHttp {
        connection_timeout: Duration::from_secs(http.connection_timeout.into()),
        socket_timeout: Duration::from_secs(http.socket_timeout.into()),
        per_route: count(http.max_connections_per_route),
        total: count(http.max_connections_total),
    }
}

/// How notifications are wrapped, and their providers.
fn notify(config: &Config) -> NotifyConfig {
    let provider = |customhttp: &config::PushCustomHttp, debug: &config::PushDebug| Provider {
        customhttp_url: customhttp.url.clone(),
        debug_customhttp_url: debug.customhttp.url.clone(),
    };
    let push = &config.push;
    let mut providers: BTreeMap<String, Provider> = push
        .provider
        .iter()
        .map(|(name, named)| (name.clone(), provider(&named.customhttp, &named.debug)))
        .collect();
    providers.insert(String::new(), provider(&push.customhttp, &push.debug));
    let notifications = &config.notifications;
    NotifyConfig {
        wrapped: notifications.httpcb.envelope == config::Envelope::Wrapped,
        message_object: notifications.customhttp.message == config::Message::Object,
        orscb_json: notifications.orscb.encoding == config::Encoding::Json,
        providers,
        subscription_default_s: push.default_subscription_expiration,
    }
}

fn trunk_info(trunk: &config::Trunk) -> TrunkInfo {
    TrunkInfo {
        name: trunk.name.clone(),
        number_format: match trunk.number_format {
            config::NumberFormat::AsGiven => NumberFormat::AsGiven,
            config::NumberFormat::Plus => NumberFormat::Plus,
            config::NumberFormat::E164 => NumberFormat::E164,
            config::NumberFormat::National => NumberFormat::National,
        },
    }
}

/// The directory in which the store's file lies.
pub(super) fn store_dir(config: &Config) -> PathBuf {
    match Path::new(&config.store.path).parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}
