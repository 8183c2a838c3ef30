//! The one error of the HTTP edge: a kind that a caller can act on, a message that says what to do, facts beside it.
//!
//! Codes are contract (docs/API.md). A message never quotes a value of the store; `details.cause` of an internal error may
//! say what the engine said, to a reader who is allowed to read the store anyway, and is not logged.

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use clew_lake::StorageError;
use datafusion::error::DataFusionError;
use serde_json::{Value, json};

use crate::observe;
use crate::wire::{ErrorBody, ErrorDetail};

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No token, or a wrong one.
    Unauthorised,
    /// The request comes from another site, or for another host.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The request cannot be understood.
    Invalid,
    /// Another job is at work.
    Busy,
    /// The server is starting or stopping, or too many queries wait.
    NotReady,
    /// A limit of size.
    TooLarge,
    /// More waits than fits the memory set aside for it.
    Overloaded,
    /// The request did not arrive in time.
    Late,
    /// A limit of time.
    Timeout,
    /// A fault of ours.
    Internal,
}

impl Kind {
    /// Every kind, for docs and tests.
    #[cfg(test)]
    pub const ALL: [Self; 11] = [
        Self::Unauthorised,
        Self::Forbidden,
        Self::NotFound,
        Self::Invalid,
        Self::Busy,
        Self::NotReady,
        Self::TooLarge,
        Self::Overloaded,
        Self::Late,
        Self::Timeout,
        Self::Internal,
    ];

    /// Its stable code and its status.
    pub const fn code(self) -> (&'static str, StatusCode) {
        match self {
            Self::Unauthorised => ("unauthorised", StatusCode::UNAUTHORIZED),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND),
            Self::Invalid => ("invalid", StatusCode::BAD_REQUEST),
            Self::Busy => ("busy", StatusCode::CONFLICT),
            Self::NotReady => ("not_ready", StatusCode::SERVICE_UNAVAILABLE),
            Self::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::Overloaded => ("overloaded", StatusCode::TOO_MANY_REQUESTS),
            Self::Late => ("late", StatusCode::REQUEST_TIMEOUT),
            Self::Timeout => ("timeout", StatusCode::GATEWAY_TIMEOUT),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// Why a request was not answered.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// The kind.
    pub kind: Kind,
    /// What happened, what to do.
    pub message: String,
    /// Further facts.
    pub details: Option<Value>,
    /// Seconds after which it may be tried again.
    pub retry_after: Option<u32>,
}

/// The answer of a page.
pub type Answer<T> = Result<Json<T>, ApiError>;

impl ApiError {
    /// An error of this kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), details: None, retry_after: None }
    }

    /// A request that cannot be understood.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// There is no `what`.
    pub fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, format!("There is no such {what}."))
    }

    /// A fault of ours.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        let message = "Something went wrong here; nothing was changed. Try again, and report the request id if it stays.";
        Self::new(Kind::Internal, message).with(json!({"cause": cause.to_string()}))
    }

    /// Too much time.
    pub fn timeout(seconds: u64) -> Self {
        Self::new(
            Kind::Timeout,
            format!("This took more than {seconds} s and was stopped. Ask for less, or use `clew sql --sealed`."),
        )
    }

    /// With further facts.
    #[must_use]
    pub fn with(self, details: Value) -> Self {
        Self { details: Some(details), ..self }
    }

    /// To be tried again in `seconds`.
    #[must_use]
    pub fn after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }
}

impl From<DataFusionError> for ApiError {
    fn from(error: DataFusionError) -> Self {
        if let DataFusionError::ResourcesExhausted(_) = error.find_root() {
            return Self::new(
                Kind::TooLarge,
                "This needs more memory than queries may take. Ask for less, or raise engine.memory_mb.",
            );
        }
        Self::internal(error)
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        Self::internal(error)
    }
}

impl From<arrow::error::ArrowError> for ApiError {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::internal(error)
    }
}

impl From<jiff::Error> for ApiError {
    fn from(error: jiff::Error) -> Self {
        Self::internal(error)
    }
}

impl ApiError {
    /// Status, headers and body.
    pub fn parts(self) -> (StatusCode, HeaderMap, ErrorBody) {
        let (code, status) = self.kind.code();
        let error = ErrorDetail {
            code: code.to_owned(),
            message: self.message,
            request_id: observe::request_id(),
            details: self.details,
        };
        let mut headers = HeaderMap::new();
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        (status, headers, ErrorBody { error })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, headers, body) = self.parts();
        (status, headers, Json(body)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn every_code_is_documented_with_its_status() {
        let docs = include_str!("../../../docs/API.md");
        for kind in Kind::ALL {
            let (code, status) = kind.code();
            assert!(docs.contains(&format!("| `{code}` | {} |", status.as_u16())), "{code}");
        }
    }
}
