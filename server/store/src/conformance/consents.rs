//! What a person agreed to and may take back.

use fapi_core::Timestamp;
use fapi_core::grant::Grant;
use fapi_core::ids::{GrantId, Subject};
use fapi_core::scope::Scopes;
use fapi_core::secret::Purpose;

use super::{Journey, NOON, Pair, Shown, later};
use crate::{Claim, Issuing, Redemption, Replacement, Session, Store, StoreError, Withdrawal};

fn alice() -> Subject {
    Subject::from_stored("alice")
}

/// A code of Alice's, of a request that arrived then.
async fn agreed_at(journey: &Journey, store: &Store, created: Timestamp) -> Result<(), StoreError> {
    let browser = journey.digest(Purpose::Browser);
    store.push(&Grant { created, ..journey.pushed() }, None).await?;
    let _ = store.open_grant(&journey.opened()).await?;
    assert_eq!(store.authenticate(&journey.authenticated(&browser, "alice")).await?, Claim::Won);
    assert_eq!(store.consent(&journey.consented(&browser, "alice")).await?, Claim::Won);
    assert_eq!(store.issue_code(&journey.code_issued()).await?, Issuing::Issued);
    Ok(())
}

async fn names(store: &Store, subject: &str, recent: i64, limit: u32) -> Result<Vec<String>, StoreError> {
    let held = store.held(&Subject::from_stored(subject), later(recent), limit, later(100)).await?;
    Ok(held.into_iter().map(|held| held.grant.id.to_string()).collect())
}

/// `REV-05`: what a person is shown.
pub async fn a_person_sees_what_of_theirs_goes_on_the_newest_first(db: Pair) -> Shown {
    let [refreshed, code, bare] = ["refreshed", "code", "bare"].map(Journey::new);
    for (journey, created) in [(&bare, 10), (&refreshed, 20), (&code, 30)] {
        agreed_at(journey, &db.one, later(created)).await?;
    }
    // One has a refresh token, one a code, one had an access token and nothing else.
    for (journey, token) in [(&refreshed, Some(refreshed.refresh_token())), (&bare, None)] {
        let won = db.one.redeem(&journey.redeemed(), &journey.digest(Purpose::Code), token.as_ref()).await?;
        assert_eq!(won, Redemption::Won);
    }
    // Nobody agreed to these.
    Journey::new("pushed").push(&db.one).await?;
    Journey::new("consented").consent(&db.one).await?;

    assert_eq!(names(&db.other, "alice", 0, 9).await?, ["grant-code", "grant-refreshed", "grant-bare"]);
    assert_eq!(
        names(&db.other, "alice", 25, 9).await?,
        ["grant-code", "grant-refreshed"],
        "REV-05: it is over"
    );
    assert_eq!(names(&db.other, "alice", 0, 1).await?, ["grant-code"]);
    assert!(names(&db.other, "bob", 0, 9).await?.is_empty(), "REV-05: another person's");

    let held = db.one.held(&alice(), NOON, 9, later(100)).await?;
    let refreshable: Vec<_> = held.iter().map(|held| held.refreshable).collect();
    assert_eq!(refreshable, [None, Some(refreshed.refresh_token().expires), None]);
    assert_eq!(held.first().map(|held| held.grant.stage.name()), Some("code_issued"));
    let late = refreshed.refresh_token().expires + fapi_core::Lifetime::seconds(1);
    assert!(db.one.held(&alice(), late, 9, late).await?.is_empty(), "REV-05: it has ended by itself");
    Ok(())
}

/// `REV-05`, `REF-12`: as a revocation, and nobody remembers that the person agreed.
pub async fn a_withdrawn_grant_has_no_tokens_and_is_not_remembered(db: Pair) -> Shown {
    let (journey, spared) = (Journey::new("a"), Journey::new("b").of("other-app", "life-1"));
    journey.redeem(&db.one).await?;
    spared.redeem(&db.one).await?;
    let scope = Scopes::parse("openid accounts").expect("two scopes");
    let session = |name: &str, subject: &str| Session {
        id: Journey::new(name).digest(Purpose::Session),
        sid: name.into(),
        person: journey.person(subject),
        idle_until: later(1000),
        absolute_until: later(1000),
    };
    let sessions = [session("phone", "alice"), session("laptop", "alice"), session("hers", "bob")];
    for session in &sessions {
        db.one.open_session(session).await?;
        for of in [&journey, &spared] {
            db.one.remember_consent(&session.id, of.client(), of.incarnation(), &scope).await?;
        }
    }

    let (grant, token) = (journey.pushed().id, journey.digest(Purpose::RefreshToken));
    let withdrawn = db.other.withdraw(&grant, &alice(), later(5), later(305)).await?;
    assert_eq!(withdrawn, Withdrawal::Withdrawn(journey.client().clone()));
    assert!(db.one.denied("jti", &grant).await?, "REV-05, REV-03");
    assert_eq!(db.one.lookup(&token).await?, None, "REV-05, REV-03");
    let replaced = db.one.replace(&token, &journey.refresh_token(), later(100), later(6)).await?;
    assert_eq!(replaced, Replacement::Gone, "REV-05");
    assert_eq!(db.one.by_id(&grant).await?.map(|grant| grant.stage.name()), Some("revoked"));
    assert_eq!(names(&db.one, "alice", 0, 9).await?, ["grant-b"]);
    for (session, of, known) in [
        (&sessions[0], &journey, false),
        (&sessions[1], &journey, false),
        (&sessions[2], &journey, true),
        (&sessions[0], &spared, true),
    ] {
        let found = db.one.remembered(&session.id, of.client(), of.incarnation()).await?;
        assert_eq!(found.is_some(), known, "REV-05 {}", session.sid);
    }
    assert!(db.one.lookup(&spared.digest(Purpose::RefreshToken)).await?.is_some(), "another grant goes on");

    // Again is fine, and says the same.
    let again = db.one.withdraw(&grant, &alice(), later(7), later(307)).await?;
    assert_eq!(again, Withdrawal::Withdrawn(journey.client().clone()));
    Ok(())
}

/// `REV-05`: whatever name of a grant somebody guesses.
pub async fn a_grant_of_another_person_is_not_withdrawn(db: Pair) -> Shown {
    let journey = Journey::new("a");
    journey.redeem(&db.one).await?;
    let grant = journey.pushed().id;
    for (id, subject) in [(&grant, "bob"), (&grant, ""), (&GrantId::from_stored("unknown"), "alice")] {
        let subject = Subject::from_stored(subject);
        let refused = db.other.withdraw(id, &subject, later(5), later(305)).await?;
        assert_eq!(refused, Withdrawal::NotTheirs, "REV-05 {id}");
    }
    assert_eq!(db.one.by_id(&grant).await?, Some(journey.redeemed()), "REV-05");
    assert!(!db.one.denied("jti", &grant).await?, "REV-05");
    assert!(db.one.lookup(&journey.digest(Purpose::RefreshToken)).await?.is_some(), "REV-05");
    Ok(())
}
