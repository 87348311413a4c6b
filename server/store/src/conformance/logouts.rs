//! Who is told that a session has ended.

use fapi_core::Timestamp;
use fapi_core::ids::{ClientId, Incarnation, Subject};
use fapi_core::secret::{Digest, Purpose};

use super::{Journey, NOON, Pair, Shown, at_once, later};
use crate::{Joined, Notice, Participant, Removal, Session, Store, StoreError, Telling};

const TELLING: Telling = Telling { due: NOON, ends: Timestamp::from_unix(1_750_003_600) };

fn session(name: &str, sid: &str, absolute: i64) -> Session {
    Session {
        id: Digest::of(Purpose::Session, name),
        sid: sid.to_owned(),
        person: Journey::new(name).person("alice"),
        idle_until: later(absolute),
        absolute_until: later(absolute),
    }
}

fn part(sid: &str, client: &str) -> Participant {
    Participant {
        sid: sid.to_owned(),
        client: ClientId::from_stored(client),
        incarnation: Incarnation::from_stored("life-1"),
        subject: Subject::from_stored("alice"),
    }
}

/// Everything that is due, claimed for a minute.
async fn claimed(store: &Store, now: i64) -> Result<Vec<Notice>, StoreError> {
    let mut notices = Vec::new();
    while let Some(notice) = store.claim_notice(later(now), later(now + 60)).await? {
        notices.push(notice);
    }
    notices.sort_by(|a, b| a.to.client.cmp(&b.to.client));
    Ok(notices)
}

/// `LGO-06`: those with a part in the session that ended, each once, and nobody else.
pub async fn whoever_has_a_part_in_a_closed_session_is_told(db: Pair) -> Shown {
    for (name, sid) in [("a", "sid-a"), ("b", "sid-b")] {
        db.one.open_session(&session(name, sid, 1000)).await?;
    }
    for who in
        [part("sid-a", "budget"), part("sid-a", "budget"), part("sid-a", "wallet"), part("sid-b", "budget")]
    {
        assert_eq!(db.other.join_session(&who, TELLING).await?, Joined::Open);
    }
    assert_eq!(db.one.claim_notice(later(5), later(65)).await?, None, "nobody signed out");

    db.other.close_session(&session("a", "sid-a", 1000).id, TELLING).await?;
    let told = claimed(&db.one, 5).await?;
    let of = |client| Notice {
        to: part("sid-a", client),
        tries: 1,
        due: later(65),
        ends: Timestamp::from_unix(1_750_003_600),
    };
    assert_eq!(told, [of("budget"), of("wallet")], "LGO-06");

    db.one.close_session(&session("a", "sid-a", 1000).id, TELLING).await?;
    for notice in &told {
        db.other.drop_notice(notice).await?;
    }
    assert_eq!(claimed(&db.one, 100).await?, [], "what was told is not told again");
    Ok(())
}

/// The ID Token of a code that was still on its way when the person signed out.
pub async fn a_client_that_comes_after_the_end_is_told_at_once(db: Pair) -> Shown {
    db.one.open_session(&session("a", "sid-a", 1000)).await?;
    db.one.close_session(&session("a", "sid-a", 1000).id, TELLING).await?;
    assert_eq!(db.other.join_session(&part("sid-a", "budget"), TELLING).await?, Joined::Ended);
    let told = db.one.claim_notice(NOON, later(60)).await?.expect("LGO-06");
    // While it is being told, another code of that session is redeemed: what it is being told does not speak of that.
    assert_eq!(db.other.join_session(&part("sid-a", "budget"), TELLING).await?, Joined::Ended);
    db.one.drop_notice(&told).await?;
    assert_eq!(claimed(&db.one, 0).await?.len(), 1, "LGO-06");
    Ok(())
}

/// A sign-in by the same person goes on where the one before ended; one by another person ends it.
pub async fn a_session_that_is_replaced_is_told_only_if_it_is_another_one(db: Pair) -> Shown {
    let first = session("a", "sid-a", 1000);
    let (again, another) = (session("b", "sid-a", 2000), session("c", "sid-c", 3000));
    db.one.open_session(&first).await?;
    db.one.join_session(&part("sid-a", "budget"), TELLING).await?;
    db.other.replace_session(&first.id, &again, TELLING).await?;
    assert_eq!(db.one.session(&first.id, NOON).await?, None);
    assert_eq!(db.one.session(&again.id, NOON).await?, Some(again.clone()));
    assert_eq!(claimed(&db.one, 0).await?, []);

    assert_eq!(db.one.purge(later(1500)).await?.session_clients, 0, "the part lasts as long as the session");
    db.other.replace_session(&again.id, &another, TELLING).await?;
    assert_eq!(db.one.session(&another.id, NOON).await?, Some(another));
    assert_eq!(claimed(&db.one, 0).await?.len(), 1, "LGO-06");
    Ok(())
}

/// A pod that ended in the middle leaves its notice to the others; whoever claimed it before has no say any more.
pub async fn a_notice_is_one_claimers_until_its_time_is_over(db: Pair) -> Shown {
    db.one.open_session(&session("a", "sid-a", 1000)).await?;
    db.one.join_session(&part("sid-a", "budget"), TELLING).await?;
    db.one.close_session(&session("a", "sid-a", 1000).id, TELLING).await?;

    let first = db.one.claim_notice(NOON, later(60)).await?.expect("it is due");
    assert_eq!(db.other.claim_notice(later(59), later(119)).await?, None, "it is somebody's");
    let second = db.other.claim_notice(later(60), later(120)).await?.expect("it is anybody's again");
    assert_eq!((first.tries, second.tries), (1, 2));
    db.one.drop_notice(&first).await?;
    db.one.postpone_notice(&first, later(9999)).await?;

    db.other.postpone_notice(&second, later(300)).await?;
    assert_eq!(db.one.claim_notice(later(299), later(359)).await?, None, "not before its time");
    // Somebody who was never told goes first, so that one who never answers delays nobody else.
    let fresh = Telling { due: later(300), ..TELLING };
    assert_eq!(db.one.join_session(&part("sid-a", "wallet"), fresh).await?, Joined::Ended);
    let before = db.one.claim_notice(later(301), later(361)).await?.expect("two are due");
    assert_eq!(before.to, part("sid-a", "wallet"));
    let third = db.one.claim_notice(later(301), later(361)).await?.expect("it is due again");
    assert_eq!((third.tries, third.ends), (3, later(3600)));
    Ok(())
}

/// One that nobody ever takes up, because no client wants to be told any more, does not stay for ever.
pub async fn a_notice_that_nobody_takes_up_is_forgotten_in_the_end(db: Pair) -> Shown {
    db.one.open_session(&session("a", "sid-a", 1000)).await?;
    db.one.join_session(&part("sid-a", "budget"), TELLING).await?;
    db.one.close_session(&session("a", "sid-a", 1000).id, TELLING).await?;
    assert_eq!(db.other.purge(later(7200)).await?.logout_notices, 0, "somebody may be about to give it up");
    assert_eq!(db.other.purge(later(7201)).await?.logout_notices, 1);
    assert_eq!(db.one.claim_notice(later(7201), later(7261)).await?, None);
    Ok(())
}

/// Of many who look at the same moment one gets it.
pub async fn of_many_who_claim_a_notice_one_gets_it(db: Pair) -> Shown {
    db.one.open_session(&session("a", "sid-a", 1000)).await?;
    db.one.join_session(&part("sid-a", "budget"), TELLING).await?;
    db.one.close_session(&session("a", "sid-a", 1000).id, TELLING).await?;
    let outcomes = at_once(&db, 8, |_, store| async move {
        store.claim_notice(NOON, later(60)).await.map(|notice| notice.is_some())
    });
    assert_eq!(super::count(&outcomes.await?, &true), 1);
    Ok(())
}

/// Whichever comes first, the client hears of it, and once.
pub async fn of_signing_out_and_a_token_nobody_is_forgotten(db: Pair) -> Shown {
    for round in 0..8 {
        let (name, sid) = (format!("a{round}"), format!("sid-{round}"));
        db.one.open_session(&session(&name, &sid, 1000)).await?;
        at_once(&db, 2, |n, store| {
            let (session, who) = (session(&name, &sid, 1000), part(&sid, "budget"));
            async move {
                if n == 0 {
                    store.close_session(&session.id, TELLING).await
                } else {
                    store.join_session(&who, TELLING).await.map(drop)
                }
            }
        })
        .await?;
        let told = claimed(&db.one, 0).await?;
        assert_eq!(
            told.iter().map(|notice| notice.to.sid.as_str()).collect::<Vec<_>>(),
            [sid.as_str()],
            "LGO-06"
        );
    }
    Ok(())
}

/// A deleted client is told nothing, and the same id in a new life knows nothing of it.
pub async fn a_deleted_client_is_told_nothing(db: Pair) -> Shown {
    let removals = [Removal::KeepGrants, Removal::RevokeGrants { until: later(300) }];
    for (round, removal) in removals.into_iter().enumerate() {
        let ids = [format!("open-{round}"), format!("closed-{round}")];
        for id in &ids {
            db.one.open_session(&session(id, id, 1000)).await?;
            let (gone, stays) = (part(id, "budget"), part(id, "wallet"));
            db.one.join_session(&gone, TELLING).await?;
            db.one.join_session(&stays, TELLING).await?;
        }
        db.one.close_session(&session(&ids[1], &ids[1], 1000).id, TELLING).await?;
        let gone = part("any", "budget");
        db.other.purge_client(&gone.client, &gone.incarnation, removal).await?;
        db.one.close_session(&session(&ids[0], &ids[0], 1000).id, TELLING).await?;
        let told = claimed(&db.one, 0).await?;
        let told: Vec<_> = told.iter().map(|notice| notice.to.client.as_str()).collect();
        assert_eq!(told, ["wallet", "wallet"]);
    }
    Ok(())
}
