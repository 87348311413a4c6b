//! The parameters of one form or query: each name once, unknown names ignored, empty values omitted (RFC 6749 3.1).

use crate::rejection::Rejection;

/// At most so many parameters in one request (`H-06`).
pub const MAX_PARAMETERS: usize = 64;
/// At most so many bytes in one value…
const MAX_VALUE: usize = 4 * 1024;
/// …unless it carries a JWT or JSON.
const MAX_LONG_VALUE: usize = 64 * 1024;
const LONG: [&str; 7] =
    ["request", "client_assertion", "id_token_hint", "claims", "authorization_details", "token", "state"];

/// Parameters of one request. Names are unique.
#[derive(Clone, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Parses `application/x-www-form-urlencoded` text.
    ///
    /// # Errors
    /// `invalid_request` for a name that stands twice (`TLS-14`), for too many parameters or a value that is too long.
    pub fn parse(encoded: &[u8]) -> Result<Self, Rejection> {
        let mut params: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            if params.len() >= MAX_PARAMETERS {
                return Err(Rejection::invalid_request("too many parameters", "RFC 6749 3.1"));
            }
            let limit = if LONG.contains(&name.as_ref()) { MAX_LONG_VALUE } else { MAX_VALUE };
            if name.len() > 128 || value.len() > limit {
                return Err(Rejection::invalid_request("a parameter is too long", "RFC 6749 3.1"));
            }
            if params.iter().any(|(known, _)| *known == name) {
                return Err(Rejection::invalid_request("a parameter is given twice", "RFC 6749 3.1"));
            }
            params.push((name.into_owned(), value.into_owned()));
        }
        // Kept until here, so that `a=&a=1` is a duplicate too.
        params.retain(|(_, value)| !value.is_empty());
        Ok(Self(params))
    }

    /// From the members of a verified request object.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that must be there.
    ///
    /// # Errors
    /// `invalid_request` with the given sentence.
    pub fn required(
        &self,
        name: &str,
        missing: &'static str,
        clause: &'static str,
    ) -> Result<&str, Rejection> {
        self.get(name).ok_or_else(|| Rejection::invalid_request(missing, clause))
    }
}

/// Values may be credentials: only names are shown.
impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_parameter_given_twice_is_refused() {
        assert!(Params::parse(b"scope=a&scope=b").is_err(), "TLS-14, P-12");
        assert!(Params::parse(b"scope=&scope=b").is_err(), "P-12: also when one is empty");
        assert!(Params::parse(b"scope=a&extra=b").is_ok());
    }

    #[test]
    fn a_parameter_without_value_counts_as_omitted() {
        let params = Params::parse(b"state=&scope=a").unwrap();
        assert_eq!(params.get("state"), None, "TLS-14");
        assert_eq!(params.get("scope"), Some("a"));
    }

    #[test]
    fn too_many_or_too_long_parameters_are_refused() {
        let many = (0..65).fold(String::new(), |form, i| format!("{form}p{i}=1&"));
        assert!(Params::parse(many.as_bytes()).is_err(), "H-06");
        assert!(Params::parse(format!("scope={}", "x".repeat(5000)).as_bytes()).is_err(), "H-06");
        assert!(Params::parse(format!("request={}", "x".repeat(20_000)).as_bytes()).is_ok(), "TLS-16");
    }

    #[test]
    fn debug_shows_names_only() {
        let params = Params::parse(b"client_assertion=secret").unwrap();
        assert_eq!(format!("{params:?}"), "[\"client_assertion\"]");
    }

    fn encoded(pairs: &[(String, String)]) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    /// Every octet of a name as a hexadecimal pair: another spelling of the same name.
    fn percent(name: &str) -> String {
        name.bytes().map(|octet| format!("%{octet:02x}")).collect::<Vec<_>>().concat()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_form_makes_the_reader_fall(form in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Params::parse(&form);
        }

        /// `P-12`, `TLS-14`: whichever parameter stands twice, wherever, in whatever spelling, empty or not.
        #[test]
        fn whatever_stands_twice_is_refused(
            pairs in prop::collection::btree_map("[a-zé_ &=%+]{1,8}", "[a-zé &=%+]{0,8}", 1..20),
            twice in any::<prop::sample::Index>(),
            place in any::<prop::sample::Index>(),
            again in "[a-z]{0,3}",
        ) {
            let pairs: Vec<(String, String)> = pairs.into_iter().collect();
            let params = Params::parse(encoded(&pairs).as_bytes()).unwrap();
            for (name, value) in &pairs {
                prop_assert_eq!(params.get(name), Some(value.as_str()).filter(|value| !value.is_empty()));
            }
            let (name, _) = &pairs[twice.index(pairs.len())];
            let mut with_copy = pairs.clone();
            with_copy.insert(place.index(pairs.len() + 1), (name.clone(), again.clone()));
            prop_assert!(Params::parse(encoded(&with_copy).as_bytes()).is_err());
            let respelt = format!("{}&{}={again}", encoded(&pairs), percent(name));
            prop_assert!(Params::parse(respelt.as_bytes()).is_err());
        }
    }
}
