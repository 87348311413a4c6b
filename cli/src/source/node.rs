//! What stands where in a YAML document? Its values with line and column, so that every complaint can point at them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

/// A value and where it stands.
pub(crate) type Placed = Spanned<Node>;

/// A YAML value. Mappings keep the places of their keys.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Placed>),
    Map(Vec<(Spanned<String>, Placed)>),
}

/// Line and column, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, serde::Serialize)]
pub struct Place {
    /// Line.
    pub line: u64,
    /// Column, in characters.
    pub column: u64,
}

impl Place {
    pub(crate) fn of(location: serde_saphyr::Location) -> Place {
        Place { line: location.line(), column: location.column() }
    }
}

/// The value as Kubernetes would see it.
pub(crate) fn to_json(placed: &Placed) -> Value {
    match &placed.value {
        Node::Null => Value::Null,
        Node::Bool(value) => Value::Bool(*value),
        Node::Number(value) => Value::Number(value.clone()),
        Node::Text(value) => Value::String(value.clone()),
        Node::List(items) => items.iter().map(to_json).collect(),
        Node::Map(members) => {
            let members = members.iter().map(|(name, value)| (name.value.clone(), to_json(value)));
            Value::Object(members.collect::<Map<String, Value>>())
        }
    }
}

/// Where the field at `path` (`spec.scopes[2].name`) stands: its name, or the nearest thing around it that is there.
pub(crate) fn locate(root: &Placed, path: &str) -> Place {
    let (mut here, mut place, mut rest) = (root, Place::of(root.referenced), path);
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        let found = match &here.value {
            Node::Map(members) => members
                .iter()
                .filter_map(|(name, value)| {
                    let after = rest.strip_prefix(name.value.as_str())?;
                    let whole = after.is_empty() || after.starts_with(['.', '[']);
                    whole.then_some((Place::of(name.referenced), value, after))
                })
                // Names of labels and annotations hold dots: the longest name that fits is the one that is meant.
                .min_by_key(|(_, _, after)| after.len()),
            Node::List(items) => {
                let numbered = rest.strip_prefix('[').and_then(|inside| inside.split_once(']'));
                numbered.and_then(|(index, after)| {
                    let item = items.get(index.parse::<usize>().ok()?)?;
                    Some((Place::of(item.referenced), item, after))
                })
            }
            _ => None,
        };
        let Some((at, value, after)) = found else { break };
        (place, here, rest) = (at, value, after);
    }
    place
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        Number::from_f64(value)
            .map(Node::Number)
            .ok_or_else(|| E::custom("this number cannot be written in JSON"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Node::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "kind: Client
metadata:
  name: app
  annotations:
    fapi.rs/note: a
spec:
  scopes:
  - openid
  - { name: no, count: 7, size: 1e3, on: 1 }
  empty:
";

    #[test]
    fn values_are_what_kubernetes_sees() {
        let root: Placed = serde_saphyr::from_str(TEXT).unwrap();
        let expected = serde_json::json!({
            "kind": "Client", "metadata": { "name": "app", "annotations": { "fapi.rs/note": "a" } },
            "spec": { "scopes": ["openid", { "name": false, "count": 7, "size": 1000.0, "on": 1 }], "empty": null },
        });
        assert_eq!(to_json(&root), expected);
    }

    #[test]
    fn a_path_leads_to_its_name_or_to_what_is_around_it() {
        let root: Placed = serde_saphyr::from_str(TEXT).unwrap();
        for (path, line, column) in [
            ("", 1, 1),
            ("kind", 1, 1),
            ("metadata.name", 3, 3),
            ("metadata.annotations.fapi.rs/note", 5, 5),
            ("spec.scopes[1].count", 9, 17),
            ("spec.scopes[1]", 9, 5),
            ("spec.scopes[7]", 7, 3),
            ("spec.missing.deeper", 6, 1),
            ("spec.scopesx", 6, 1),
        ] {
            assert_eq!(locate(&root, path), Place { line, column }, "{path}");
        }
    }
}
