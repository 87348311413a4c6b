//! What is served while somebody has to approve it (`spec/api.md`, Approval), and what a Workspace says of its protection.

use fapi_crds::Reason;
use fapi_crds::condition::Status;
use fapi_crds::names::annotation::APPROVED_DIGEST;
use serde_json::json;

use crate::fixture::{client, found, found_client, jwks, key, value, workspace, workspace_with};
use crate::validate::{Found, FoundClient, Guard, Guards, validate};

fn budget() -> FoundClient {
    found_client(client("auth", "budget", &json!({})))
}

fn manual(clients: Vec<FoundClient>) -> Found {
    found(workspace_with(&json!({"allowedClients": {"approval": "Manual"}})), clients)
}

fn digest(found: &Found) -> String {
    validate(found).client("budget").facts.registration_digest.clone().unwrap()
}

impl Found {
    /// Somebody approves `budget` as it is.
    fn approved(mut self) -> Self {
        let digest = digest(&self);
        let annotations = self.client("budget").client.metadata.annotations.get_or_insert_default();
        annotations.insert(APPROVED_DIGEST.to_owned(), digest);
        self
    }

    fn with_uri(mut self, uri: &str) -> Self {
        self.client("budget").secrets.insert(key("app", "redirect-uris"), value(uri));
        self
    }
}

fn uris(found: &Found) -> Vec<String> {
    let verdict = validate(found);
    verdict.client("budget").registration.as_ref().map(|it| it.redirect_uris.clone()).unwrap_or_default()
}

fn approval(found: &Found) -> (Status, Reason) {
    let approved = validate(found).client("budget").approved.clone();
    (approved.status, approved.reason)
}

const PENDING: (Status, Reason) = (Status::False, Reason::ApprovalPending);
const APPROVED: (Status, Reason) = (Status::True, Reason::Approved);

#[test]
fn a_client_is_published_when_it_is_approved_and_not_before() {
    let asked = manual(vec![budget()]);
    assert_eq!((approval(&asked), validate(&asked).served()), (PENDING, vec![]));
    let message = validate(&asked).client("budget").approved.message.clone();
    assert!(message.contains(&digest(&asked)), "it says what to type: {message}");
    // Another's approval, and one of something else.
    let mut wrong = asked.clone();
    let annotations = wrong.client("budget").client.metadata.annotations.get_or_insert_default();
    annotations.insert(APPROVED_DIGEST.to_owned(), "sha256:00".to_owned());
    assert_eq!((approval(&wrong), validate(&wrong).served()), (PENDING, vec![]));

    let approved = asked.approved();
    assert_eq!((approval(&approved), validate(&approved).served()), (APPROVED, vec!["auth.budget"]));
}

/// What a Secret holds is part of what is approved: whoever may write it could otherwise take over the client.
#[test]
fn a_change_waits_and_the_registration_that_was_approved_last_goes_on() {
    let approved = manual(vec![budget()]).approved().published();
    let changed = approved.with_uri("https://mallory.example/cb");
    assert_eq!(approval(&changed), PENDING);
    assert_eq!(uris(&changed), ["https://app.example/cb"]);
    // However often somebody looks, and whoever looks anew: it is kept in what is published.
    let later = changed.published().published();
    assert_eq!((approval(&later), uris(&later)), (PENDING, vec!["https://app.example/cb".to_owned()]));
    // Back to what it was: that is still approved.
    assert_eq!(approval(&later.clone().with_uri("https://app.example/cb\n")), APPROVED);
    let approved = later.approved();
    assert_eq!(
        (approval(&approved), uris(&approved)),
        (APPROVED, vec!["https://mallory.example/cb".to_owned()])
    );
}

#[test]
fn disabling_and_deleting_ask_nobody() {
    let approved = manual(vec![budget()]).approved().published();
    let mut waiting = approved.with_uri("https://other.example/cb").published();
    let enabled = |found: &Found| validate(found).client("budget").registration.as_ref().unwrap().enabled;
    assert!(enabled(&waiting));
    waiting.client("budget").client.spec.enabled = false;
    assert!(!enabled(&waiting), "at once, though a change waits");
    let mut disabled = waiting.published();
    disabled.client("budget").client.spec.enabled = true;
    assert!(enabled(&disabled), "and back: it was approved as what it may do when it is enabled");
    assert_eq!(uris(&disabled), ["https://app.example/cb"]);

    disabled.client("budget").client.metadata.deletion_timestamp =
        Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    assert_eq!(validate(&disabled).served(), Vec::<&str>::new());
}

/// A tenant may write every annotation of its own Clients: only admission tells an approver from it.
#[test]
fn without_the_policy_no_approval_counts_and_nothing_that_works_is_lost() {
    let approved = manual(vec![budget()]).approved();
    let mut unguarded = approved.clone();
    unguarded.guards.approval = Guard::Missing;
    assert_eq!(approval(&unguarded), (Status::False, Reason::ApprovalUnavailable));
    assert_eq!(validate(&unguarded).served(), Vec::<&str>::new());

    let mut lost = approved.published();
    lost.guards.approval = Guard::Missing;
    assert_eq!(validate(&lost).served(), ["auth.budget"]);
    let changed = lost.with_uri("https://mallory.example/cb").approved();
    assert_eq!(uris(&changed), ["https://app.example/cb"]);
}

#[test]
fn what_was_published_before_anybody_had_to_approve_goes_on() {
    let mut before = found(workspace(), vec![budget()]).published();
    assert_eq!(approval(&before), APPROVED, "nobody has to");
    before.workspace = manual(Vec::new()).workspace;
    assert_eq!((approval(&before), validate(&before).served()), (PENDING, vec!["auth.budget"]));
    let changed = before.with_uri("https://mallory.example/cb");
    assert_eq!(uris(&changed), ["https://app.example/cb"]);
}

/// K-04: an approval is of one life of a Client.
#[test]
fn a_client_that_is_made_anew_has_to_be_approved_anew() {
    let approved = manual(vec![budget()]).approved().published();
    let mut again = approved;
    again.client("budget").client.metadata.uid = Some("another uid".to_owned());
    assert_eq!((approval(&again), validate(&again).served()), (PENDING, vec![]));
    assert_eq!(validate(&again).document().tombstones.len(), 1);
}

/// A key that is approved is that key: another one in the same Secret is not.
#[test]
fn another_key_is_another_registration() {
    let approved = manual(vec![budget()]).approved().published();
    let other = fapi_jose::SigningKey::generate(fapi_jose::Alg::Es256, 0).unwrap();
    let mut rotated = approved.clone();
    let keys = json!({"keys": [other.public().to_json()]}).to_string();
    rotated.client("budget").secrets.insert(key("app", "jwks.json"), value(keys));
    assert_eq!(approval(&rotated), PENDING);
    rotated.client("budget").secrets.insert(key("app", "jwks.json"), value(jwks()));
    assert_eq!(approval(&rotated), APPROVED);
}

#[test]
fn on_a_laptop_nobody_has_to_approve() {
    let mut laptop = manual(vec![budget()]);
    laptop.guards = Guards::LAPTOP;
    assert_eq!((approval(&laptop), validate(&laptop).served()), (APPROVED, vec!["auth.budget"]));
}

#[test]
fn a_workspace_says_whether_anything_protects_it() {
    let mut found = found(workspace_with(&json!({"deletionProtection": true})), Vec::new());
    let protected = validate(&found).workspace;
    assert!(protected.accepted.is_true());
    assert!(protected.deletion_protected.unwrap().is_true());
    found.guards.deletion = Guard::Missing;
    let open = validate(&found).workspace.deletion_protected.unwrap();
    assert_eq!((open.status, open.reason), (Status::False, Reason::PolicyNotInstalled));
    assert!(open.message.contains("policies.enabled"), "{}", open.message);
    found.workspace = workspace();
    assert!(validate(&found).workspace.deletion_protected.is_none(), "nobody asked for it");
}
