//! What goes, and what stays.

use fapi_core::Lifetime;
use fapi_core::secret::{Digest, Purpose};

use super::{Journey, NOON, Pair, Shown, later};
use crate::{Denied, FirstUse, Participant, Purged, Removal, Session, Telling};

/// One row of each kind that has ended at noon + 60 s, and one that lasts a second longer.
pub async fn purging_removes_only_what_has_ended(db: Pair) -> Shown {
    let (redeemed, pushed) = (Journey::new("redeemed"), Journey::new("pushed"));
    redeemed.redeem(&db.one).await?;
    pushed.push(&db.one).await?;
    let session = |name: &str, ends: i64| Session {
        id: Digest::of(Purpose::Session, name),
        sid: name.into(),
        person: redeemed.person("alice"),
        idle_until: later(if name == "idle" { ends } else { 5000 }),
        absolute_until: later(if name == "idle" { 5000 } else { ends }),
    };
    for ends in [60, 61] {
        let digest = Digest::of(Purpose::Jti, &ends.to_string());
        assert_eq!(db.one.first_use(&digest, later(ends), NOON).await?, FirstUse::First);
        db.one.deny_use(&Denied::Token(ends.to_string()), later(ends)).await?;
    }
    for session in [session("idle", 60), session("absolute", 60), session("lasting", 61)] {
        db.one.open_session(&session).await?;
        let scope = &redeemed.pushed().request.scope;
        db.one.remember_consent(&session.id, redeemed.client(), redeemed.incarnation(), scope).await?;
        let part = Participant {
            sid: session.sid.clone(),
            client: redeemed.client().clone(),
            incarnation: redeemed.incarnation().clone(),
            subject: session.person.subject.clone(),
        };
        db.one.join_session(&part, Telling { due: NOON, ends: NOON }).await?;
    }

    assert_eq!(db.other.purge(later(60)).await?, Purged::default(), "the last second belongs to it");
    let purged = db.other.purge(later(61)).await?;
    let expected = Purged {
        denied: 1,
        grants: 1,
        logout_notices: 0,
        refresh_tokens: 0,
        remembered: 1,
        replay: 1,
        session_clients: 1,
        sessions: 2,
    };
    assert_eq!(purged, expected);
    assert_eq!(db.one.by_id(&pushed.pushed().id).await?, None);
    assert_eq!(db.one.by_id(&redeemed.pushed().id).await?, Some(redeemed.redeemed()));
    assert!(db.one.spent(&Digest::of(Purpose::Jti, "61")).await?);
    assert!(db.one.denied("61", &redeemed.pushed().id).await?);
    assert!(db.one.session(&session("lasting", 61).id, later(61)).await?.is_some());

    // The grant and its refresh token go when the grant's life is over.
    let ends = redeemed.redeemed().purge_after();
    db.one.purge(ends).await?;
    assert_eq!(db.one.by_id(&redeemed.pushed().id).await?, Some(redeemed.redeemed()));
    db.one.purge(ends.max(redeemed.refresh_token().expires) + Lifetime::seconds(1)).await?;
    assert_eq!(db.one.by_id(&redeemed.pushed().id).await?, None);
    assert_eq!(db.one.lookup(&redeemed.digest(Purpose::RefreshToken)).await?, None);
    Ok(())
}

/// `REF-12`: the client, made anew under the same name, has none of it, and keeps what is its own.
pub async fn a_deleted_client_leaves_nothing(db: Pair) -> Shown {
    let (token, code, fresh) = (Journey::new("token"), Journey::new("code"), Journey::new("fresh"));
    let next_life = Journey::new("next").of("budget-app", "life-2");
    token.redeem(&db.one).await?;
    code.issue_code(&db.one).await?;
    fresh.push(&db.one).await?;
    next_life.redeem(&db.one).await?;

    let removal = Removal::RevokeGrants { until: later(300) };
    for replica in [&db.other, &db.one] {
        replica.purge_client(token.client(), token.incarnation(), removal).await?;
    }
    for journey in [&token, &code, &fresh] {
        assert_eq!(db.one.by_id(&journey.pushed().id).await?, None);
        assert!(db.one.denied("any", &journey.pushed().id).await?, "I2");
        assert_eq!(db.one.lookup(&journey.digest(Purpose::RefreshToken)).await?, None);
    }
    assert_eq!(db.one.by_id(&next_life.pushed().id).await?, Some(next_life.redeemed()));
    assert!(db.one.lookup(&next_life.digest(Purpose::RefreshToken)).await?.is_some());
    assert!(!db.one.denied("any", &next_life.pushed().id).await?);
    Ok(())
}

/// `onDelete: KeepGrants`: access tokens that are out go on; what was not finished is gone.
pub async fn a_deleted_client_may_keep_what_was_granted(db: Pair) -> Shown {
    let (token, code, fresh) = (Journey::new("token"), Journey::new("code"), Journey::new("fresh"));
    token.redeem(&db.one).await?;
    code.issue_code(&db.one).await?;
    fresh.push(&db.one).await?;
    db.other.purge_client(token.client(), token.incarnation(), Removal::KeepGrants).await?;
    assert_eq!(db.one.by_id(&token.pushed().id).await?, Some(token.redeemed()));
    assert!(db.one.lookup(&token.digest(Purpose::RefreshToken)).await?.is_some());
    assert!(!db.one.denied("any", &token.pushed().id).await?);
    assert_eq!(db.one.by_id(&code.pushed().id).await?, None);
    assert_eq!(db.one.by_id(&fresh.pushed().id).await?, None);
    Ok(())
}
