//! Writing RFC 4514 text.
//!
//! RDNs in reverse, joined with `,` and no spaces; the nine short names of RFC 4514 with readable values; every other type as
//! `dotted.oid=#hex` of the value's own DER, its string type kept (`spec/profiles.md` 6.3: Brazil's directory demands
//! exactly this form).

use std::fmt::{self, Write as _};

use super::value::Value;
use super::{Attribute, DistinguishedName, Rdn, types};

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rdn) in self.0.iter().rev().enumerate() {
            write!(f, "{}{rdn}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Display for Rdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, attribute) in self.0.iter().enumerate() {
            write!(f, "{}{attribute}", if index == 0 { "" } else { "+" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (types::short_name(&self.kind), &self.value) {
            (Some(name), Value::Text { text, .. }) => {
                write!(f, "{name}=")?;
                escaped(text, f)
            }
            (Some(name), value) => hex(name, value, f),
            (None, value) => hex(self.kind.as_str(), value, f),
        }
    }
}

fn hex(kind: &str, value: &Value, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{kind}=#")?;
    value.to_der().iter().try_for_each(|octet| write!(f, "{octet:02x}"))
}

/// RFC 4514 2.4. Control characters are written as hex too, so that a name cannot break a line of a log.
fn escaped(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let last = text.chars().count().saturating_sub(1);
    for (index, c) in text.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => write!(f, "\\{c}")?,
            '#' if index == 0 => f.write_str("\\#")?,
            ' ' if index == 0 || index == last => f.write_str("\\ ")?,
            c if c.is_control() => {
                let mut octets = [0; 4];
                c.encode_utf8(&mut octets).bytes().try_for_each(|octet| write!(f, "\\{octet:02X}"))?;
            }
            c => f.write_char(c)?,
        }
    }
    Ok(())
}
