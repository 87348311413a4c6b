//! What, exactly, may be done? Rich authorization requests (RFC 9396): a payment, not all payments.
//!
//! `authorization_details` is read once, checked against the types that the Workspace offers and the client may use, and travels
//! on as [`AuthorizationDetails`]. A narrower request has fewer elements, never smaller ones: whether one amount is less than
//! another is for the API to know, so an element is granted exactly as the person saw it, or not at all (`RAR-04`).

mod described;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use described::{Detail, Field, Shown, describe};

use crate::client::Client;
use crate::registry::Registry;
use crate::rejection::{ErrorCode, Rejection};

/// The most elements in one request.
pub const MAX_ELEMENTS: usize = 16;
/// The most bytes of one request's details: an access token that carries them still fits into the 8 KiB that HTTP servers take
/// as a header.
pub const MAX_BYTES: usize = 4 * 1024;
/// How deeply they may be nested, the array itself included: what is deeper, nobody reads on a phone.
pub const MAX_DEPTH: usize = 8;

/// What elements of a type have to look like. It is compiled where the document is loaded, never for a request.
pub trait Schema: fmt::Debug + Send + Sync {
    /// Whether an element fits.
    ///
    /// # Errors
    /// The place of the rule that it breaks. No value of the element is in it.
    fn check(&self, element: &Value) -> Result<(), String>;
}

/// Makes a [`Schema`] of the text of a JSON Schema, or says what is wrong with it.
pub type Compile = fn(&str) -> Result<Arc<dyn Schema>, String>;

/// A type of authorization details that the Workspace offers (RFC 9396 2).
#[derive(Clone, Debug)]
pub struct DetailsType {
    /// As in the member `type`.
    pub name: String,
    /// The JSON Schema: `title` and `description` are what a person reads.
    pub words: Value,
    /// The same, to check with.
    pub schema: Arc<dyn Schema>,
}

/// `authorization_details`: objects, each with a `type` (RFC 9396 2).
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AuthorizationDetails(Vec<Value>);

impl AuthorizationDetails {
    /// Reads the text of a form parameter (RFC 9396 3, `RAR-05`).
    ///
    /// # Errors
    /// `invalid_authorization_details` (`RAR-01`).
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let value = fapi_jose::json::parse(text.as_bytes());
        Self::read(&value.map_err(|why| refuse("authorization_details is not JSON").detail(why.to_string()))?)
    }

    /// Reads JSON that has been parsed: a member of a request object (`RAR-05`).
    ///
    /// # Errors
    /// `invalid_authorization_details` (`RAR-01`).
    pub fn read(value: &Value) -> Result<Self, Rejection> {
        let Value::Array(elements) = value else {
            return Err(refuse("authorization_details is not an array"));
        };
        if elements.len() > MAX_ELEMENTS {
            return Err(refuse("authorization_details has too many elements"));
        }
        if value.to_string().len() > MAX_BYTES {
            return Err(refuse("authorization_details is too long"));
        }
        if depth(value) > MAX_DEPTH {
            return Err(refuse("authorization_details is nested too deeply"));
        }
        if elements.iter().any(|element| type_of(element).is_none()) {
            return Err(refuse("an element of authorization_details is no object with a type"));
        }
        Ok(Self(elements.clone()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }

    /// As JSON, as it was asked for: every element keeps its `type` (`RAR-03`).
    pub fn to_value(&self) -> Value {
        Value::Array(self.0.clone())
    }

    /// These, if the client may ask for each of them now (`RAR-01`, `RAR-02`).
    ///
    /// # Errors
    /// `invalid_authorization_details`.
    pub fn admitted(self, client: &Client, registry: &Registry) -> Result<Self, Rejection> {
        for element in &self.0 {
            admits(element, client, registry)?;
        }
        Ok(self)
    }

    /// Those that the client may still have: a type or a schema may have changed since, and what is narrowed acts on what was
    /// granted.
    #[must_use]
    pub fn still_offered(&self, client: &Client, registry: &Registry) -> Self {
        let offered = self.0.iter().filter(|element| admits(element, client, registry).is_ok());
        Self(offered.cloned().collect())
    }

    /// What a token is for: all of these, or those of them that are asked for (RFC 9396 6). An element that is not equal to one
    /// of these is another one, and wider (`RAR-04`, `P-24`).
    ///
    /// # Errors
    /// `invalid_authorization_details`.
    pub fn narrowed(&self, asked: Option<&Self>) -> Result<Self, Rejection> {
        let Some(asked) = asked else { return Ok(self.clone()) };
        // An element that is asked for twice must have been granted twice: two payments are more than one.
        let mut left = self.0.clone();
        let taken = |element: &Value| {
            left.iter().position(|granted| granted == element).map(|at| left.swap_remove(at))
        };
        if asked.0.iter().map(taken).all(|taken| taken.is_some()) {
            return Ok(asked.clone());
        }
        Err(Rejection::new(
            ErrorCode::InvalidAuthorizationDetails,
            "authorization_details exceeds what was granted",
            crate::Clause("RFC 9396 6"),
        ))
    }
}

fn admits(element: &Value, client: &Client, registry: &Registry) -> Result<(), Rejection> {
    let offered = type_of(element)
        .filter(|name| client.may_use_details_type(name))
        .and_then(|name| registry.details_type(name));
    let Some(offered) = offered else {
        return Err(refuse("a type of authorization_details is unknown or not registered for this client"));
    };
    offered.schema.check(element).map_err(|place| {
        refuse("an element of authorization_details does not fit its type")
            .detail(format!("{}: {place}", offered.name))
    })
}

fn type_of(element: &Value) -> Option<&str> {
    element.as_object()?.get("type")?.as_str()
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn refuse(description: &'static str) -> Rejection {
    Rejection::new(ErrorCode::InvalidAuthorizationDetails, description, crate::Clause("RFC 9396 5"))
}
