//! Which distinguished name is this text, and this DER? Are they equal?
//!
//! Names are compared by what they mean (RFC 4517 4.2.15 `distinguishedNameMatch`), not as text: the order of RDNs counts,
//! the order inside an RDN does not, types are object identifiers, and values of directory string types are compared without
//! regard to case, surrounding and repeated spaces, and string type. Where RFC 4518 goes further we do not follow: nothing is
//! deleted from a value and look-alikes stay different, so that no two certificates of different holders become equal.

mod der;
mod oid;
mod print;
mod text;
mod types;
mod value;

use oid::Oid;
use value::Value;

pub use text::InvalidDn;

/// A distinguished name: RDNs in the order of the certificate, which is the reverse of the order in text.
///
/// `Display` writes RFC 4514 text.
#[derive(Clone, Debug)]
pub(super) struct DistinguishedName(Vec<Rdn>);

/// The attributes of one step: a set, as a rule of one.
#[derive(Clone, Debug)]
struct Rdn(Vec<Attribute>);

#[derive(Clone, Debug)]
struct Attribute {
    kind: Oid,
    value: Value,
}

impl DistinguishedName {
    /// Reads an `RDNSequence`. `None` if it is no DER, or of another shape.
    pub(super) fn from_der(der: &[u8]) -> Option<Self> {
        let rdns = der::all(der::only(der, der::SEQUENCE)?.content, der::SET)?;
        rdns.into_iter().map(|rdn| Rdn::from_der(rdn.content)).collect::<Option<_>>().map(Self)
    }

    /// Reads RFC 4514 text, with the attribute names of [`types`].
    pub(super) fn parse(text: &str) -> Result<Self, InvalidDn> {
        text::parse(text)
    }

    /// Whether it names nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an attribute has a value that is empty, or only spaces.
    pub(super) fn has_empty_value(&self) -> bool {
        self.0.iter().flat_map(|rdn| &rdn.0).any(|attribute| attribute.value.is_blank())
    }
}

impl Rdn {
    fn from_der(content: &[u8]) -> Option<Self> {
        let attributes = der::all(content, der::SEQUENCE)?;
        let attributes: Vec<_> = attributes
            .into_iter()
            .map(|element| Attribute::from_der(element.content))
            .collect::<Option<_>>()?;
        (!attributes.is_empty()).then_some(Self(attributes))
    }
}

impl Attribute {
    fn from_der(content: &[u8]) -> Option<Self> {
        let (kind, rest) = der::element(content)?;
        let (value, rest) = der::element(rest)?;
        let complete = kind.tag == der::OBJECT_IDENTIFIER && rest.is_empty();
        complete.then_some(())?;
        Some(Self { kind: Oid::from_der(kind.content)?, value: Value::from_der(&value) })
    }
}

/// RFC 4517 4.2.15: as many RDNs, and each equal to its counterpart.
impl PartialEq for DistinguishedName {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

/// As many attributes, and each equal to one of the other's.
impl PartialEq for Rdn {
    fn eq(&self, other: &Self) -> bool {
        let prepared = |rdn: &Self| {
            let mut attributes: Vec<_> =
                rdn.0.iter().map(|attribute| (attribute.kind.clone(), attribute.value.prepared())).collect();
            attributes.sort();
            attributes
        };
        prepared(self) == prepared(other)
    }
}
