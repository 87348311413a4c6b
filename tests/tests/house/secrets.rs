//! Is anything secret compared in a time that tells how much of it is right? (`B-13`)
//!
//! Secrets have types, and no such type has `==`. Codes, tokens and cookies are looked up by a digest; what is compared at all is
//! compared by `subtle` or by `hmac::verify` of aws-lc-rs, in the places that are listed here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fapi_config::{PasswordHash, PrivateKey, SealKey, SecretKey32, Secrets};
use fapi_core::registry::SubjectSalt;
use fapi_core::secret::Secret;
use fapi_jose::{DecryptionKey, SigningKey};
use fapi_server::seal::Seal;

/// Which method there is for a type that has `==` is a question with two answers, and does not compile.
trait HasNoEquality<Marker> {
    const SHOWN: bool = true;
}

struct ByEquality;

impl<T: ?Sized> HasNoEquality<()> for T {}
impl<T: ?Sized + PartialEq> HasNoEquality<ByEquality> for T {}

/// `B-13`, `KEY-12`: this does not compile when one of them gets `==`.
#[test]
fn no_secret_can_be_compared_with_an_operator() {
    let shown = [
        <DecryptionKey as HasNoEquality<_>>::SHOWN,
        <PasswordHash as HasNoEquality<_>>::SHOWN,
        <PrivateKey as HasNoEquality<_>>::SHOWN,
        <Seal as HasNoEquality<_>>::SHOWN,
        <SealKey as HasNoEquality<_>>::SHOWN,
        <Secret as HasNoEquality<_>>::SHOWN,
        <SecretKey32 as HasNoEquality<_>>::SHOWN,
        <Secrets as HasNoEquality<_>>::SHOWN,
        <SigningKey as HasNoEquality<_>>::SHOWN,
        <SubjectSalt as HasNoEquality<_>>::SHOWN,
    ];
    assert!(shown.into_iter().all(|shown| shown), "B-13");
    // The positive twin: what is public, or stands in the place of a secret, may have it.
    let digest = fapi_core::secret::Digest::of(fapi_core::secret::Purpose::Code, "c");
    assert!(digest == digest.clone() && digest.matches(&digest), "B-13");
}

/// Where the text of a secret is read, and how often. To be sent to its owner, hashed, or checked in constant time.
const READ: &[(&str, usize, &str)] = &[
    ("server/config/src/registry.rs", 1, "becomes the key of an HMAC"),
    ("server/core/src/response/mod.rs", 1, "the code, sent to its client"),
    ("server/core/src/token/mod.rs", 1, "the verifier, hashed and compared by subtle"),
    ("server/src/context.rs", 1, "becomes the key of an HMAC"),
    ("server/src/extract.rs", 1, "a cookie, sent to its browser"),
    ("server/src/login.rs", 2, "how long a password is; the hash it is checked against"),
    ("server/src/password.rs", 1, "the password, hashed and compared by subtle"),
    ("server/src/routes/interaction.rs", 1, "the code, hashed into c_hash"),
    ("server/src/routes/login.rs", 1, "a cookie, checked by hmac::verify"),
    ("server/src/routes/par.rs", 1, "the request_uri, sent to its client"),
    ("server/src/routes/token.rs", 1, "the refresh token, sent to its client"),
    ("server/store/src/backend/postgres.rs", 1, "the address of the database"),
];

/// `B-13`: a new place that reads a secret has to be looked at by somebody, who writes it down above.
#[test]
fn a_secret_is_read_where_it_is_sent_hashed_or_checked() {
    let reads = each_source(&|name, source| {
        let reads = source.lines().filter(|line| line.contains(".expose()")).count();
        (reads > 0).then(|| (name.to_owned(), reads))
    });
    let found: BTreeMap<String, usize> = reads.into_iter().collect();
    let listed: BTreeMap<String, usize> =
        READ.iter().map(|(name, reads, _)| ((*name).to_owned(), *reads)).collect();
    assert_eq!(found, listed, "B-13: found, and listed in this test");
}

/// What is wrong with a line.
fn complaint(line: &str) -> Option<&'static str> {
    let code = line.split("//").next().unwrap_or_default();
    let compares = [" == ", " != ", "assert_eq!", "assert_ne!", ".eq(", ".ne(", ".cmp("];
    let is_length = code.contains(".expose().len()");
    if code.contains(".expose()") && !is_length && compares.iter().any(|word| code.contains(word)) {
        return Some("compares what a secret exposes: look it up by its digest, or use ct_eq");
    }
    let tagged = ["hmac::sign(", ".finish()", "c_hash", "tag.as_ref()"];
    if tagged.iter().any(|word| code.contains(word))
        && [" == ", " != "].iter().any(|word| code.contains(word))
    {
        return Some("compares a tag: use hmac::verify");
    }
    None
}

/// `B-13`: what replacing `ct_eq` by `==` would look like.
#[test]
fn nothing_that_a_secret_exposes_is_compared_by_an_operator() {
    let complaints: Vec<String> = each_source(&|name, source| {
        let complaints: Vec<String> = source
            .lines()
            .enumerate()
            .filter_map(|(at, line)| complaint(line).map(|why| format!("{name}:{}: {why}", at + 1)))
            .collect();
        (!complaints.is_empty()).then(|| complaints.join("\n"))
    });
    assert!(complaints.is_empty(), "B-13: {complaints:#?}");
    for wrong in [
        "if secret.expose() == presented {",
        "stored.key.expose() != other",
        "shown.expose().eq(wanted)",
        "hmac::sign(key, message).as_ref() == presented",
    ] {
        assert!(complaint(wrong).is_some(), "B-13 {wrong}");
    }
    for right in [
        "secret.expose().as_bytes().ct_eq(presented).into()",
        "hmac::verify(key, &message, &presented).is_ok()",
        "if secret.expose().len() == 43 {",
        "let name = format!(\"{}\", secret.expose()); // == is not code here",
    ] {
        assert!(complaint(right).is_none(), "B-13 {right}");
    }
}

/// `B-13`: the comparisons that there are.
#[test]
fn what_is_compared_is_compared_in_constant_time() {
    for (name, by) in [
        ("server/core/src/authorize/mod.rs", "hashed.as_bytes().ct_eq("),
        ("server/core/src/certificate/peer.rs", "as_bytes().ct_eq("),
        ("server/core/src/dpop.rs", "as_bytes().ct_eq("),
        ("server/core/src/secret.rs", "self.0.as_bytes().ct_eq("),
        ("server/src/password.rs", ".ct_eq("),
        ("server/src/seal.rs", "hmac::verify(key, &message, &presented)"),
    ] {
        let source = fs::read_to_string(super::repository().join(name)).unwrap_or_default();
        assert!(source.contains(by), "B-13: {name} compares in another way than {by}");
    }
}

/// What a function finds in each source of the product, its tests left out.
fn each_source<T>(look: &dyn Fn(&str, &str) -> Option<T>) -> Vec<T> {
    let mut found = Vec::new();
    for folder in ["server", "operator", "cli/src", "examples/bank/src"] {
        within(&super::repository().join(folder), &mut |path| {
            let name = path.strip_prefix(super::repository()).unwrap_or(path).to_string_lossy().into_owned();
            let is_test =
                ["/tests/", "/tests.rs", "_tests.rs", "/register_tests/", "/conformance/", "/fixture.rs"]
                    .iter()
                    .any(|part| name.contains(part));
            let source = fs::read_to_string(path).unwrap_or_default();
            if !is_test {
                found.extend(look(&name, product(&source)));
            }
        });
    }
    found
}

/// What stands before the tests of a file.
fn product(source: &str) -> &str {
    let tests = source
        .match_indices("#[cfg(test)]\nmod ")
        .find(|(at, mark)| source[at + mark.len()..].lines().next().is_some_and(|line| line.ends_with('{')));
    tests.map_or(source, |(at, _)| &source[..at])
}

fn within(folder: &Path, look: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            within(&path, look);
        } else if path.extension().is_some_and(|end| end == "rs") {
            look(&path);
        }
    }
}
