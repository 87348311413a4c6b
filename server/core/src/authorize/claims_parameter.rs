//! The `claims` parameter (OpenID Connect Core 5.5): what is understood is honoured, the rest is ignored, never an error.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Claims that were asked for, by name.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimsRequest {
    /// For the ID Token.
    pub id_token: Vec<String>,
    /// `acr`, asked for the ID Token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr: Option<AcrWish>,
    /// `sub` with a value: only this person will do, named as the client knows them (`UIN-08`, `OIC-05`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// `auth_time` is essential.
    pub auth_time: bool,
}

/// A wish for an authentication context class.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AcrWish {
    /// The request fails when none of `values` is reached (`IDT-08`).
    pub essential: bool,
    /// Any of these; empty: whichever is reached.
    pub values: Vec<String>,
}

impl ClaimsRequest {
    /// Nothing was asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Reads the parameter's JSON object. Unknown members and locations are ignored (`UIN-04`).
    pub fn read(value: &Value) -> Self {
        let location = |name: &str| value.get(name).and_then(Value::as_object);
        let names = |name: &str| {
            location(name).map(|members| members.keys().take(64).cloned().collect()).unwrap_or_default()
        };
        let id_token = location("id_token");
        let acr = id_token.and_then(|members| members.get("acr")).map(|wish| {
            let mut values: Vec<String> =
                wish.get("values").and_then(Value::as_array).into_iter().flatten().filter_map(text).collect();
            values.extend(wish.get("value").and_then(text));
            AcrWish { essential: essential(wish), values }
        });
        let sub = [id_token, location("userinfo")]
            .into_iter()
            .flatten()
            .find_map(|members| members.get("sub")?.get("value").and_then(text));
        let auth_time = id_token.and_then(|members| members.get("auth_time")).is_some_and(essential);
        Self { id_token: names("id_token"), acr, sub, auth_time }
    }
}

fn essential(wish: &Value) -> bool {
    wish.get("essential").and_then(Value::as_bool).unwrap_or(false)
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_ignored() {
        let claims = serde_json::json!({
            "id_token": {"acr": {"essential": true, "values": ["a", "b"]}, "made_up": null},
            "userinfo": {"name": {"essential": true}, "sub": {"value": "alice"}},
            "elsewhere": {"x": null},
        });
        let read = ClaimsRequest::read(&claims);
        assert_eq!(
            read.acr,
            Some(AcrWish { essential: true, values: vec!["a".into(), "b".into()] }),
            "IDT-08"
        );
        assert_eq!(read.id_token, ["acr", "made_up"], "UIN-04");
        assert_eq!(read.sub.as_deref(), Some("alice"), "UIN-08");
        assert!(ClaimsRequest::read(&serde_json::json!({"id_token": 7})).is_empty(), "UIN-04");
    }
}
