//! Many callers at the same moment, on two replicas.

use fapi_core::secret::{Digest, Purpose};

use super::{Journey, NOON, Pair, Shown, at_once, count, later};
use crate::{Claim, FirstUse, Issuing, Redemption, Revocation};

/// How many call at once.
const CROWD: usize = 64;

/// `P-01`, `TOK-04`, `I1`: of 64 exchanges of one code on two replicas one succeeds, and the others know whose it was. Each
/// brings a refresh token of its own, and only the winner's is there afterwards.
pub async fn one_of_many_simultaneous_redeems_wins(db: Pair) -> Shown {
    let journey = Journey::new("a");
    journey.issue_code(&db.one).await?;
    let token = move |n: usize| {
        let id = Digest::of(Purpose::RefreshToken, &n.to_string());
        fapi_core::token::RefreshToken { id, ..Journey::new("a").refresh_token() }
    };
    let outcomes = at_once(&db, CROWD, |n, store| {
        let (grant, code) = (journey.redeemed(), journey.digest(Purpose::Code));
        async move { store.redeem(&grant, &code, Some(&token(n))).await }
    })
    .await?;
    assert_eq!(count(&outcomes, &Redemption::Won), 1, "{outcomes:?}");
    assert_eq!(
        count(&outcomes, &Redemption::AlreadyRedeemed(journey.pushed().id)),
        CROWD - 1,
        "{outcomes:?}"
    );
    for (n, outcome) in outcomes.iter().enumerate() {
        let there = db.other.lookup(&token(n).id).await?.is_some();
        assert_eq!(there, *outcome == Redemption::Won, "the refresh token of attempt {n}");
    }
    Ok(())
}

/// A shared link: whoever signs in first owns the interaction, and nobody else can continue it.
pub async fn of_two_browsers_that_sign_in_one_claims_it(db: Pair) -> Shown {
    let journey = Journey::new("a");
    journey.open(&db.one).await?;
    let browser = |n: usize| Digest::of(Purpose::Browser, &n.to_string());
    let outcomes = at_once(&db, CROWD, |n, store| {
        let grant = journey.authenticated(&browser(n), "alice");
        async move { store.authenticate(&grant).await }
    })
    .await?;
    assert_eq!(count(&outcomes, &Claim::Won), 1, "{outcomes:?}");
    for (n, outcome) in outcomes.iter().enumerate() {
        let consent = db.one.consent(&journey.consented(&browser(n), "alice")).await?;
        assert_eq!(consent, *outcome, "browser {n}: who claimed it goes on, and nobody else");
    }
    Ok(())
}

/// A double click, or two tabs.
pub async fn of_consent_and_denial_one_counts(db: Pair) -> Shown {
    let journey = Journey::new("a");
    let browser = journey.digest(Purpose::Browser);
    journey.open(&db.one).await?;
    assert_eq!(db.one.authenticate(&journey.authenticated(&browser, "alice")).await?, Claim::Won);
    let (yes, no) = (journey.consented(&browser, "alice"), journey.denied(&browser, "alice"));
    let outcomes = at_once(&db, CROWD, |n, store| {
        // Each decision on each replica.
        let answer = if n % 4 < 2 { yes.clone() } else { no.clone() };
        async move { store.consent(&answer).await.map(|claim| (claim, answer)) }
    })
    .await?;
    let mut winners = outcomes.into_iter().filter(|(claim, _)| *claim == Claim::Won);
    let winner = winners.next().map(|(_, answer)| answer);
    assert_eq!(winners.count(), 0);
    assert_eq!(db.other.by_id(&yes.id).await?, winner);
    Ok(())
}

/// `INV-16`, `P-08`: one request, one answer.
pub async fn of_many_answers_one_leaves(db: Pair) -> Shown {
    let journey = Journey::new("a").by_value("jws");
    journey.consent(&db.one).await?;
    let outcomes = at_once(&db, CROWD, |_, store| {
        let grant = journey.code_issued();
        async move { store.issue_code(&grant).await }
    })
    .await?;
    assert_eq!(count(&outcomes, &Issuing::Issued), 1, "{outcomes:?}");
    assert_eq!(count(&outcomes, &Issuing::AlreadyDone), CROWD - 1, "{outcomes:?}");
    Ok(())
}

/// `INV-16`: somebody opens a link with a request object again and again; of all the grants that came of it one leads to an
/// answer, and the others are as they were.
pub async fn of_many_grants_from_one_object_one_leads_to_an_answer(db: Pair) -> Shown {
    let journeys: Vec<_> = (0..CROWD).map(|n| Journey::new(&n.to_string()).by_value("jws")).collect();
    for journey in &journeys {
        journey.consent(&db.one).await?;
    }
    let outcomes = at_once(&db, CROWD, |n, store| {
        let grant = journeys.get(n).map(Journey::code_issued).expect("one for each");
        async move { store.issue_code(&grant).await }
    })
    .await?;
    assert_eq!(count(&outcomes, &Issuing::Issued), 1, "{outcomes:?}");
    assert_eq!(count(&outcomes, &Issuing::Replayed), CROWD - 1, "{outcomes:?}");
    for (journey, outcome) in journeys.iter().zip(outcomes) {
        let stage = db.other.by_id(&journey.pushed().id).await?.map(|grant| grant.stage.name());
        let expected = if outcome == Issuing::Issued { "code_issued" } else { "consented" };
        assert_eq!(stage, Some(expected));
        assert_eq!(
            db.one.by_code(&journey.digest(Purpose::Code)).await?.is_some(),
            outcome == Issuing::Issued
        );
    }
    Ok(())
}

/// `P-07`, `CA-05`, `I1`.
pub async fn of_many_first_uses_one_is_first(db: Pair) -> Shown {
    let digest = Digest::of_parts(Purpose::Jti, &["budget-app", "jti-1"]);
    let again = digest.clone();
    let outcomes = at_once(&db, CROWD, |_, store| {
        let digest = digest.clone();
        async move { store.first_use(&digest, later(90), NOON).await }
    })
    .await?;
    assert_eq!(count(&outcomes, &FirstUse::First), 1, "{outcomes:?}");

    // Long after its life the identifier may come again, before anybody purged it: then, too, one is first.
    let outcomes = at_once(&db, CROWD, |_, store| {
        let digest = again.clone();
        async move { store.first_use(&digest, later(290), later(200)).await }
    })
    .await?;
    assert_eq!(count(&outcomes, &FirstUse::First), 1, "{outcomes:?}");
    Ok(())
}

/// `P-23`: whichever comes first, afterwards there is no refresh token and the grant is denied.
pub async fn of_redemption_and_revocation_no_token_survives(db: Pair) -> Shown {
    for round in 0..16 {
        let journey = Journey::new(&round.to_string());
        journey.issue_code(&db.one).await?;
        at_once(&db, 4, |n, store| {
            let journey = journey.clone();
            async move {
                // The revocation is on one replica in even rounds, on the other in odd ones.
                if n == round % 2 {
                    let revoked =
                        store.revoke(&journey.pushed().id, journey.client(), NOON, later(300)).await?;
                    assert_eq!(revoked, Revocation::Revoked);
                } else if n >= 2 {
                    let code = journey.digest(Purpose::Code);
                    let _ = store.redeem(&journey.redeemed(), &code, Some(&journey.refresh_token())).await?;
                }
                Ok(())
            }
        })
        .await?;
        assert_eq!(db.one.lookup(&journey.digest(Purpose::RefreshToken)).await?, None, "round {round}");
        assert!(db.other.denied("any", &journey.pushed().id).await?, "round {round}");
    }
    Ok(())
}
