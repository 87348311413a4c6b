//! What can never change: names in URLs, in YAML and in people's habits.

use fapi_crds::names::{
    API_VERSION, CATEGORY, GROUP, VERSION, annotation, dev_generate, finalizer, label, verb,
};
use fapi_crds::{Client, Kind, SigningKey, Workspace, schema};
use kube::Resource;

#[test]
fn kinds_plurals_and_short_names_are_frozen() {
    let names: Vec<_> = Kind::ALL
        .map(|kind| {
            let definition = schema::definition(kind);
            let names = definition.spec.names;
            assert_eq!((names.kind.as_str(), names.plural.as_str()), (kind.as_str(), kind.plural()));
            assert_eq!(
                (definition.spec.group.as_str(), definition.spec.scope.as_str()),
                (GROUP, "Namespaced")
            );
            assert_eq!(names.categories, Some(vec![CATEGORY.to_owned()]));
            assert_eq!(definition.metadata.name, Some(format!("{}.{GROUP}", kind.plural())));
            format!("{} {} {}", names.plural, names.singular.unwrap(), names.short_names.unwrap().join(","))
        })
        .into();
    assert_eq!(names, ["workspaces workspace fws", "clients client fcl", "signingkeys signingkey fsk"]);
}

#[test]
fn the_types_and_the_constants_agree() {
    assert_eq!(API_VERSION, format!("{GROUP}/{VERSION}"));
    assert_eq!(
        [Workspace::api_version(&()), Client::api_version(&()), SigningKey::api_version(&())],
        [API_VERSION; 3]
    );
    assert_eq!(
        [Workspace::plural(&()), Client::plural(&()), SigningKey::plural(&())],
        Kind::ALL.map(Kind::plural)
    );
    assert_eq!(Kind::ALL.map(|kind| Kind::named(kind.as_str())), Kind::ALL.map(Some));
    assert_eq!(Kind::named("Pod"), None);
}

#[test]
fn names_that_people_and_tools_write_are_frozen() {
    assert_eq!(
        [
            label::CLIENT_CREDENTIALS,
            label::WORKSPACE,
            label::WORKSPACE_UID,
            label::SIGNING_KEY,
            label::KEY_STATE,
            annotation::HASH,
            annotation::REVISION,
            annotation::KID,
            annotation::DEV_GENERATE,
            annotation::APPROVED_DIGEST,
            finalizer::REVOCATION,
            verb::APPROVE,
        ],
        [
            "fapi.rs/client-credentials",
            "fapi.rs/workspace",
            "fapi.rs/workspace-uid",
            "fapi.rs/signing-key",
            "fapi.rs/key-state",
            "fapi.rs/hash",
            "fapi.rs/revision",
            "fapi.rs/kid",
            "fapi.rs/dev-generate",
            "fapi.rs/approved-digest",
            "fapi.rs/revocation",
            "approve",
        ]
    );
    assert_eq!(dev_generate::ALL, ["users", "jwks", "certificate", "ca", "redirect-uris", "database"]);
}

#[test]
fn status_and_scale_are_subresources() {
    for kind in Kind::ALL {
        let [version] = &schema::definition(kind).spec.versions[..] else { panic!("one version") };
        let subresources = version.subresources.clone().unwrap();
        assert!(subresources.status.is_some(), "{kind}");
        let scale = subresources
            .scale
            .map(|scale| (scale.spec_replicas_path, scale.status_replicas_path, scale.label_selector_path));
        let expected = (kind == Kind::Workspace).then(|| {
            (".spec.replicas".to_owned(), ".status.replicas".to_owned(), Some(".status.selector".to_owned()))
        });
        assert_eq!(scale, expected, "{kind}");
    }
}

#[test]
fn the_columns_are_the_ones_people_know() {
    let columns = Kind::ALL.map(|kind| {
        let version = schema::definition(kind).spec.versions.remove(0);
        let columns = version.additional_printer_columns.unwrap();
        columns
            .iter()
            .map(|column| format!("{}{}", column.name, if column.priority == Some(1) { "*" } else { "" }))
            .collect::<Vec<_>>()
            .join(" ")
    });
    assert_eq!(
        columns,
        [
            "Issuer Profile Ready Pods Clients Revision* Reason* Age",
            "Client-ID Workspace Method Ready Programmed* Expires Reason* Age",
            "Workspace Alg Phase Active-Kid Next-Move Pods Ready Age",
        ]
    );
}

#[test]
fn workspaces_are_selected_by_issuer() {
    let version = schema::definition(Kind::Workspace).spec.versions.remove(0);
    let fields: Vec<String> =
        version.selectable_fields.unwrap().into_iter().map(|field| field.json_path).collect();
    assert_eq!(fields, [".spec.issuer"]);
}
