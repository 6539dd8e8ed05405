//! The error catalogue: everything the domain refuses, with its code and HTTP status.

use serde::Serialize;

/// Symbolic code of a refusal: the `phrase` of the compatible error body (callback-api §8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// A mandatory lookup key is missing.
    MissingKey,
    /// A parameter or query key cannot be used.
    BadParameter,
    /// The number is not dialable or impossible.
    BadNumber,
    /// A premium number.
    PremiumNumber,
    /// An emergency number.
    EmergencyNumber,
    /// The number is in the block list.
    NumberBlocked,
    /// The country is not allowed.
    CountryNotAllowed,
    /// A function that is not built yet was asked for.
    NotAvailable,
    /// A target address that the guard denies.
    AddressNotAllowed,
    /// Throttled.
    TooMany,
    /// The same number is queued already.
    AlreadyQueued,
    /// The cap of queued callbacks of the service is reached.
    QueueFull,
    /// The service is paused.
    Paused,
    /// Desired time too far ahead.
    TooFar,
    /// Credentials missing or wrong.
    Unauthorized,
    /// Unknown service, callback, agent …
    NotFound,
    /// The callback is over.
    AlreadyCompleted,
    /// Not possible in the present state.
    InvalidState,
    /// The body is larger than allowed.
    TooLarge,
    /// The media type of the body is not read.
    MediaType,
    /// A document cannot be fetched.
    FetchFailed,
    /// A session gave no response in time.
    NoResponse,
    /// It does not fit what is there now.
    Conflict,
    /// It was here, its time is over.
    Gone,
    /// The store does not take writes now.
    NotReady,
    /// Something is wrong in the server.
    Internal,
}

impl ErrorCode {
    /// Every code, for documents and tests.
    pub const ALL: &[Self] = &[
        Self::MissingKey,
        Self::BadParameter,
        Self::BadNumber,
        Self::PremiumNumber,
        Self::EmergencyNumber,
        Self::NumberBlocked,
        Self::CountryNotAllowed,
        Self::NotAvailable,
        Self::AddressNotAllowed,
        Self::TooMany,
        Self::AlreadyQueued,
        Self::QueueFull,
        Self::Paused,
        Self::TooFar,
        Self::Unauthorized,
        Self::NotFound,
        Self::AlreadyCompleted,
        Self::InvalidState,
        Self::TooLarge,
        Self::MediaType,
        Self::FetchFailed,
        Self::NoResponse,
        Self::Conflict,
        Self::Gone,
        Self::NotReady,
        Self::Internal,
    ];

    /// HTTP status of the compatible surface.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::MissingKey
            | Self::BadParameter
            | Self::BadNumber
            | Self::PremiumNumber
            | Self::EmergencyNumber
            | Self::NumberBlocked
            | Self::CountryNotAllowed
            | Self::NotAvailable
            | Self::AddressNotAllowed
            | Self::TooMany
            | Self::AlreadyQueued
            | Self::Paused
            | Self::TooFar
            | Self::AlreadyCompleted
            | Self::InvalidState => 400,
            Self::Unauthorized => 401,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Gone => 410,
            Self::TooLarge => 413,
            Self::MediaType => 415,
            Self::QueueFull => 429,
            Self::Internal => 500,
            Self::FetchFailed => 502,
            Self::NoResponse => 504,
            Self::NotReady => 503,
        }
    }

    /// The code as it goes over the wire, e.g. `BAD_NUMBER`.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::MissingKey => "MISSING_KEY",
            Self::BadParameter => "BAD_PARAMETER",
            Self::BadNumber => "BAD_NUMBER",
            Self::PremiumNumber => "PREMIUM_NUMBER",
            Self::EmergencyNumber => "EMERGENCY_NUMBER",
            Self::NumberBlocked => "NUMBER_BLOCKED",
            Self::CountryNotAllowed => "COUNTRY_NOT_ALLOWED",
            Self::NotAvailable => "NOT_AVAILABLE",
            Self::AddressNotAllowed => "ADDRESS_NOT_ALLOWED",
            Self::TooMany => "TOO_MANY",
            Self::AlreadyQueued => "ALREADY_QUEUED",
            Self::QueueFull => "QUEUE_FULL",
            Self::Paused => "PAUSED",
            Self::TooFar => "TOO_FAR",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyCompleted => "ALREADY_COMPLETED",
            Self::InvalidState => "INVALID_STATE",
            Self::TooLarge => "TOO_LARGE",
            Self::MediaType => "MEDIA_TYPE",
            Self::FetchFailed => "FETCH_FAILED",
            Self::NoResponse => "NO_RESPONSE",
            Self::Conflict => "CONFLICT",
            Self::Gone => "GONE",
            Self::NotReady => "NOT_READY",
            Self::Internal => "INTERNAL",
        }
    }
}

/// A refusal with its text for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What kind.
    pub code: ErrorCode,
    /// What is wrong and what to do; never contains a customer number or a secret.
    pub message: String,
    /// The parameter or option that is at fault.
    pub field: Option<String>,
}

impl Error {
    /// Makes an error without a field.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
        }
    }

    /// Names the parameter at fault.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>) -> Self {
        self.field = Some(name.into());
        self
    }
}
