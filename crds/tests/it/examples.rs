//! The examples in the README are accepted as they stand.

use fapi_crds::schema::{unknown_fields, violations};
use fapi_crds::{Client, Kind, SigningKey, Workspace};
use serde_json::Value;

#[test]
fn the_examples_of_the_readme_are_accepted() {
    let readme = include_str!("../../README.md");
    let mut kinds = Vec::new();
    for block in readme.split("```yaml\n").skip(1) {
        let (yaml, _) = block.split_once("```").unwrap();
        for document in yaml.split("\n---\n") {
            let object: Value = serde_saphyr::from_str(document).unwrap();
            let Some(kind) = Kind::named(object["kind"].as_str().unwrap()) else { continue };
            assert_eq!(unknown_fields(kind, &object), [], "{kind}");
            assert_eq!(violations(kind, &object), [], "{kind}");
            match kind {
                Kind::Workspace => drop(serde_json::from_value::<Workspace>(object).unwrap()),
                Kind::Client => drop(serde_json::from_value::<Client>(object).unwrap()),
                Kind::SigningKey => drop(serde_json::from_value::<SigningKey>(object).unwrap()),
            }
            kinds.push(kind);
        }
    }
    assert_eq!(kinds, Kind::ALL);
}
