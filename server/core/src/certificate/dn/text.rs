//! Reading RFC 4514 text.

use super::der;
use super::oid::Oid;
use super::value::Value;
use super::{Attribute, DistinguishedName, Rdn, types};

const MAX_TEXT: usize = 2048;

/// Text is no distinguished name: where (counted from 1), and what to write instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("at character {position}: {problem}")]
pub struct InvalidDn {
    /// In characters, from 1.
    pub position: usize,
    /// What to write instead.
    pub problem: &'static str,
}

/// Reads a whole name. Spaces around `,`, `+` and `=` do not count: RFC 2253 4 has them, and most programs print them.
pub(super) fn parse(text: &str) -> Result<DistinguishedName, InvalidDn> {
    let mut input = Input { text, at: 0 };
    if text.len() > MAX_TEXT {
        return Err(input.problem("at most 2048 bytes"));
    }
    if text.starts_with('/') {
        return Err(input.problem("write attributes separated by commas, the last one of the certificate first: CN=app,O=Example,C=GB"));
    }
    input.skip_spaces();
    let mut rdns = Vec::new();
    if input.peek().is_some() {
        loop {
            rdns.push(input.rdn()?);
            if !input.take(',') {
                break;
            }
        }
        if input.peek().is_some() {
            return Err(input.problem("write a comma between attributes"));
        }
    }
    rdns.reverse();
    Ok(DistinguishedName(rdns))
}

struct Input<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Input<'a> {
    fn rdn(&mut self) -> Result<Rdn, InvalidDn> {
        let mut attributes = vec![self.attribute()?];
        while self.take('+') {
            attributes.push(self.attribute()?);
        }
        Ok(Rdn(attributes))
    }

    fn attribute(&mut self) -> Result<Attribute, InvalidDn> {
        self.skip_spaces();
        let kind = self.kind()?;
        self.skip_spaces();
        if !self.take('=') {
            return Err(self.problem("write = and a value after the attribute's name"));
        }
        self.skip_spaces();
        let value = if self.take('#') { self.hex_value()? } else { self.string_value()? };
        self.skip_spaces();
        Ok(Attribute { kind, value })
    }

    fn kind(&mut self) -> Result<Oid, InvalidDn> {
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
        let found = if name.starts_with(|c: char| c.is_ascii_digit()) {
            Oid::parse(name)
        } else {
            types::named(name)
        };
        found.ok_or_else(|| {
            self.at -= name.len();
            self.problem("write an attribute as CN, O, OU, C, L, ST, STREET, DC, UID, or by its number such as 2.5.4.97")
        })
    }

    /// `#` and the DER of the value in hexadecimal.
    fn hex_value(&mut self) -> Result<Value, InvalidDn> {
        let start = self.at;
        let digits = self.take_while(|c| c.is_ascii_hexdigit());
        let octets: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(octet).collect();
        let complete = octets.as_deref().and_then(der::element).filter(|(_, rest)| rest.is_empty());
        complete.map(|(element, _)| Value::from_der(&element)).ok_or_else(|| {
            self.at = start;
            self.problem("write # and one whole DER value in hexadecimal, or escape the # as \\#")
        })
    }

    fn string_value(&mut self) -> Result<Value, InvalidDn> {
        let start = self.at;
        let mut octets = Vec::new();
        // Unescaped spaces at the end belong to the separator.
        let mut kept = 0;
        while let Some(c) = self.peek() {
            match c {
                ',' | '+' => break,
                '\\' => {
                    self.at += 1;
                    self.escape(&mut octets)?;
                    kept = octets.len();
                }
                '"' => {
                    return Err(self
                        .problem("write \\\" for a quotation mark, and no quotation marks around a value"));
                }
                ';' | '<' | '>' => return Err(self.problem("write a backslash before ; < and >")),
                '\0' => return Err(self.problem("write \\00 for a NUL")),
                c => {
                    self.at += c.len_utf8();
                    octets.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    if c != ' ' {
                        kept = octets.len();
                    }
                }
            }
        }
        octets.truncate(kept);
        String::from_utf8(octets).map(Value::written).map_err(|_| {
            self.at = start;
            self.problem("the hexadecimal pairs after backslashes are not UTF-8")
        })
    }

    /// What follows a backslash: a special character as itself, or two hexadecimal digits.
    fn escape(&mut self, octets: &mut Vec<u8>) -> Result<(), InvalidDn> {
        if let Some(special) =
            self.peek().filter(|c| matches!(c, ' ' | '"' | '#' | '+' | ',' | ';' | '<' | '=' | '>' | '\\'))
        {
            self.at += 1;
            octets.extend_from_slice(special.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(());
        }
        let pair = self.text.as_bytes().get(self.at..self.at + 2).and_then(octet);
        let octet = pair.ok_or_else(|| {
            self.problem(
                "write two hexadecimal digits, or one of \" + , ; < > # = \\ and space, after a backslash",
            )
        })?;
        self.at += 2;
        octets.push(octet);
        Ok(())
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn skip_spaces(&mut self) {
        self.take_while(|c| c == ' ');
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn problem(&self, problem: &'static str) -> InvalidDn {
        let before = self.text.get(..self.at).unwrap_or_default();
        InvalidDn { position: before.chars().count() + 1, problem }
    }
}

fn octet(pair: &[u8]) -> Option<u8> {
    let digit =
        |at: usize| pair.get(at).and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    (pair.len() == 2).then_some(digit(0)? << 4 | digit(1)?)
}
