//! How does a person read it? The elements of a request with the words that their schemas have for them.

use serde_json::{Map, Value};

use super::{AuthorizationDetails, type_of};
use crate::registry::Registry;

/// References within a schema are followed so many times: a circle ends.
const MAX_REFERENCES: usize = 8;

/// One element, to be shown.
#[derive(Clone, PartialEq, Debug)]
pub struct Detail {
    /// Its `type`.
    pub name: String,
    /// What the Workspace calls this type.
    pub label: Option<String>,
    /// What the Workspace says of it.
    pub note: Option<String>,
    /// Everything in it but `type`, in the order of the request. Nothing is left out: what is shown is what is granted.
    pub fields: Vec<Field>,
}

/// A member of an object, to be shown.
#[derive(Clone, PartialEq, Debug)]
pub struct Field {
    /// As the request has it.
    pub name: String,
    /// What the Workspace calls it.
    pub label: Option<String>,
    /// What the Workspace says of it.
    pub note: Option<String>,
    /// Its value.
    pub value: Shown,
}

/// A value, to be shown.
#[derive(Clone, PartialEq, Debug)]
pub enum Shown {
    /// `true` or `false`.
    Flag(bool),
    /// The members of an object.
    Fields(Vec<Field>),
    /// The items of an array.
    List(Vec<Shown>),
    /// `null`.
    Nothing,
    /// A string or a number.
    Text(String),
}

/// The elements in words, in the first of `languages` that their schemas have words in.
pub fn describe(details: &AuthorizationDetails, registry: &Registry, languages: &[&str]) -> Vec<Detail> {
    details.iter().map(|element| detail(element, registry, languages)).collect()
}

fn detail(element: &Value, registry: &Registry, languages: &[&str]) -> Detail {
    let name = type_of(element).unwrap_or_default();
    let root = registry.details_type(name).map_or(&Value::Null, |offered| &offered.words);
    let reader = Reader { root, languages };
    let fields = element.as_object().map(|members| reader.fields(members, root)).unwrap_or_default();
    Detail {
        name: name.to_owned(),
        label: reader.word(root, "title"),
        note: reader.word(root, "description"),
        fields: fields.into_iter().filter(|field| field.name != "type").collect(),
    }
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    root: &'a Value,
    languages: &'a [&'a str],
}

impl<'a> Reader<'a> {
    fn fields(self, members: &Map<String, Value>, schema: &'a Value) -> Vec<Field> {
        let properties = self.resolved(schema).get("properties");
        let field = |(name, value): (&String, &Value)| {
            let said = properties.and_then(|properties| properties.get(name)).unwrap_or(&Value::Null);
            Field {
                name: name.clone(),
                label: self.word(said, "title"),
                note: self.word(said, "description"),
                value: self.shown(value, said),
            }
        };
        members.iter().map(field).collect()
    }

    fn shown(self, value: &Value, schema: &'a Value) -> Shown {
        match value {
            Value::Null => Shown::Nothing,
            Value::Bool(flag) => Shown::Flag(*flag),
            Value::Number(number) => Shown::Text(number.to_string()),
            Value::String(text) => Shown::Text(text.clone()),
            Value::Array(items) => {
                let said = self.resolved(schema).get("items").unwrap_or(&Value::Null);
                Shown::List(items.iter().map(|item| self.shown(item, said)).collect())
            }
            Value::Object(members) => Shown::Fields(self.fields(members, schema)),
        }
    }

    /// `title` or `description`; in other languages they stand in `x-title` and `x-description`, by tag.
    fn word(self, schema: &'a Value, keyword: &str) -> Option<String> {
        let beside = schema.get(keyword).is_some();
        let schema = if beside { schema } else { self.resolved(schema) };
        let translated = schema.get(format!("x-{keyword}"));
        let in_language = |language: &&str| translated?.get(*language)?.as_str();
        let found = self.languages.iter().find_map(in_language);
        found.or_else(|| schema.get(keyword)?.as_str()).map(ToOwned::to_owned)
    }

    /// What a schema stands for: `$ref` to a place in the same document is followed.
    fn resolved(self, mut schema: &'a Value) -> &'a Value {
        for _ in 0..MAX_REFERENCES {
            let reference = schema.get("$ref").and_then(Value::as_str);
            let Some(pointer) = reference.and_then(|reference| reference.strip_prefix('#')) else { break };
            let Some(found) = self.root.pointer(pointer) else { break };
            schema = found;
        }
        schema
    }
}
