//! Sign-in sessions.

use fapi_core::ids::{ClientId, Incarnation};
use fapi_core::scope::Scopes;
use fapi_core::secret::{Digest, Purpose};

use super::{Journey, NOON, Pair, Shown, later};
use crate::{Session, StoreError, Telling};

fn session(name: &str) -> Session {
    Session {
        id: Digest::of(Purpose::Session, name),
        sid: format!("sid-{name}"),
        person: Journey::new(name).person("alice"),
        idle_until: later(100),
        absolute_until: later(1000),
    }
}

/// Idle and absolute limits, each to the second.
pub async fn a_session_lasts_while_it_is_used(db: Pair) -> Shown {
    let session = session("a");
    db.one.open_session(&session).await?;
    assert_eq!(db.other.session(&session.id, later(100)).await?, Some(session.clone()));
    assert_eq!(db.other.session(&session.id, later(101)).await?, None);

    db.other.touch(&session.id, later(5000)).await?;
    db.one.touch(&session.id, later(200)).await?;
    let touched = Session { idle_until: later(5000), ..session.clone() };
    assert_eq!(db.one.session(&session.id, later(1000)).await?, Some(touched), "touching never shortens");
    assert_eq!(db.one.session(&session.id, later(1001)).await?, None, "use does not make it last for ever");

    assert_eq!(db.one.session(&Digest::of(Purpose::Session, "b"), NOON).await?, None);
    assert_eq!(db.one.open_session(&session).await, Err(StoreError::Duplicate), "a cookie is never reused");
    Ok(())
}

/// A request that was under way when the person signed out does not bring the session back.
pub async fn a_closed_session_stays_closed(db: Pair) -> Shown {
    let (closed, open) = (session("a"), session("b"));
    let (client, life) = (ClientId::from_stored("budget-app"), Incarnation::from_stored("life-1"));
    let scope = Scopes::parse("openid accounts").expect("two scopes");
    for session in [&closed, &open] {
        db.one.open_session(session).await?;
        db.one.remember_consent(&session.id, &client, &life, &scope).await?;
    }
    db.other.close_session(&closed.id, Telling { due: NOON, ends: later(60) }).await?;
    db.one.touch(&closed.id, later(500)).await?;
    db.one.remember_consent(&closed.id, &client, &life, &scope).await?;
    assert_eq!(db.one.session(&closed.id, NOON).await?, None);
    assert_eq!(db.one.remembered(&closed.id, &client, &life).await?, None);
    assert!(db.one.session(&open.id, NOON).await?.is_some());
    assert!(db.one.remembered(&open.id, &client, &life).await?.is_some());
    Ok(())
}

/// Neither another session, nor another client, nor the same client after it was deleted and made anew.
pub async fn consent_is_remembered_for_one_life_of_a_client_in_one_session(db: Pair) -> Shown {
    let (here, elsewhere) = (session("a"), session("b"));
    let (client, life) = (ClientId::from_stored("budget-app"), Incarnation::from_stored("life-1"));
    let next_life = Incarnation::from_stored("life-2");
    let accounts = Scopes::parse("openid accounts").expect("two scopes");
    let payments = Scopes::parse("openid payments").expect("two scopes");
    db.one.open_session(&here).await?;
    db.one.open_session(&elsewhere).await?;
    db.one.remember_consent(&here.id, &client, &life, &accounts).await?;

    let known = db.other.remembered(&here.id, &client, &life).await?;
    assert_eq!(known.map(|remembered| remembered.scope), Some(accounts));
    assert_eq!(db.other.remembered(&elsewhere.id, &client, &life).await?, None);
    assert_eq!(db.other.remembered(&here.id, &client, &next_life).await?, None);
    assert_eq!(db.other.remembered(&here.id, &ClientId::from_stored("other"), &life).await?, None);

    db.other.remember_consent(&here.id, &client, &life, &payments).await?;
    let known = db.one.remembered(&here.id, &client, &life).await?;
    assert_eq!(known.map(|remembered| remembered.scope), Some(payments), "the last answer counts");
    Ok(())
}
