//! Whole flows against the real server, in this process: every client authentication, delivery and response of the profile.

#[cfg(test)]
mod support {
    use clap::Parser as _;
    use fapi_config::{
        Bundle, Document, Files, KeyAlgorithm, KeyState, LoginType, PrivateKey, PublicKey, SealKey,
        SecretKey32, Secrets, StorageType,
    };
    use fapi_core::issuer::Mtls;
    use fapi_core::profile::ProfileName;
    use fapi_jose::{Alg, DecryptionKey, KeyManagement, SigningKey};
    use fapi_server::reload::WatchSource;
    use fapi_server::routes;
    use fapi_server::run::{Listeners, Running, Setup, serve};
    use fapictl::flow::journey::{Cast, Script};
    use fapictl::flow::report::Report;
    use fapictl::flow::signin::Decision;
    use fapictl::flow::target::Target;
    use fapictl::flow::{self, FlowArgs};
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use serde_json::{Value, json};
    use tokio::net::TcpListener;
    use tokio::sync::watch;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: FlowArgs,
    }

    /// A Workspace with one client for each way to authenticate, and one more that is bound to its certificate.
    pub(crate) struct Bank {
        folder: tempfile::TempDir,
        running: Running,
        _config: watch::Sender<Option<Files>>,
        _tls: watch::Sender<Option<Files>>,
    }

    const ISSUER: &str = "https://op.localhost:8443";

    impl Bank {
        pub(crate) async fn open() -> Bank {
            Bank::open_as(
                ProfileName::Fintech,
                &json!({
                    "responses": ["CodeJarm", "CodeIdToken"],
                    "requestDelivery": "PushedOrByValue",
                    "jarmEncryption": "Optional",
                }),
            )
            .await
        }

        /// Of another profile, with these choices.
        pub(crate) async fn open_as(profile: ProfileName, choices: &Value) -> Bank {
            let folder = tempfile::tempdir().unwrap();
            let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
            let mut authority = CertificateParams::new(Vec::new()).unwrap();
            authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let (authority_key, client_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
            let client_ca = authority.self_signed(&authority_key).unwrap();
            let issuer = Issuer::from_params(&authority, &authority_key);
            let client = CertificateParams::new(vec!["app.example".to_owned()]).unwrap();
            let client = client.signed_by(&client_key, &issuer).unwrap();
            put("app.pem", &client.pem());
            put("app-key.pem", &client_key.serialize_pem());
            put("password", "correct horse");
            let keys = [SigningKey::generate(Alg::Ps256, 2048).unwrap()];
            let encryption = DecryptionKey::generate(KeyManagement::RsaOaep256, 2048).unwrap();
            let private =
                format!("{{\"keys\":[{},{}]}}", *keys[0].to_private_jwk(), *encryption.to_private_jwk());
            put("jwks.json", &private);
            let jwks = json!({ "keys": [keys[0].public().to_json(), encryption.public().to_json()] });

            let server = rcgen::generate_simple_self_signed(vec!["op.localhost".to_owned()]).unwrap();
            put("ca.pem", &server.cert.pem());
            let tls: Files = [
                ("tls.crt".to_owned(), server.cert.pem().into_bytes()),
                ("tls.key".to_owned(), server.signing_key.serialize_pem().into_bytes()),
            ]
            .into_iter()
            .collect();

            let thumbprint = fapi_jose::b64::encode(fapi_jose::sha256(client.der()));
            let bundle = bundle(profile, choices, &jwks, &thumbprint, client_ca.pem().into_bytes());
            let ((config, config_source), (tls_sender, tls_source)) =
                (WatchSource::new(), WatchSource::new());
            let database = fapi_store::Config::sqlite(folder.path().join("store.db"));
            let setup = Setup::new(Box::new(config_source), Box::new(tls_source), database);
            let listeners = Listeners {
                front: TcpListener::bind(("127.0.0.1", 0)).await.unwrap(),
                back: Some(TcpListener::bind(("127.0.0.1", 0)).await.unwrap()),
                internal: None,
                metrics: None,
            };
            let running = serve(setup, listeners, routes::all).unwrap();
            config.send_replace(Some(bundle.files(1)));
            tls_sender.send_replace(Some(tls));
            let ready = tokio::time::timeout(std::time::Duration::from_mins(1), running.ready()).await;
            assert!(ready.is_ok(), "{:?}", running.reasons().await);
            Bank { folder, running, _config: config, _tls: tls_sender }
        }

        pub(crate) async fn play(&self, more: &[&str]) -> Report {
            let file = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
            let connect = |port: u16, address: std::net::SocketAddr| format!("op.localhost:{port}:{address}");
            let mut line: Vec<String> = ["flow", "--issuer", ISSUER, "--user", "alice"]
                .iter()
                .chain(&["--redirect-uri", "https://app.example/cb?own=1"])
                .map(ToString::to_string)
                .collect();
            for (option, value) in [
                ("--ca", file("ca.pem")),
                ("--key", file("jwks.json")),
                ("--cert", file("app.pem")),
                ("--cert-key", file("app-key.pem")),
                ("--password-file", file("password")),
                ("--connect", connect(8443, self.running.front)),
                ("--connect", connect(8444, self.running.back.unwrap())),
            ] {
                line.extend([option.to_owned(), value]);
            }
            line.extend(more.iter().map(ToString::to_string));
            if !more.contains(&"--scope") {
                line.extend(["--scope".to_owned(), "openid accounts".to_owned()]);
            }
            let args = Line::try_parse_from(line).unwrap().args;
            let target = Target::resolve(&args).unwrap();
            let cast = Cast::assemble(&target, args.timeout).unwrap();
            let decision = if args.deny { Decision::Deny } else { Decision::Approve };
            let script = Script { decision, attacks: true, logout: args.logout, timeout: args.timeout };
            flow::play(&target, &cast, script, &mut |_| {}).await
        }
    }

    fn bundle(
        profile: ProfileName,
        choices: &Value,
        jwks: &Value,
        thumbprint: &str,
        client_ca: Vec<u8>,
    ) -> Bundle {
        let mut document = Document::new(
            fapi_core::issuer::Issuer::parse(ISSUER).unwrap(),
            Mtls::Port(8444),
            profile,
            LoginType::Users,
            StorageType::SQLite,
        );
        let mut protocol = choices.clone();
        protocol["clientAuthentication"] =
            json!(["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"]);
        document.protocol = serde_json::from_value(protocol).unwrap();
        document.scopes = serde_json::from_value(json!([{ "name": "accounts" }])).unwrap();
        let client = |id: &str, method: &str, more: Value| {
            let mut client = json!({
                "clientId": id, "incarnation": format!("{id}-1"), "redirectUris": ["https://app.example/cb?own=1"],
                "grantTypes": ["authorization_code", "refresh_token"], "auth": { "method": method, "jwks": jwks },
            });
            for (name, value) in more.as_object().unwrap() {
                match (client.get_mut(name), value) {
                    (Some(Value::Object(before)), Value::Object(after)) => before.extend(after.clone()),
                    _ => client[name] = value.clone(),
                }
            }
            serde_json::from_value(client).unwrap()
        };
        let encryption =
            json!({ "response": { "encryption": { "algorithm": "RSA-OAEP-256", "content": "A256GCM" } } });
        let mut clients = vec![
            client("jwt", "private_key_jwt", json!({})),
            client("bound", "private_key_jwt", json!({ "senderConstraint": "MTLS" })),
            client(
                "self-signed",
                "self_signed_tls_client_auth",
                json!({ "auth": { "certificates": [thumbprint] } }),
            ),
            client("tls", "tls_client_auth", json!({ "auth": { "tls": { "sanDns": "app.example" } } })),
        ];
        if choices["jarmEncryption"] == "Optional" {
            clients.push(client("encrypted", "private_key_jwt", encryption));
        }
        let signing = SigningKey::generate(Alg::Ps256, 2048).unwrap();
        document.keys.push(PublicKey {
            kid: signing.kid().to_owned(),
            alg: KeyAlgorithm::Signature(signing.alg()),
            state: KeyState::Active,
            jwk: signing.public().clone(),
        });
        let hash = {
            use argon2::PasswordHasher as _;
            argon2::Argon2::default()
                .hash_password_with_salt(b"correct horse", b"saltsaltsalt")
                .unwrap()
                .to_string()
        };
        let users = json!({ "alice": { "sub": "alice", "password": hash } }).to_string();
        Bundle {
            workspace: "default/op".to_owned(),
            workspace_uid: "1".to_owned(),
            document,
            clients,
            client_shards: 1,
            logos: fapi_config::Logos::new(),
            secrets: Secrets {
                keys: vec![
                    PrivateKey::new(signing.kid(), KeyState::Active, &signing.to_private_jwk()).unwrap(),
                ],
                seal: vec![SealKey { id: "1".to_owned(), key: SecretKey32::from_bytes([1; 32]) }],
                subject_salt: SecretKey32::from_bytes([2; 32]),
            },
            users: Some(users.into_bytes().into()),
            client_ca: Some(client_ca),
            crl: None,
        }
    }

    pub(crate) fn failures(report: &Report) -> Vec<String> {
        let of_step = |step: &flow::report::Step| {
            step.failed.iter().map(|text| format!("{}: {text}", step.name)).collect::<Vec<_>>()
        };
        report.steps.iter().flat_map(of_step).collect()
    }
}

use fapi_core::profile::ProfileName;
use fapictl::flow::report::Ending;
use serde_json::json;

use self::support::{Bank, failures};

#[tokio::test(flavor = "multi_thread")]
async fn every_way_through_the_profile_passes_all_checks() {
    let bank = Bank::open().await;
    for (client, options) in [
        ("jwt", &["--response", "jarm"][..]),
        ("jwt", &["--response", "hybrid"]),
        ("jwt", &["--response", "jarm", "--delivery", "by-value"]),
        ("jwt", &["--response", "hybrid", "--delivery", "by-value"]),
        ("encrypted", &["--response", "jarm-encrypted"]),
        ("self-signed", &["--auth", "self_signed_tls_client_auth"]),
        ("tls", &["--auth", "tls_client_auth"]),
        ("jwt", &["--deny"]),
        ("jwt", &["--deny", "--response", "hybrid"]),
    ] {
        let mut line = vec!["--client", client];
        line.extend(options);
        assert_passes(&bank, &line).await;
    }
}

/// PAR-12, RSP-05, DPO-07, DPO-09, DPO-11, DPO-12: FAPI 2.0, bound to a key and to a certificate, with and without nonces.
#[tokio::test(flavor = "multi_thread")]
async fn fapi_2_passes_all_checks_by_key_and_by_certificate() {
    for nonce in ["Never", "Required"] {
        let choices = json!({ "responses": ["Code", "CodeJarm"], "dpopNonce": nonce });
        let bank = Bank::open_as(ProfileName::FAPI2Security, &choices).await;
        for options in [
            &["--client", "jwt", "--binding", "dpop", "--response", "code"][..],
            &["--client", "jwt", "--binding", "dpop", "--response", "jarm"],
            &["--client", "bound", "--response", "code"],
            &["--client", "tls", "--auth", "tls_client_auth", "--binding", "dpop", "--response", "code"],
            &["--client", "jwt", "--binding", "dpop", "--response", "code", "--scope", "accounts"],
            &["--client", "jwt", "--binding", "dpop", "--response", "code", "--deny"],
        ] {
            assert_passes(&bank, options).await;
        }
        // Somebody who takes the one for the other notices.
        let report = bank.play(&["--client", "bound", "--binding", "dpop", "--response", "code"]).await;
        assert_eq!(report.ending, Ending::Failed, "DPO-09");
    }
}

/// RO-01, RSP-06, MS-R01, MS-R02: FAPI 2.0 Message Signing.
#[tokio::test(flavor = "multi_thread")]
async fn message_signing_passes_all_checks() {
    let bank = Bank::open_as(ProfileName::FAPI2MessageSigning, &json!({})).await;
    for options in [
        &["--client", "jwt", "--binding", "dpop"][..],
        &["--client", "bound"],
        &["--client", "jwt", "--binding", "dpop", "--deny"],
    ] {
        assert_passes(&bank, options).await;
    }
    let report = bank.play(&["--client", "jwt", "--binding", "dpop", "--response", "code"]).await;
    assert_eq!(report.ending, Ending::Failed, "MS-R02: no plain response");
}

async fn assert_passes(bank: &Bank, options: &[&str]) {
    let report = bank.play(options).await;
    assert_eq!(failures(&report), [""; 0], "{options:?}");
    let names: Vec<&str> = report.steps.iter().map(|step| step.name).collect();
    let last = if options.contains(&"--deny") { "response" } else { "replayed-code" };
    assert_eq!(names.last(), Some(&last), "{options:?}: {names:?}");
}
