use std::borrow::Cow;
use std::fmt::Display;

/// The failure of a record, with a code of the plugin's own that the host keeps beside the text:
/// in dead letters and metrics. Every `std::error::Error` becomes one with code 0 under `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: u32,
    text: Cow<'static, str>,
}

/// What a function returns.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure with a code and a text.
    pub fn new(code: u32, text: impl Into<Cow<'static, str>>) -> Error {
        Error { code, text: text.into() }
    }

    /// The plugin's own code.
    pub fn code(&self) -> u32 {
        self.code
    }

    /// What went wrong, for people.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(e: E) -> Error {
        Error::new(0, e.to_string())
    }
}

/// A refusal of the configuration that blames a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The path of the field, like `routes[2].topic`; empty if none is to blame.
    pub field: String,
    pub message: String,
}

impl FieldError {
    pub fn new(field: impl Into<String>, message: impl Display) -> FieldError {
        FieldError { field: field.into(), message: message.to_string() }
    }
}
