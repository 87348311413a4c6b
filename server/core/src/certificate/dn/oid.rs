//! Object identifiers, in one spelling.

use std::fmt;

/// An object identifier as dotted decimal, without leading zeros: equal text is equal meaning.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Oid(String);

impl Oid {
    /// One of our own tables'.
    pub(super) fn known(dotted: &'static str) -> Self {
        Self(dotted.to_owned())
    }

    /// Reads dotted decimal.
    pub(super) fn parse(dotted: &str) -> Option<Self> {
        let arcs: Vec<&str> = dotted.split('.').collect();
        // Above 38 digits an arc could overflow where DER is read.
        let is_arc = |arc: &&str| {
            (1..=38).contains(&arc.len())
                && arc.bytes().all(|b| b.is_ascii_digit())
                && (arc.len() == 1 || !arc.starts_with('0'))
        };
        let (first, second) = (arcs.first()?, arcs.get(1)?);
        let roots = match *first {
            "0" | "1" => second.len() < 2 || (second.len() == 2 && *second < "40"),
            "2" => true,
            _ => false,
        };
        (roots && arcs.iter().all(is_arc)).then(|| Self(dotted.to_owned()))
    }

    /// Reads content octets (X.690 8.19). `None` if they are no shortest form, or longer than any identifier in use.
    pub(super) fn from_der(content: &[u8]) -> Option<Self> {
        let mut arcs: Vec<u128> = Vec::new();
        let mut arc: Option<u128> = None;
        for octet in content {
            if arc.is_none() && *octet == 0x80 {
                return None;
            }
            let value = arc.unwrap_or(0).checked_mul(128)?.checked_add(u128::from(octet & 0x7f))?;
            arc = (octet & 0x80 != 0).then_some(value);
            if arc.is_none() {
                arcs.push(value);
            }
        }
        let (first, rest) = arcs.split_first()?;
        arc.is_none().then_some(())?;
        let root = (*first / 40).min(2);
        let mut dotted = format!("{root}.{}", first - root * 40);
        for arc in rest {
            dotted.push('.');
            dotted.push_str(&arc.to_string());
        }
        Some(Self(dotted))
    }

    /// Dotted decimal.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
