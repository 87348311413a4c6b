use fapi_config::Png;
use fapi_core::logo::LogoId;
use fapi_crds::Reason;
use fapi_crds::condition::Status;
use serde_json::json;

use crate::fixture::{client, desired, found, found_client, workspace, workspace_with};
use crate::logo::{Logo, LogoError};
use crate::rotate::KeySet;
use crate::validate::{FoundClient, FoundLogo, Missing, validate};

fn picture(content: u8, bytes: usize) -> Logo {
    let bytes = [b"\x89PNG\r\n\x1a\n".as_slice(), &vec![content; bytes]].concat();
    Logo { id: LogoId::of(&bytes), png: Png::from(bytes) }
}

fn showing(name: &str, logo: FoundLogo) -> FoundClient {
    let client = client("auth", name, &json!({"logo": {"name": "brand", "key": "logo.png"}}));
    FoundClient { logo: Some(logo), ..found_client(client) }
}

fn one_shard() -> fapi_crds::Workspace {
    workspace_with(&json!({"config": {"clientShards": 1}}))
}

/// `B-06`: the name of the picture in the client's entry, the bytes beside it.
#[test]
fn a_logo_is_published_beside_the_client_that_shows_it() {
    let logo = picture(1, 100);
    let found = found(workspace(), vec![showing("budget", FoundLogo::Drawn(logo.clone()))]);
    let verdict = validate(&found);
    let budget = verdict.client("budget");
    assert!(budget.accepted.is_true() && budget.resolved_refs.is_true(), "{}", budget.accepted.message);
    assert_eq!(budget.registration.as_ref().unwrap().logo.as_ref(), Some(&logo.id), "B-06");
    let publication = verdict.publication.as_ref().unwrap();
    assert_eq!(publication.logos.get(&logo.id), Some(&logo.png));

    let objects = desired(&found, &verdict, &KeySet::default());
    let secret = objects.iter().find(|object| object.name().starts_with("retail-logos-")).unwrap();
    let pods = objects.iter().find(|object| object.kind() == "Deployment").unwrap();
    assert!(pods.patch().to_string().contains(secret.name()), "the pods mount it");
    assert_eq!(
        found.published().previous.unwrap().logos.get(&logo.id),
        Some(&logo.png),
        "and it is read back"
    );
}

/// `B-06`: said with what to write instead; what was shown before goes on for the grace, as other unreadable material does.
#[test]
fn a_logo_that_is_not_shown_is_explained_and_the_last_good_one_goes_on_for_a_while() {
    let logo = picture(1, 100);
    for (wrong, reason, said) in [
        (
            FoundLogo::Missing(Missing::ConfigMapNotFound),
            Reason::ConfigMapNotFound,
            "ConfigMap auth/brand does not exist",
        ),
        (
            FoundLogo::Missing(Missing::KeyNotFound),
            Reason::KeyNotFound,
            "ConfigMap auth/brand key logo.png does not exist",
        ),
        (
            FoundLogo::read(true, Some(b"canary")),
            Reason::InvalidData,
            "ConfigMap auth/brand key logo.png stands in data: write it to binaryData",
        ),
        (
            FoundLogo::read(false, Some(b"<svg onload='canary'/>")),
            Reason::InvalidData,
            "ConfigMap auth/brand key logo.png is no PNG: export the logo as PNG",
        ),
        (
            FoundLogo::Refused(LogoError::TooManyPixels { width: 900, height: 9 }),
            Reason::InvalidData,
            "scale it down",
        ),
    ] {
        let fresh = found(workspace(), vec![showing("budget", wrong.clone())]);
        let verdict = validate(&fresh);
        let budget = verdict.client("budget");
        assert_eq!(
            (budget.accepted.status, budget.accepted.reason),
            (Status::Unknown, Reason::Pending),
            "B-06"
        );
        assert_eq!(
            (budget.resolved_refs.status, budget.resolved_refs.reason),
            (Status::False, reason),
            "B-06"
        );
        assert!(
            budget.resolved_refs.message.starts_with(said) || budget.resolved_refs.message.contains(said),
            "B-06 {}",
            budget.resolved_refs.message
        );
        assert!(!budget.resolved_refs.message.contains("canary"), "K-10");
        assert!(verdict.served().is_empty(), "B-06");

        let mut edited =
            found(workspace(), vec![showing("budget", FoundLogo::Drawn(logo.clone()))]).published();
        edited.client("budget").logo = Some(wrong);
        let verdict = validate(&edited);
        let budget = verdict.client("budget");
        assert_eq!(budget.resolved_refs.reason, Reason::StaleSecret, "{}", budget.resolved_refs.message);
        assert_eq!(budget.registration.as_ref().unwrap().logo.as_ref(), Some(&logo.id));
        assert!(verdict.publication.as_ref().unwrap().logos.contains_key(&logo.id), "with its bytes");
        let over = edited.published().later(3600);
        assert!(validate(&over).served().is_empty(), "and no longer");
        assert!(validate(&over).publication.unwrap().logos.is_empty());
    }
}

/// Shown or not is never decided by who writes last: what is shown goes on, and the file that is written fits into its Secret.
#[test]
fn where_there_is_no_room_the_newest_picture_is_refused_and_no_client_that_is_served() {
    let full = || (0..11_u8).map(|content| (format!("shop-{content:02}"), picture(content, 64 * 1000)));
    let showing_one = |(name, logo): (String, Logo)| showing(&name, FoundLogo::Drawn(logo));
    let mut crowded = found(one_shard(), full().map(showing_one).collect()).published();
    assert_eq!(validate(&crowded).served().len(), 11);
    assert_eq!(crowded.previous.as_ref().unwrap().logos.len(), 11);

    // A newcomer, and somebody who has been there without a picture.
    crowded.clients.push(showing("zoo", FoundLogo::Drawn(picture(200, 64 * 1000))));
    crowded.clients.push(found_client(client("auth", "aaa", &json!({}))));
    let mut crowded = crowded.published();
    *crowded.client("aaa") = showing("aaa", FoundLogo::Drawn(picture(201, 64 * 1000)));
    let verdict = validate(&crowded);
    for name in ["zoo", "aaa"] {
        let accepted = &verdict.client(name).accepted;
        assert_eq!((accepted.status, accepted.reason), (Status::False, Reason::CapacityExceeded));
        assert!(accepted.message.contains("raise config.clientShards"), "{}", accepted.message);
    }
    let served = verdict.served();
    assert!(!served.contains(&"auth.zoo"), "new: not before it fits");
    assert_eq!(verdict.client("aaa").registration.as_ref().unwrap().logo, None, "served as it was");
    assert_eq!(served.len(), 12);
    assert_eq!(verdict.publication.as_ref().unwrap().logos.len(), 11, "nobody has lost a picture");
    for object in &desired(&crowded, &verdict, &KeySet::default()) {
        if let crate::build::Object::Secret(secret) = object {
            let bytes: usize = secret.data.iter().flatten().map(|(_, value)| value.0.len()).sum();
            assert!(bytes <= 1024 * 1024, "{}: {bytes} bytes", object.name());
        }
    }

    // The same picture takes no room twice, and one that goes leaves some.
    *crowded.client("aaa") = showing("aaa", FoundLogo::Drawn(picture(0, 64 * 1000)));
    assert!(validate(&crowded).client("aaa").accepted.is_true());
    let roomier = crowded.without("shop-10");
    assert!(validate(&roomier).client("zoo").accepted.is_true());
}

#[test]
fn a_picture_that_somebody_took_out_of_the_file_holds_nobody_back() {
    let mut published =
        found(workspace(), vec![showing("budget", FoundLogo::Drawn(picture(1, 10)))]).published();
    published.previous.as_mut().unwrap().logos.clear();
    published.client("budget").logo = Some(FoundLogo::Missing(Missing::ConfigMapNotFound));
    let verdict = validate(&published);
    assert_eq!(verdict.served(), ["auth.budget"]);
    assert_eq!(
        verdict.client("budget").registration.as_ref().unwrap().logo,
        None,
        "rather than a file that no server loads"
    );
}
