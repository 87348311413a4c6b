//! What an operator understands of what a newer one has published: everything but the members that it does not know.
//!
//! Servers read strictly, so that nothing is served that they do not understand. An operator that was rolled back must go on from
//! what is published, and publishes it anew without what it does not know.

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde_json::{Error, Map, Value};

/// Reads a file without the members of objects that are not known.
///
/// # Errors
/// It is no JSON, or not what `T` says in what is known of it.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    T::deserialize(Known(serde_json::from_slice(bytes)?))
}

/// A value whose objects have the members alone that somebody asks for.
struct Known(Value);

fn members<'de>(
    members: Map<String, Value>,
) -> MapDeserializer<'de, impl Iterator<Item = (Known, Known)>, Error> {
    MapDeserializer::new(members.into_iter().map(|(name, value)| (Known(Value::String(name)), Known(value))))
}

impl IntoDeserializer<'_, Error> for Known {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Known {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Known))),
            Value::Object(object) => visitor.visit_map(members(object)),
            plain => plain.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Value::Object(mut object) = self.0 else { return Err(Error::custom("expected an object")) };
        object.retain(|name, _| fields.contains(&name.as_str()));
        visitor.visit_map(members(object))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(object) => {
                MapAccessDeserializer::new(members(object)).deserialize_enum(name, variants, visitor)
            }
            plain => plain.deserialize_enum(name, variants, visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}
