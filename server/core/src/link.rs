//! May a page of ours lead there? Only to another page: every other scheme than https could do something here (`B-05`).

use serde::{Deserialize, Serialize};
use url::Url;

/// An https URL without user and password, read; `None` for any other text.
pub fn https_url(text: &str) -> Option<Url> {
    let is_bare = |url: &Url| url.username().is_empty() && url.password().is_none();
    Url::parse(text).ok().filter(|url| url.scheme() == "https" && is_bare(url))
}

/// An https URL without user, to be opened by a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Link(String);

/// A text is no such URL; says what to write instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("must be an https URL without user, such as https://app.example/about")]
pub struct NotALink;

impl Link {
    /// Accepts what a person can open without anything else happening (RFC 7591 5).
    ///
    /// # Errors
    /// Anything that is not an https URL, or names a user.
    pub fn parse(text: &str) -> Result<Self, NotALink> {
        // Without the slashes a browser would look for it beside the page.
        let is_safe = text.starts_with("https://") && https_url(text).is_some();
        is_safe.then(|| Self(text.to_owned())).ok_or(NotALink)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Link {
    type Error = NotALink;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Link> for String {
    fn from(link: Link) -> Self {
        link.0
    }
}

/// What the bank's pages lead to.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Links {
    /// The bank's privacy policy: `op_policy_uri` (OpenID Connect Discovery 3).
    pub policy: Option<Link>,
    /// Where people find help.
    pub support: Option<Link>,
    /// The bank's terms: `op_tos_uri`.
    pub terms: Option<Link>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A browser takes it for a page beside the one that it stands on.
    #[test]
    fn a_link_has_its_slashes() {
        assert_eq!(Link::parse("https:logout"), Err(NotALink));
        assert!(Link::parse("https://bank.example/help").is_ok());
    }

    #[test]
    fn a_link_only_opens_a_page() {
        assert_eq!(
            Link::parse("https://bank.example/help?a=1#b").unwrap().as_str(),
            "https://bank.example/help?a=1#b"
        );
        for wrong in [
            "javascript:alert(1)",
            "http://bank.example",
            "//bank.example",
            "https://u@bank.example",
            "https://u:p@bank.example",
            "",
            "help",
        ] {
            assert_eq!(Link::parse(wrong), Err(NotALink), "B-05 {wrong}");
            assert!(serde_json::from_value::<Link>(serde_json::json!(wrong)).is_err(), "B-05 {wrong}");
        }
    }
}
