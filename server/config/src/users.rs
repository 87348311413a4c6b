//! Who may sign in with a password? `users.json`: the Secret that `login.users.secretRef` names, projected as it is.

use std::collections::BTreeMap;
use std::fmt;

use fapi_core::ids::Subject;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::ConfigError;
use crate::file;

/// People by user name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Users(BTreeMap<String, User>);

/// One person.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Who they are, for good: user names may change.
    pub sub: Subject,
    /// Their password, hashed.
    pub password: PasswordHash,
    /// Claims about them, by name (OpenID Connect Core 5.1).
    #[serde(default)]
    pub claims: Map<String, Value>,
    /// The authentication context class that this sign-in reaches.
    #[serde(default)]
    pub acr: Option<String>,
    /// Accounts they may share.
    #[serde(default)]
    pub accounts: Vec<Account>,
}

/// An account of a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// As the bank's API names it.
    pub id: String,
    /// As the person knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// An Argon2id hash in PHC format: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. `Debug` prints `…`.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct PasswordHash(String);

impl PasswordHash {
    /// For the one place that compares passwords.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PasswordHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut parts = text.split('$');
        let head = (parts.next(), parts.next(), parts.next());
        let rest: Vec<&str> = parts.collect();
        let whole = head == (Some(""), Some("argon2id"), Some("v=19"))
            && matches!(rest.as_slice(), [costs, salt, hash]
                if costs.starts_with("m=") && salt.len() >= 11 && hash.len() >= 22)
            && text.len() <= 512;
        if whole {
            Ok(Self(text))
        } else {
            Err("a password is written as an Argon2id hash, $argon2id$v=19$…")
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Users {
    /// Reads the people, written as JSON or YAML. What it says about a mistake names line and column, never content.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        let text =
            std::str::from_utf8(bytes).map_err(|_| ConfigError::new(file::USERS, "is not UTF-8 text"))?;
        let options = serde_saphyr::options! { with_snippet: false };
        let users: Self = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let message =
                "is not a map from user name to {sub, password (Argon2id hash), claims, acr, accounts}";
            match error.location() {
                Some(place) => ConfigError::position(
                    file::USERS,
                    usize::try_from(place.line()).unwrap_or_default(),
                    usize::try_from(place.column()).unwrap_or_default(),
                    message,
                ),
                None => ConfigError::new(file::USERS, message),
            }
        })?;
        users.check()?;
        Ok(users)
    }

    /// The person with this user name, compared exactly.
    pub fn find(&self, username: &str) -> Option<&User> {
        self.0.get(username)
    }

    /// All of them, by user name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &User)> {
        self.0.iter().map(|(name, user)| (name.as_str(), user))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn check(&self) -> Result<(), ConfigError> {
        let mut subjects: Vec<&str> = self.0.values().map(|user| user.sub.as_str()).collect();
        subjects.sort_unstable();
        // OpenID Connect Core 2: `sub` has at most 255 ASCII characters.
        if subjects
            .iter()
            .any(|sub| sub.is_empty() || sub.len() > 255 || !sub.bytes().all(|b| (0x20..0x7f).contains(&b)))
        {
            return Err(ConfigError::new(file::USERS, "every sub has 1 to 255 printable ASCII characters"));
        }
        if !subjects.is_sorted_by(|one, other| one < other) {
            return Err(ConfigError::new(
                file::USERS,
                "two people have the same sub: give each a sub of their own",
            ));
        }
        for (name, value) in self.0.values().flat_map(|user| &user.claims) {
            if let Some(kind) = expected(name).filter(|kind| !kind.is(value)) {
                let message = format!("the claim {name} of a person is not {kind}: write it as such");
                return Err(ConfigError::new(file::USERS, message));
            }
        }
        Ok(())
    }
}

/// What a standard claim holds (OpenID Connect Core 5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Map,
    Seconds,
    Text,
    TrueOrFalse,
}

impl Kind {
    fn is(self, value: &Value) -> bool {
        match self {
            Self::Map => value.is_object(),
            Self::Seconds => value.is_i64() || value.is_u64(),
            Self::Text => value.as_str().is_some_and(|text| !text.is_empty()),
            Self::TrueOrFalse => value.is_boolean(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Map => "a map",
            Self::Seconds => "a number of seconds since 1970",
            Self::Text => "a text",
            Self::TrueOrFalse => "true or false",
        })
    }
}

/// `IDT-10`: clients stumble over `"true"`. Other claims may hold anything.
fn expected(claim: &str) -> Option<Kind> {
    Some(match claim {
        "address" => Kind::Map,
        "email_verified" | "phone_number_verified" => Kind::TrueOrFalse,
        "updated_at" => Kind::Seconds,
        "birthdate" | "email" | "family_name" | "gender" | "given_name" | "locale" | "middle_name"
        | "name" | "nickname" | "phone_number" | "picture" | "preferred_username" | "profile" | "website"
        | "zoneinfo" => Kind::Text,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI";

    #[test]
    fn people_are_read_from_json_and_yaml_alike() {
        let json = format!(
            r#"{{"alice":{{"sub":"s1","password":"{HASH}","claims":{{"name":"Alice"}},"accounts":[{{"id":"1"}}]}}}}"#
        );
        let yaml = format!(
            "alice:\n  sub: s1\n  password: {HASH}\n  claims:\n    name: Alice\n  accounts:\n  - id: '1'\n"
        );
        for text in [json, yaml] {
            let users = Users::parse(text.as_bytes()).unwrap();
            let alice = users.find("alice").unwrap();
            assert_eq!((alice.sub.as_str(), alice.accounts.len()), ("s1", 1));
            assert_eq!(alice.claims.get("name").unwrap(), "Alice");
            assert!(users.find("Alice").is_none());
        }
    }

    #[test]
    fn what_is_said_about_a_mistake_holds_no_content() {
        let plain = "alice:\n  sub: s1\n  password: hunter2\n";
        let error = Users::parse(plain.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("users.json:3:"), "{error}");
        assert!(!error.contains("hunter2"), "K-10 {error}");
        for bad in [
            "alice: {sub: s1}",
            "alice: {sub: s1, password: x, role: admin}",
            "[]",
            "\u{feff}:",
            "alice: {sub: s1, sub: s2}",
        ] {
            assert!(Users::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_people_cannot_be_one() {
        let text = format!("a: {{sub: s1, password: '{HASH}'}}\nb: {{sub: s1, password: '{HASH}'}}\n");
        assert!(Users::parse(text.as_bytes()).unwrap_err().message.contains("same sub"));
    }

    #[test]
    fn a_standard_claim_has_the_type_that_clients_expect() {
        let with = |claims: &str| {
            Users::parse(format!("a: {{sub: s, password: '{HASH}', claims: {claims}}}").as_bytes())
        };
        for good in [
            "{email_verified: true, updated_at: 1700000000, address: {country: BR}, name: A}",
            "{anything: [else, 1, {}]}",
        ] {
            assert!(with(good).is_ok(), "IDT-10 {good}");
        }
        for (bad, says) in [
            ("{email_verified: 'true'}", "email_verified of a person is not true or false"),
            ("{updated_at: '2026-01-01'}", "updated_at of a person is not a number of seconds"),
            ("{updated_at: 1.5}", "updated_at"),
            ("{address: Baker Street}", "address of a person is not a map"),
            ("{name: 7}", "name of a person is not a text"),
            ("{phone_number: ''}", "phone_number"),
        ] {
            let error = with(bad).unwrap_err().to_string();
            assert!(error.contains(says), "IDT-10 {error}");
            assert!(!error.contains("Baker"), "K-10 {error}");
        }
    }

    #[test]
    fn a_password_hash_does_not_print_itself() {
        let users = Users::parse(format!("a: {{sub: s, password: '{HASH}'}}").as_bytes()).unwrap();
        assert!(!format!("{users:?}").contains("argon2id"), "K-10");
    }
}
