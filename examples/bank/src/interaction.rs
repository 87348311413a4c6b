//! By which name can both sides find this request again? `x-fapi-interaction-id` (FAPI 1.0 Part 1 6.2.1-11).

use fapi_server::random::Rng;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The header, in requests and answers.
pub(crate) const X_FAPI_INTERACTION_ID: HeaderName = HeaderName::from_static("x-fapi-interaction-id");

/// A UUID (RFC 4122): the caller's, or a fresh one. Nothing else a caller sends gets into the log or an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct InteractionId(String);

impl InteractionId {
    /// The one that the request brings, as it was written; a fresh one if it brings none, several, or no UUID (`RS-05`).
    pub(crate) fn of(headers: &HeaderMap, rng: &dyn Rng) -> Self {
        let mut values = headers.get_all(X_FAPI_INTERACTION_ID).iter();
        let only = match (values.next(), values.next()) {
            (Some(only), None) => only.to_str().ok(),
            _ => None,
        };
        Self(only.filter(|text| is_uuid(text)).map_or_else(|| uuid(rng), ToOwned::to_owned))
    }

    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is sent.
    pub(crate) fn to_header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("a UUID has hexadecimal digits and hyphens only")
    }
}

/// A UUID of version 4 (RFC 4122 4.4).
pub(crate) fn uuid(rng: &dyn Rng) -> String {
    let version = 0x4000_u128 << 64;
    let variant = 0x8000_u128 << 48;
    let random = u128::from_be_bytes(rng.bytes());
    let bits = random & !(0xf000_u128 << 64) & !(0xc000_u128 << 48) | version | variant;
    let digits = format!("{bits:032x}");
    let mut rest = digits.as_str();
    let groups = [8, 4, 4, 4, 12].map(|length| {
        let (group, after) = rest.split_at(length);
        rest = after;
        group
    });
    groups.join("-")
}

/// RFC 4122 3: hexadecimal digits in groups of 8, 4, 4, 4 and 12, in either case.
fn is_uuid(text: &str) -> bool {
    let hexadecimal = |group: &str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.split('-').all(hexadecimal)
}

#[cfg(test)]
mod tests {
    use fapi_server::random::SystemRng;

    use super::*;

    fn of(values: &[&str]) -> String {
        let headers =
            values.iter().map(|value| (X_FAPI_INTERACTION_ID, HeaderValue::from_str(value).unwrap()));
        InteractionId::of(&headers.collect(), &SystemRng).as_str().to_owned()
    }

    #[test]
    fn a_uuid_comes_back_as_it_was_sent() {
        for id in ["c770aef3-6784-41f7-8e0e-ff5f97bddb3a", "C770AEF3-6784-41F7-8E0E-FF5F97BDDB3A"] {
            assert_eq!(of(&[id]), id, "RS-05, INV-23");
        }
    }

    #[test]
    fn whatever_is_no_uuid_is_replaced_by_one() {
        let good = "c770aef3-6784-41f7-8e0e-ff5f97bddb3a";
        for sent in [
            &[][..],
            &[""],
            &["1"],
            &["{c770aef3-6784-41f7-8e0e-ff5f97bddb3a}"],
            &["c770aef3678441f78e0eff5f97bddb3a"],
            &["c770aef3-6784-41f7-8e0e-ff5f97bddb3g"],
            &["c770aef36784-41f7-8e0e-ff5f-97bddb3a"],
            &["c770aef3-6784-41f7-8e0e-ff5f97bddb3a-"],
            &[good, good],
        ] {
            let fresh = of(sent);
            assert!(is_uuid(&fresh) && fresh != good, "RS-05 {sent:?}: {fresh}");
            assert_ne!(fresh, of(sent), "RS-05: a fresh one each time");
        }
    }

    #[test]
    fn a_fresh_one_is_of_version_4() {
        for _ in 0..64 {
            let fresh = uuid(&SystemRng);
            let groups: Vec<&str> = fresh.split('-').collect();
            assert!(groups[2].starts_with('4'), "{fresh}");
            assert!(groups[3].starts_with(['8', '9', 'a', 'b']), "{fresh}");
        }
    }
}
