//! A short fixed number of inputs for every target: the corpus, and mutations of it that are the same in every run.

use std::collections::BTreeSet;
use std::path::Path;

use fapi_fuzz::targets::ALL;

macro_rules! each {
    ($($name:ident),+ $(,)?) => {
        mod no_input_breaks {
            $(#[test]
            fn $name() {
                super::holds(stringify!($name));
            })+
        }
        const TESTED: &[&str] = &[$(stringify!($name)),+];
    };
}

each! {
    authority,
    authorization_details,
    authorization_request,
    bundle,
    certificate,
    claims_parameter,
    client_cert,
    client_assertion,
    cookies,
    dn_der,
    dn_text,
    dpop_proof,
    form,
    id_token_hint,
    jwe,
    jwk,
    jwk_set,
    jws,
    logo,
    manifest_yaml,
    nested_request_object,
    other_headers,
    par_form,
    pem_text,
    private_key,
    redirect_uri,
    request_object,
    revocation_list,
    san,
    token_form,
    users,
}

fn holds(name: &str) {
    let target = ALL.iter().find(|target| target.name == name).expect("a target of this name");
    target.try_short();
}

#[test]
fn every_target_has_a_test_and_a_corpus_and_nothing_else_has() {
    let targets: BTreeSet<&str> = ALL.iter().map(|target| target.name).collect();
    assert_eq!(targets, TESTED.iter().copied().collect());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let entries = std::fs::read_dir(folder).expect("the corpus");
    let names: BTreeSet<String> =
        entries.map(|entry| entry.expect("a folder").file_name().into_string().expect("text")).collect();
    assert_eq!(targets, names.iter().map(String::as_str).collect());
}
