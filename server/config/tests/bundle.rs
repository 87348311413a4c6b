//! What was written is read back, and nothing else is.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fapi_config::{
    Bundle, Document, Files, KeyAlgorithm, KeyState, LoginType, Logos, Manifest, OnDelete, Png, PrivateKey,
    PublicKey, SealKey, SecretKey32, Secrets, StorageType, Tombstone, file, shard_file, tolerant,
};
use fapi_core::client::{AuthRegistration, Registration};
use fapi_core::ids::{ClientId, Incarnation};
use fapi_core::issuer::{Issuer, Mtls};
use fapi_core::logo::LogoId;
use fapi_core::profile::ProfileName;
use fapi_core::scope::Scopes;
use fapi_jose::{Alg, JwkSet, SigningKey};
use proptest::prelude::*;
use zeroize::Zeroizing;

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Alg::Es256, 0).unwrap());

const USERS: &str = r#"{"alice":{"sub":"s1","password":"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21l$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0"}}"#;

fn client(id: &str) -> Registration {
    let auth = AuthRegistration::private_key_jwt(JwkSet::from_keys(vec![KEY.public().clone()]));
    let incarnation = Incarnation::from_stored(format!("life of {id}"));
    Registration {
        display_name: BTreeMap::from([("en".to_owned(), "Budget".to_owned())]),
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        scopes: Some(Scopes::parse("openid").unwrap()),
        ..Registration::new(ClientId::parse(id).unwrap(), incarnation, auth)
    }
}

fn bundle(clients: Vec<Registration>) -> Bundle {
    let issuer = Issuer::parse("https://auth.bank.example:8443").unwrap();
    let mut document =
        Document::new(issuer, Mtls::Port(8444), ProfileName::Fintech, LoginType::Users, StorageType::SQLite);
    document.keys.push(PublicKey {
        kid: KEY.kid().to_owned(),
        alg: KeyAlgorithm::Signature(Alg::Es256),
        state: KeyState::Active,
        jwk: KEY.public().clone(),
    });
    document.tombstones.push(Tombstone {
        client_id: ClientId::parse("gone").unwrap(),
        incarnation: Incarnation::from_stored("i"),
        on_delete: OnDelete::RevokeGrants,
    });
    Bundle {
        workspace: "auth/retail".to_owned(),
        workspace_uid: "uid-1".to_owned(),
        document,
        clients,
        client_shards: 4,
        logos: Logos::new(),
        secrets: Secrets {
            keys: vec![PrivateKey::new(KEY.kid(), KeyState::Active, &KEY.to_private_jwk()).unwrap()],
            seal: vec![SealKey { id: "s1".to_owned(), key: SecretKey32::from_bytes([7; 32]) }],
            subject_salt: SecretKey32::from_bytes([9; 32]),
        },
        users: Some(Zeroizing::new(USERS.as_bytes().to_vec())),
        client_ca: None,
        crl: None,
    }
}

fn changed(files: &Files, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Files {
    let mut bytes = files.get(name).unwrap().to_vec();
    change(&mut bytes);
    let mut files = files.clone();
    files.insert(name, bytes);
    files
}

/// The manifest that fits the files as they are now.
fn resealed(files: &Files) -> Files {
    let manifest: Manifest = serde_json::from_slice(files.get(file::MANIFEST).unwrap()).unwrap();
    let hashes = files.iter().filter(|(name, _)| *name != file::MANIFEST).map(|(name, bytes)| {
        let hex: Vec<String> = fapi_jose::sha256(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        (name.to_owned(), hex.concat())
    });
    let Manifest { format, workspace, workspace_uid, revision, .. } = manifest;
    let manifest = Manifest::new(format, &workspace, &workspace_uid, revision, hashes.collect());
    let mut files = files.clone();
    files.insert(file::MANIFEST, manifest.to_bytes());
    files
}

fn rewritten(files: &Files, name: &str, from: &str, to: &str) -> Files {
    resealed(&changed(files, name, |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.contains(from), "{text}");
        *bytes = text.replace(from, to).into_bytes();
    }))
}

fn shard_with_clients(files: &Files) -> String {
    (0..64).map(shard_file).find(|name| files.get(name).is_some()).unwrap()
}

#[test]
fn what_was_written_is_read_back_and_served() {
    let written = bundle(vec![client("auth.budget"), client("auth.savings")]);
    let loaded = Bundle::read(&written.files(7)).unwrap();
    assert_eq!((loaded.manifest.revision, loaded.manifest.workspace.as_str()), (7, "auth/retail"));
    assert_eq!(loaded.document, written.document);
    assert_eq!(loaded.secrets.to_bytes(), written.secrets.to_bytes());

    let registry = loaded.to_registry(fapi_schema::compile).unwrap();
    assert_eq!(registry.clients().count(), 2);
    assert!(registry.active_key(Alg::Es256).is_some());
    let signers = loaded.signers().unwrap();
    assert_eq!(signers.iter().map(|signer| signer.key.kid()).collect::<Vec<_>>(), [KEY.kid()]);
}

#[test]
fn equal_content_does_not_count_again() {
    let one = bundle(vec![client("a"), client("b")]).render();
    let first = one.manifest_after(None);
    let again = bundle(vec![client("b"), client("a")]).render().manifest_after(Some(&first));
    assert_eq!(again, first, "neither the order of clients nor a second pass makes a revision");
    let next = bundle(vec![client("a")]).render().manifest_after(Some(&first));
    assert_eq!(next.revision, 2);
    assert_ne!(next.hash, first.hash);
}

/// I5: a mix of two revisions is refused as a whole.
#[test]
fn files_of_two_revisions_are_refused() {
    let old = bundle(vec![client("a")]).files(1);
    let new = bundle(vec![client("a"), client("b"), client("c"), client("d")]).files(2);
    for name in new.iter().map(|(name, _)| name.to_owned()).filter(|name| old.get(name) != new.get(name)) {
        let mut mixed = new.clone();
        if let Some(bytes) = old.get(&name) {
            mixed.insert(name.as_str(), bytes.to_vec());
        } else {
            mixed = mixed
                .iter()
                .filter(|(other, _)| **other != *name)
                .map(|(n, b)| (n.to_owned(), b.to_vec()))
                .collect();
        }
        if name == file::MANIFEST {
            // The old manifest names only files that have not changed, or refuses.
            assert!(Bundle::read(&mixed).is_err() || Bundle::read(&mixed).unwrap().manifest.revision == 1);
        } else {
            assert_eq!(Bundle::read(&mixed).unwrap_err().file, name, "I5");
        }
    }
}

#[test]
fn files_that_the_manifest_does_not_name_yet_change_nothing() {
    let mut files = bundle(vec![client("a")]).files(1);
    let unnamed = (0..64).map(shard_file).find(|name| files.get(name).is_none()).unwrap();
    files.insert(unnamed, b"not even JSON".to_vec());
    assert!(Bundle::read(&files).is_ok());
}

#[test]
fn a_missing_file_is_named() {
    let files = bundle(vec![client("a")]).files(1);
    for name in files.iter().map(|(name, _)| name.to_owned()) {
        let without: Files = files
            .iter()
            .filter(|(other, _)| **other != *name)
            .map(|(n, b)| (n.to_owned(), b.to_vec()))
            .collect();
        assert_eq!(Bundle::read(&without).unwrap_err().file, name);
    }
}

#[test]
fn a_format_that_is_not_known_is_refused_by_its_number() {
    let files = bundle(Vec::new()).files(1);
    let next = changed(&files, file::MANIFEST, |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        *bytes = text.replace(r#""format":1"#, r#""format":2,"compression":"zstd""#).into_bytes();
    });
    let error = Bundle::read(&next).unwrap_err();
    assert_eq!(error.message, "is format 2, and this version reads format 1");
}

/// F-C06: an operator that is rolled back goes on from what a newer one has published; its servers do not serve what they do not know.
#[test]
fn an_operator_understands_what_it_knows_of_what_a_newer_one_has_published() {
    let written = bundle(vec![client("a")]);
    let known: Document = tolerant::from_slice(&written.document.to_bytes()).unwrap();
    assert_eq!(known, written.document, "nothing that is known is lost");

    let mut newer: serde_json::Value = serde_json::from_slice(&written.document.to_bytes()).unwrap();
    newer["fromTomorrow"] = serde_json::json!({"a": [1]});
    newer["ui"]["fromTomorrow"] = "b".into();
    newer["tombstones"][0]["fromTomorrow"] = true.into();
    let bytes = newer.to_string().into_bytes();
    assert!(
        serde_json::from_slice::<Document>(&bytes)
            .unwrap_err()
            .to_string()
            .contains("unknown field `fromTomorrow`")
    );
    assert_eq!(tolerant::from_slice::<Document>(&bytes).unwrap(), written.document);

    newer["profile"] = "FromTomorrow".into();
    tolerant::from_slice::<Document>(newer.to_string().as_bytes()).unwrap_err();
    tolerant::from_slice::<Document>(b"[]").unwrap_err();
    tolerant::from_slice::<Document>(br#"{"format":1}"#).unwrap_err();
}

#[test]
fn what_format_1_does_not_know_is_refused() {
    let files = bundle(vec![client("a")]).files(1);
    let shard = shard_with_clients(&files);
    for (name, from, to) in [
        (file::WORKSPACE, r#""profile":"#, r#""lenient":true,"profile":"#),
        (file::WORKSPACE, r#""profile":"Fintech""#, r#""profile":"Basic""#),
        (
            file::WORKSPACE,
            r#""issuer":"https://auth.bank.example:8443""#,
            r#""issuer":"https://auth.bank.example/""#,
        ),
        (file::WORKSPACE, r#""format":1"#, r#""format":1,"format":1"#),
        (shard.as_str(), r#""enabled":true"#, r#""enabled":true,"clientSecret":"x""#),
        (file::KEYS, r#""seal":"#, r#""more":[],"seal":"#),
        (file::KEYS, r#""state":"Active""#, r#""state":"Published""#),
        (file::KEYS, r#""subjectSalt":""#, r#""subjectSalt":"A"#),
        (file::USERS, r#""sub":"s1""#, r#""sub":"s1","admin":true"#),
    ] {
        let error = Bundle::read(&rewritten(&files, name, from, to)).unwrap_err();
        assert_eq!(error.file, name, "{to}: {error}");
        assert!(error.place.is_some(), "{error}");
    }
}

#[test]
fn an_error_in_a_confidential_file_repeats_nothing() {
    let files = bundle(vec![client("a")]).files(1);
    let shard = shard_with_clients(&files);
    for (name, from, to) in [
        (shard.as_str(), r#""grantTypes":["authorization_code"]"#, r#""grantTypes":["canary-in-a-client"]"#),
        (file::KEYS, r#""state":"Active""#, r#""state":"canary-in-the-keys""#),
        (file::USERS, "$argon2id$v=19", "canary-in-the-users"),
    ] {
        let error = Bundle::read(&rewritten(&files, name, from, to)).unwrap_err().to_string();
        assert!(!error.contains("canary"), "K-10 {error}");
    }
}

/// KEY-01, K-10: private keys are in `keys.json` alone.
#[test]
fn no_other_file_holds_anything_private() {
    let files = bundle(vec![client("a"), client("b")]).files(1);
    let private: serde_json::Value = serde_json::from_str(&KEY.to_private_jwk()).unwrap();
    let canaries = [
        private["d"].as_str().unwrap().to_owned(),
        fapi_jose::b64::encode([7; 32]),
        fapi_jose::b64::encode([9; 32]),
    ];
    for canary in &canaries {
        assert!(String::from_utf8_lossy(files.get(file::KEYS).unwrap()).contains(canary));
    }
    for (name, bytes) in files.iter().filter(|(name, _)| *name != file::KEYS) {
        let text = String::from_utf8_lossy(bytes);
        assert!(canaries.iter().all(|canary| !text.contains(canary)), "K-10 {name}");
        assert!(!text.contains(r#""d":"#), "KEY-01 {name}");
    }
    let printed = format!("{:?} {:?}", bundle(Vec::new()), files);
    assert!(canaries.iter().all(|canary| !printed.contains(canary)), "K-10 Debug");
}

#[test]
fn a_client_with_a_private_key_in_its_jwks_is_refused() {
    let files = bundle(vec![client("a")]).files(1);
    let shard = shard_with_clients(&files);
    let leaked = rewritten(&files, &shard, r#""crv":"#, r#""d":"AAAA","crv":"#);
    assert_eq!(Bundle::read(&leaked).unwrap_err().file, shard, "KEY-01");
}

#[test]
fn a_private_key_of_another_kid_is_refused() {
    let files = bundle(Vec::new()).files(1);
    let other = SigningKey::generate(Alg::Es256, 0).unwrap();
    let (own, foreign) = (KEY.to_private_jwk(), other.to_private_jwk());
    let field =
        |text: &str, name: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()[name].to_string();
    let mut swapped = files.clone();
    for name in ["d", "x", "y"] {
        swapped = rewritten(&swapped, file::KEYS, &field(&own, name), &field(&foreign, name));
    }
    let loaded = Bundle::read(&swapped).unwrap();
    assert_eq!(loaded.signers().unwrap_err().file, file::KEYS, "J-19");
}

#[test]
fn a_client_that_the_profile_forbids_does_not_load() {
    let mut forbidden = client("a");
    forbidden.redirect_uris = vec!["http://canary.example/cb".to_owned()];
    let error = Bundle::read(&bundle(vec![forbidden]).files(1))
        .unwrap()
        .to_registry(fapi_schema::compile)
        .unwrap_err();
    assert_eq!(error.to_string(), "clients-*.json: a: is refused by F1-R08");
}

#[test]
fn trust_anchors_are_read_and_damaged_ones_refused() {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem();
    let mut with_ca = bundle(vec![client("a")]);
    with_ca.client_ca = Some(ca.clone().into_bytes());
    assert!(
        Bundle::read(&with_ca.files(1)).unwrap().to_registry(fapi_schema::compile).unwrap().anchors.is_some()
    );

    with_ca.client_ca = Some(ca.replace("END CERTIFICATE", "END").into_bytes());
    let error = Bundle::read(&with_ca.files(1)).unwrap().to_registry(fapi_schema::compile).unwrap_err();
    assert_eq!(error.file, file::CLIENT_CA);
}

#[test]
fn without_the_peoples_secret_nobody_signs_in_and_everything_else_goes_on() {
    let mut without = bundle(vec![client("a")]);
    without.users = None;
    let loaded = Bundle::read(&without.files(1)).unwrap();
    assert!(loaded.users.as_ref().unwrap().is_empty());
    assert_eq!(loaded.to_registry(fapi_schema::compile).unwrap().clients().count(), 1);
}

/// A bundle of clients that show these pictures.
fn with_pictures(pictures: &[&[u8]]) -> Bundle {
    let logos: Logos = pictures.iter().map(|bytes| (LogoId::of(bytes), Png::from(bytes.to_vec()))).collect();
    let clients = pictures.iter().enumerate().map(|(index, bytes)| {
        let mut client = client(&format!("client-{index}"));
        client.logo = Some(LogoId::of(bytes));
        client
    });
    Bundle { logos, ..bundle(clients.collect()) }
}

#[test]
fn pictures_travel_beside_the_clients_that_show_them() {
    let pictures = [b"\x89PNG\r\n\x1a\n one".as_slice(), b"\x89PNG\r\n\x1a\n another"];
    let mut written = with_pictures(&pictures);
    written.logos.insert(LogoId::of(b"of nobody"), Png::from(b"of nobody".to_vec()));
    let loaded = Bundle::read(&written.files(1)).unwrap();
    let read: Vec<&[u8]> =
        loaded.clients.iter().map(|client| loaded.logos[client.logo.as_ref().unwrap()].as_bytes()).collect();
    assert!(pictures.iter().all(|picture| read.contains(picture)));
    assert_eq!(loaded.logos.len(), 2, "a picture that nobody shows is left out");
    let one = with_pictures(&[pictures[0], pictures[0], pictures[0], pictures[0], pictures[0]]);
    for (name, bytes) in one.files(1).iter().filter(|(name, _)| name.starts_with("logos-")) {
        assert_eq!(
            String::from_utf8_lossy(bytes).matches("iVBOR").count(),
            1,
            "{name}: once for all who show it"
        );
    }
}

/// `B-06`: what reaches a server by whatever way is served as a picture only if it is the one that was named, and a PNG.
#[test]
fn what_is_no_picture_of_its_name_is_refused() {
    for bytes in [
        b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
        [b"\x89PNG\r\n\x1a\n".as_slice(), &vec![0; 64 * 1024]].concat(),
    ] {
        let error = Bundle::read(&with_pictures(&[&bytes]).files(1)).unwrap_err();
        assert_eq!(error.message, "is no PNG of this name", "B-06");
    }
    let mut swapped = with_pictures(&[b"\x89PNG\r\n\x1a\n one"]);
    for png in swapped.logos.values_mut() {
        *png = Png::from(b"\x89PNG\r\n\x1a\n two".to_vec());
    }
    assert_eq!(Bundle::read(&swapped.files(1)).unwrap_err().message, "is no PNG of this name", "B-06");
    swapped.logos.clear();
    assert_eq!(Bundle::read(&swapped.files(1)).unwrap_err().message, "has a logo that is in no logos-*.json");
}

#[test]
fn one_client_id_cannot_be_there_twice() {
    let error = Bundle::read(&bundle(vec![client("a"), client("a")]).files(1)).unwrap_err();
    assert_eq!(error.message, "two clients have the same clientId", "K-03");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// I5: whatever happens to a byte of any file but the manifest, the revision is refused; in the manifest too, unless it
    /// is the number of the revision, which stands for itself.
    #[test]
    fn a_changed_byte_is_refused(position in any::<prop::sample::Index>(), flip in 1_u8..=255) {
        let files = bundle(vec![client("a"), client("b"), client("c")]).files(1234);
        for name in files.iter().map(|(name, _)| name.to_owned()) {
            let broken = changed(&files, &name, |bytes| {
                let at = position.index(bytes.len());
                bytes[at] ^= flip;
            });
            match Bundle::read(&broken) {
                Err(_) => {}
                Ok(loaded) => {
                    prop_assert_eq!(name.as_str(), file::MANIFEST);
                    let canonical = loaded.manifest.to_bytes();
                    prop_assert!(loaded.manifest.revision != 1234 || canonical == files.get(&name).unwrap());
                }
            }
        }
    }

    #[test]
    fn the_order_of_clients_does_not_matter(ids in prop::collection::btree_set("[a-z]{1,8}", 0..12), seed in any::<u64>()) {
        let ids: Vec<String> = ids.into_iter().collect();
        let mut shuffled = ids.clone();
        shuffled.sort_by_key(|id| fapi_jose::sha256(format!("{seed}{id}")));
        let one = bundle(ids.iter().map(|id| client(id)).collect()).files(1);
        let other = bundle(shuffled.iter().map(|id| client(id)).collect()).files(1);
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(Bundle::read(&one).unwrap().clients.len(), ids.len());
    }
}

/// RAR-01, RAR-02: schemas are compiled once, where the document is loaded.
#[test]
fn types_of_authorization_details_load_with_their_schemas() {
    const SCHEMA: &str = r#"{"properties":{"type":{},"rate":{"type":"number","multipleOf":0.01}},"additionalProperties":false}"#;
    let entry = |name: &str, schema: Option<&str>| fapi_config::DetailsTypeEntry {
        name: name.to_owned(),
        schema: schema.map(ToOwned::to_owned),
    };
    let mut bank = client("a");
    bank.authorization_details_types = vec!["payment".to_owned(), "unreadable".to_owned()];
    let mut written = bundle(vec![bank]);
    written.document.authorization_details_types =
        vec![entry("payment", Some(SCHEMA)), entry("unreadable", None)];
    let loaded = Bundle::read(&written.files(1)).unwrap();
    assert_eq!(loaded.document, written.document);
    let registry = loaded.to_registry(fapi_schema::compile).unwrap();
    let offered: Vec<&str> = registry.details_types.iter().map(|offered| offered.name.as_str()).collect();
    assert_eq!(offered, ["payment"], "DSC-34: a type without a schema is not offered, and its clients load");
    let schema = &registry.details_type("payment").unwrap().schema;
    assert!(schema.check(&serde_json::json!({"type": "payment", "rate": 0.25})).is_ok());
    assert!(schema.check(&serde_json::json!({"type": "payment", "more": 1})).is_err(), "RAR-01");

    written.document.authorization_details_types[0] = entry("payment", Some(r#"{"type":"objekt"}"#));
    let error = Bundle::read(&written.files(1)).unwrap().to_registry(fapi_schema::compile).unwrap_err();
    assert_eq!(error.file, file::WORKSPACE);
    assert!(error.to_string().contains("authorizationDetailsTypes payment"), "{error}");
}
