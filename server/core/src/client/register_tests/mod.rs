//! What may not be registered: each refusal by its rule and field, beside its nearest neighbour that is accepted.

mod authentication;
mod messages;
mod reach;

use std::sync::LazyLock;

use fapi_jose::{Alg, Content, DecryptionKey, JwkSet, KeyManagement, SigningKey};

use super::*;
use crate::certificate::SubjectName;
use crate::fixture::{app_key, mallory_key, registration};
use crate::lifetime::Lifetime;
use crate::profile::ProfileName::*;
use crate::profile::{
    ClientAuth, Encryption, Overrides, ProfileName, Refusal, RequestDelivery, Response, Rules,
    SenderConstraint, SubjectType, narrow,
};
use crate::scope::Scopes;

static ENCRYPTION_KEY: LazyLock<DecryptionKey> =
    LazyLock::new(|| DecryptionKey::generate(KeyManagement::RsaOaep, 2048).unwrap());
static ED25519: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Alg::EdDsa, 2048).unwrap());

type Change = fn(&mut Registration);

fn rules(profile: ProfileName, say: impl FnOnce(&mut Overrides)) -> Rules {
    let mut overrides = Overrides::default();
    say(&mut overrides);
    narrow(profile.profile(), &overrides).unwrap()
}

fn register(rules: &Rules, change: impl FnOnce(&mut Registration)) -> Result<Client, Vec<Refusal>> {
    let scopes = Scopes::parse("openid offline_access accounts payments").unwrap();
    let resources = ["https://api.bank.example".to_owned()];
    let details_types = ["payment_initiation".to_owned()];
    let mut registration = registration("app", app_key());
    change(&mut registration);
    Client::register(
        &Offer {
            rules,
            scopes: &scopes,
            resources: &resources,
            details_types: &details_types,
            has_client_ca: true,
        },
        registration,
    )
}

#[track_caller]
fn claim(rules: &Rules, rule: &str, field: &str, forbidden: Change, allowed: Change) {
    let refused = register(rules, forbidden).expect_err(rule);
    let [refusal] = refused.as_slice() else { panic!("{rule}: {refused:?}") };
    assert_eq!((refusal.rule, refusal.field.as_str()), (rule, field), "{refusal}");
    assert!(!refusal.message.is_empty(), "{refusal}");
    if let Err(refused) = register(rules, allowed) {
        panic!("{rule}, its positive twin: {refused:?}");
    }
}

fn every_method() -> Rules {
    rules(Fintech, |say| {
        say.client_authentication =
            Some(vec![ClientAuth::PrivateKeyJwt, ClientAuth::Tls, ClientAuth::SelfSignedTls]);
    })
}

fn with_encryption_key(registration: &mut Registration) {
    let keys = vec![app_key().public().clone(), ENCRYPTION_KEY.public().clone()];
    registration.auth.jwks = Some(JwkSet::from_keys(keys));
}

const fn pair(algorithm: KeyManagement, content: Content) -> JoseChoice {
    JoseChoice { signing_algorithm: None, encryption: Some(EncryptionChoice { algorithm, content }) }
}

const fn signed(alg: Alg) -> JoseChoice {
    JoseChoice { signing_algorithm: Some(alg), encryption: None }
}

fn rules_of_brazil() -> Rules {
    rules(OpenBankingBrazil, |_| ())
}

/// Ten thousand of them are in one document: nothing is written that says nothing, and what is said comes back.
#[test]
fn a_registration_is_written_as_it_was_made_and_no_longer() {
    let plain = registration("app", app_key());
    let fields = |registration: &Registration| {
        let written = serde_json::to_value(registration).unwrap();
        assert_eq!(&serde_json::from_value::<Registration>(written.clone()).unwrap(), registration);
        written.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let before = fields(&plain);
    let mut full = plain.clone();
    full.request_object = signed(Alg::Es256);
    full.response = pair(KeyManagement::RsaOaep, Content::A256Gcm);
    full.lifetimes.access_token = Some(Lifetime::seconds(60));
    full.require_pushed_authorization_requests = true;
    let said: Vec<String> = fields(&full).into_iter().filter(|field| !before.contains(field)).collect();
    let expected = ["requirePushedAuthorizationRequests", "requestObject", "response", "lifetimes"];
    assert_eq!(said, expected);
}
