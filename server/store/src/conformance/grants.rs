//! Grants, one caller at a time.

use fapi_core::grant::Grant;
use fapi_core::ids::GrantId;
use fapi_core::secret::{Digest, Purpose};

use super::{Journey, NOON, Pair, Shown, later};
use crate::{Claim, Issuing, Redemption, StoreError};

fn another_browser() -> Digest {
    Digest::of(Purpose::Browser, "another")
}

/// Whatever a request holds: quotes, zero characters, other scripts.
pub async fn a_grant_comes_back_as_it_was_stored(db: Pair) -> Shown {
    let journey = Journey::new("a");
    let (browser, id) = (journey.digest(Purpose::Browser), journey.pushed().id);
    journey.push(&db.one).await?;
    assert_eq!(db.other.by_id(&id).await?, Some(journey.pushed()));
    let uri = journey.digest(Purpose::RequestUri);
    assert_eq!(db.other.by_request_uri(&uri).await?, Some(journey.pushed()));

    let _ = db.one.open_grant(&journey.opened()).await?;
    assert_eq!(db.other.by_id(&id).await?, Some(journey.opened()));
    assert_eq!(db.one.authenticate(&journey.authenticated(&browser, "alice")).await?, Claim::Won);
    assert_eq!(db.other.by_id(&id).await?, Some(journey.authenticated(&browser, "alice")));
    assert_eq!(db.one.consent(&journey.consented(&browser, "alice")).await?, Claim::Won);
    assert_eq!(db.other.by_id(&id).await?, Some(journey.consented(&browser, "alice")));
    assert_eq!(db.one.issue_code(&journey.code_issued()).await?, Issuing::Issued);
    assert_eq!(db.other.by_id(&id).await?, Some(journey.code_issued()));
    let code = journey.digest(Purpose::Code);
    assert_eq!(db.one.redeem(&journey.redeemed(), &code, None).await?, Redemption::Won);
    assert_eq!(db.other.by_code(&code).await?, Some(journey.redeemed()));
    Ok(())
}

/// `TOK-03`: also a used code is found, so that its second use is recognised.
pub async fn a_code_leads_to_its_grant_and_an_unknown_one_nowhere(db: Pair) -> Shown {
    let (journey, unknown) = (Journey::new("a"), Journey::new("b"));
    journey.issue_code(&db.one).await?;
    let code = journey.digest(Purpose::Code);
    assert_eq!(db.other.by_code(&code).await?, Some(journey.code_issued()));
    assert_eq!(db.other.by_code(&unknown.digest(Purpose::Code)).await?, None);
    assert_eq!(
        db.one.redeem(&unknown.redeemed(), &unknown.digest(Purpose::Code), None).await?,
        Redemption::Gone
    );
    assert_eq!(
        db.one.redeem(&journey.redeemed(), &unknown.digest(Purpose::Code), None).await?,
        Redemption::Gone
    );
    assert_eq!(db.one.redeem(&journey.redeemed(), &code, None).await?, Redemption::Won);
    let again = db.other.redeem(&journey.redeemed(), &code, None).await?;
    assert_eq!(again, Redemption::AlreadyRedeemed(journey.pushed().id), "TOK-03");
    Ok(())
}

/// `L3`: one kind of secret is never found where another is asked for, even if somebody stored the very same digest.
pub async fn a_code_and_a_refresh_token_are_never_taken_for_each_other(db: Pair) -> Shown {
    let journey = Journey::new("a");
    journey.redeem(&db.one).await?;
    let digests = [
        journey.digest(Purpose::Code),
        journey.digest(Purpose::RefreshToken),
        journey.digest(Purpose::RequestUri),
        journey.digest(Purpose::Browser),
    ];
    for digest in &digests {
        let is = |purpose| *digest == journey.digest(purpose);
        assert_eq!(db.one.by_code(digest).await?.is_some(), is(Purpose::Code), "{digest:?}");
        assert_eq!(db.one.lookup(digest).await?.is_some(), is(Purpose::RefreshToken), "{digest:?}");
        assert_eq!(db.one.by_request_uri(digest).await?.is_some(), is(Purpose::RequestUri), "{digest:?}");
        assert!(!db.one.spent(digest).await?, "{digest:?}");
        assert_eq!(db.one.session(digest, NOON).await?, None, "{digest:?}");
        assert_eq!(db.one.by_id(&GrantId::from_stored(digest.as_str())).await?, None, "{digest:?}");
    }
    Ok(())
}

/// `PAR-10`: a reload, or a link preview, is no sign-in.
pub async fn several_browsers_may_open_one_request(db: Pair) -> Shown {
    let journey = Journey::new("a");
    journey.open(&db.one).await?;
    assert_eq!(db.other.open_grant(&journey.opened()).await?, Some(journey.opened()));

    let browser = journey.digest(Purpose::Browser);
    let claimed = journey.authenticated(&browser, "alice");
    assert_eq!(db.one.authenticate(&claimed).await?, Claim::Won);
    assert_eq!(
        db.other.open_grant(&journey.opened()).await?,
        Some(claimed),
        "who comes later sees how far it is"
    );
    assert_eq!(db.one.open_grant(&Journey::new("b").opened()).await?, None, "unknown, or purged");
    Ok(())
}

/// Two tabs of one browser: what Alice was asked is not answered for Bob, who signed in in the meantime.
pub async fn nobody_agrees_for_another_person(db: Pair) -> Shown {
    let journey = Journey::new("a");
    let browser = journey.digest(Purpose::Browser);
    journey.open(&db.one).await?;
    assert_eq!(db.one.authenticate(&journey.authenticated(&browser, "alice")).await?, Claim::Won);
    assert_eq!(db.one.authenticate(&journey.authenticated(&browser, "bob")).await?, Claim::Won);

    assert_eq!(db.one.consent(&journey.consented(&browser, "alice")).await?, Claim::Taken);
    let other = another_browser();
    assert_eq!(db.one.consent(&journey.consented(&other, "bob")).await?, Claim::Taken);
    assert_eq!(db.one.deny(&journey.denied(&other, "bob")).await?, Claim::Taken);
    assert_eq!(db.one.consent(&journey.consented(&browser, "bob")).await?, Claim::Won);
    Ok(())
}

/// Every step looks at the stage it comes from.
pub async fn skipping_a_step_claims_nothing(db: Pair) -> Shown {
    let journey = Journey::new("a");
    let browser = journey.digest(Purpose::Browser);
    journey.push(&db.one).await?;
    assert_eq!(db.one.authenticate(&journey.authenticated(&browser, "alice")).await?, Claim::Taken);
    assert_eq!(db.one.consent(&journey.consented(&browser, "alice")).await?, Claim::Taken);
    assert_eq!(db.one.issue_code(&journey.code_issued()).await?, Issuing::AlreadyDone);
    let code = journey.digest(Purpose::Code);
    assert_eq!(db.one.redeem(&journey.redeemed(), &code, None).await?, Redemption::Gone);

    // Nor does a grant in a stage that the verb is not about.
    assert_eq!(db.one.authenticate(&journey.opened()).await?, Claim::Taken);
    assert_eq!(db.one.issue_code(&journey.redeemed()).await?, Issuing::AlreadyDone);
    assert_eq!(db.one.redeem(&journey.code_issued(), &code, None).await?, Redemption::Gone);
    assert_eq!(db.one.by_id(&journey.pushed().id).await?, Some(journey.pushed()));
    Ok(())
}

/// `INV-16`: a request object by value is spent by its answer, not by opening it.
pub async fn a_request_object_leads_to_one_answer(db: Pair) -> Shown {
    let (first, second) = (Journey::new("a").by_value("jws"), Journey::new("b").by_value("jws"));
    first.consent(&db.one).await?;
    second.consent(&db.other).await?;
    let object = Digest::of(Purpose::RequestObject, "jws");
    assert!(!db.other.spent(&object).await?, "a reload before the answer works");

    assert_eq!(db.one.issue_code(&first.code_issued()).await?, Issuing::Issued);
    assert!(db.other.spent(&object).await?);
    assert_eq!(db.other.issue_code(&second.code_issued()).await?, Issuing::Replayed);
    assert_eq!(db.one.by_code(&second.digest(Purpose::Code)).await?, None, "nothing of it stays");

    let unrelated = Journey::new("c").by_value("another jws");
    unrelated.issue_code(&db.one).await
}

/// `INV-16`, for errors.
pub async fn an_error_answer_leaves_once_and_spends_the_request_object(db: Pair) -> Shown {
    let journey = Journey::new("a").by_value("jws");
    let browser = journey.digest(Purpose::Browser);
    journey.open(&db.one).await?;
    let denied = journey.opened().deny(None, fapi_core::grant::ErrorName::LoginRequired, NOON);
    let denied = denied.expect("a request can be refused before anybody signs in");
    assert_eq!(db.one.deny(&denied).await?, Claim::Won);
    assert_eq!(db.other.authenticate(&journey.authenticated(&browser, "alice")).await?, Claim::Taken);

    let closed = denied.close(NOON);
    assert_eq!(db.one.close_grant(&closed).await?, Issuing::Issued);
    assert_eq!(db.other.close_grant(&closed).await?, Issuing::AlreadyDone);
    assert!(db.other.spent(&Digest::of(Purpose::RequestObject, "jws")).await?);
    assert_eq!(db.other.by_id(&closed.id).await?, Some(closed));
    Ok(())
}

/// `H-11`: one client's flood is its own; what ended or was opened does not count, and requests that came by value count apart.
pub async fn a_client_cannot_fill_the_store(mut db: Pair) -> Shown {
    db.one.requests_per_client = 3;
    let numbered = |n: i64| Journey::new(&n.to_string());
    for n in 0..3 {
        numbered(n).push(&db.one).await?;
    }
    let refused = numbered(3).push(&db.one).await;
    assert_eq!(refused, Err(StoreError::Full { client: "budget-app".into(), limit: 3 }));
    assert_eq!(db.other.by_id(&numbered(3).pushed().id).await?, None);

    numbered(4).of("another-app", "life-1").push(&db.one).await?;
    numbered(5).by_value("jws").push(&db.one).await?;

    // One is opened.
    let _ = db.one.open_grant(&numbered(0).opened()).await?;
    numbered(3).push(&db.one).await?;
    assert!(numbered(6).push(&db.one).await.is_err());

    // All have ended, though nobody has purged them.
    let late = Grant { created: later(61), ..numbered(6).pushed() };
    db.one.push(&late, None).await?;
    Ok(())
}
