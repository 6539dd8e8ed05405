//! `[callback]` and `[lab]`: what services that leave an option out and documents go by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::value::{Secret, Word};

/// `[callback]`: what services that leave an option out go by (options §11). The names are those
/// of the original.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Callback {
    #[serde(rename = "_enable_in_queue_checking")]
    pub(crate) in_queue_checking: Word,
    #[serde(rename = "_enable_throttle_header_parameters")]
    pub(crate) throttle_header_parameters: bool,
    #[serde(rename = "_throttle_request_parameters")]
    pub(crate) throttle_request_parameters: String,
    #[serde(rename = "_throttle_request_parameters_limit")]
    pub(crate) throttle_request_parameters_limit: u32,
    #[serde(rename = "_throttle_callbacks_per_service_1")]
    pub(crate) throttle_callbacks_per_service_1: u32,
    #[serde(rename = "_throttle_ttl_1")]
    pub(crate) throttle_ttl_1: u32,
    #[serde(rename = "_throttle_callbacks_per_service_2")]
    pub(crate) throttle_callbacks_per_service_2: u32,
    #[serde(rename = "_throttle_ttl_2")]
    pub(crate) throttle_ttl_2: u32,
    #[serde(rename = "_fetch_retry_attempt")]
    pub(crate) fetch_retry_attempt: u32,
    #[serde(rename = "_fetch_retry_delay")]
    pub(crate) fetch_retry_delay: u32,
    #[serde(rename = "_fetch_timeout")]
    pub(crate) fetch_timeout: u32,
    pub(crate) callback_column_alias: String,
    #[serde(rename = "filter-keys")]
    pub(crate) filter_keys: String,
    #[serde(rename = "returned-keys")]
    pub(crate) returned_keys: String,
    #[serde(rename = "enable-restore-vq-position")]
    pub(crate) enable_restore_vq_position: bool,
    #[serde(rename = "max_queued_callbacks_per_service")]
    pub(crate) max_queued_callbacks_per_service: u32,
    // Known and without a meaning here: whoever sets one is told why.
    #[serde(rename = "_enable_gms_dfm")]
    pub(crate) enable_gms_dfm: bool,
    #[serde(rename = "_services_credentials")]
    pub(crate) services_credentials: Secret,
    #[serde(rename = "queue-polling-rate")]
    pub(crate) queue_polling_rate: u32,
    #[serde(rename = "queue-polling-rate-recover")]
    pub(crate) queue_polling_rate_recover: u32,
    #[serde(rename = "log-background-activity")]
    pub(crate) log_background_activity: bool,
    pub(crate) rb: CallbackOwn,
}

/// Our own options of `[callback]`, `rb.…`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CallbackOwn {
    /// Transaction List of paused services.
    pub(crate) pause_list: String,
}

impl Default for CallbackOwn {
    fn default() -> Self {
        Self {
            pause_list: "Ringback_Paused".to_owned(),
        }
    }
}

impl Default for Callback {
    fn default() -> Self {
        Self {
            in_queue_checking: Word("true".to_owned()),
            throttle_header_parameters: true,
            throttle_request_parameters: "_customer_number".to_owned(),
            throttle_request_parameters_limit: 6,
            throttle_callbacks_per_service_1: 500,
            throttle_ttl_1: 600,
            throttle_callbacks_per_service_2: 5000,
            throttle_ttl_2: 86_400,
            fetch_retry_attempt: 3,
            fetch_retry_delay: 10,
            fetch_timeout: 10,
            callback_column_alias: String::new(),
            filter_keys: "_callback_state,_callback_reason,_request_queue_time_stat,\
                          _request_ewt_service,_vq"
                .to_owned(),
            returned_keys: "_desired_time,_callback_state,_callback_state,_callback_reason,\
                            _ors_session_id"
                .to_owned(),
            enable_restore_vq_position: true,
            max_queued_callbacks_per_service: 2000,
            enable_gms_dfm: true,
            services_credentials: Secret::default(),
            queue_polling_rate: 5,
            queue_polling_rate_recover: 300,
            log_background_activity: false,
            rb: CallbackOwn::default(),
        }
    }
}

impl Callback {
    /// The options by name, as the text that a service would hold.
    pub(crate) fn options(&self) -> BTreeMap<String, String> {
        let mut options = by_name(self);
        // Documents read these texts, and a secret is nothing for them.
        options.remove("_services_credentials");
        options
    }
}

/// `[lab]`: what the browser UI and its API offer (options §11).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Lab {
    #[serde(rename = "disable-bulk-cancel-and-export-callback")]
    pub(crate) disable_bulk: bool,
    #[serde(rename = "disable_additional_columns_from_callbacks")]
    pub(crate) disable_additional_columns: bool,
}

impl Lab {
    /// The options by name, as texts.
    pub(crate) fn options(&self) -> BTreeMap<String, String> {
        by_name(self)
    }
}

fn by_name(section: &impl Serialize) -> BTreeMap<String, String> {
    let table = toml::Table::try_from(section).expect("the section is a table of plain values");
    let text = |value: toml::Value| match value {
        toml::Value::String(text) => text,
        other => other.to_string(),
    };
    let flat = |(name, value): (String, toml::Value)| match value {
        toml::Value::Table(inner) => inner
            .into_iter()
            .map(|(key, value)| (format!("{name}.{key}"), value))
            .collect(),
        value => vec![(name, value)],
    };
    table
        .into_iter()
        .flat_map(flat)
        .map(|(name, value)| (name, text(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_read_every_option_but_the_secret() {
        let text = "_services_credentials = \"s3cret\"\n_fetch_timeout = 7\n";
        let options = toml::from_str::<Callback>(text).map(|callback| callback.options());
        let options = options.unwrap_or_default();
        assert!(!format!("{options:?}").contains("s3cret"));
        assert_eq!(options.get("_fetch_timeout").map(String::as_str), Some("7"));
    }
}
