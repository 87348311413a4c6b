//! What do the types of authorization details look like? The schemas that a Workspace refers to, with the last good ones for a while.

use fapi_config::DetailsTypeEntry;
use fapi_core::Lifetime;
use fapi_crds::Reason;
use fapi_crds::workspace::AuthorizationDetailsType;

use super::found::{Found, Missing, Resolved};
use super::material::{Place, Problem};
use super::references::{Resolution, missing_problem};

/// Reads the schema of every type. One that cannot be used holds back no other, and no Client: its type is offered as it was for the
/// grace, and afterwards not at all until there is a schema again.
pub(super) fn types(found: &Found, namespace: &str, resolution: &mut Resolution) {
    let spec = &found.workspace.spec;
    let grace = Lifetime::seconds(spec.config.stale_secret_grace.seconds().unwrap_or(0));
    for said in &spec.authorization_details_types {
        let schema = match schema(found, namespace, said) {
            Ok(schema) => Some(schema),
            Err(problem) => {
                let previous = found.previous.as_ref();
                let since =
                    previous.and_then(|previous| previous.ledger.details_failing_since.get(&said.type_));
                let since = since.copied().unwrap_or(found.now);
                resolution.details_failing_since.insert(said.type_.clone(), since);
                resolution.problems.push(problem);
                previous.filter(|_| found.now < since + grace).and_then(|previous| {
                    let mut published = previous.document.authorization_details_types.iter();
                    published.find(|entry| entry.name == said.type_)?.schema.clone()
                })
            }
        };
        resolution.details_types.push(DetailsTypeEntry { name: said.type_.clone(), schema });
    }
}

/// The text of a schema without its white space: a change of layout is no change.
fn schema(found: &Found, namespace: &str, said: &AuthorizationDetailsType) -> Result<String, Problem> {
    let (name, key) = (&said.schema_ref.name, &said.schema_ref.key);
    let place = Place { kind: "ConfigMap", namespace, name, key };
    let bytes = match found.references.details_types.get(&said.type_) {
        Some(Resolved::Value(value)) => &value.bytes,
        Some(Resolved::Missing(missing)) => return Err(missing_problem(&place, *missing)),
        None => return Err(missing_problem(&place, Missing::ConfigMapNotFound)),
    };
    let wrong = |message: String| Problem::new(Reason::InvalidData, &place, message);
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("must be UTF-8 text".to_owned()))?;
    let (schema, _) = fapi_schema::parse(text).map_err(|why| wrong(why.to_string()))?;
    Ok(schema.to_string())
}
