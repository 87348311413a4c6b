//! What ended before its time.

use fapi_core::ids::{ClientId, GrantId};
use fapi_core::secret::Purpose;

use super::{Journey, NOON, Pair, Shown, later};
use crate::{Denied, Redemption, Replacement, Revocation};

/// `REV-03`, `REF-12`, `I2`.
pub async fn a_revoked_grant_has_no_tokens(db: Pair) -> Shown {
    let (journey, spared) = (Journey::new("a"), Journey::new("b"));
    journey.redeem(&db.one).await?;
    spared.redeem(&db.one).await?;
    let (grant, token) = (journey.pushed().id, journey.digest(Purpose::RefreshToken));
    assert!(!db.other.denied("jti", &grant).await?);

    let revoked = db.one.revoke(&grant, journey.client(), later(5), later(305)).await?;
    assert_eq!(revoked, Revocation::Revoked);
    assert!(db.other.denied("jti", &grant).await?);
    assert_eq!(db.other.lookup(&token).await?, None);
    let replaced = db.other.replace(&token, &journey.refresh_token(), later(100), later(6)).await?;
    assert_eq!(replaced, Replacement::Gone);
    assert_eq!(db.other.by_id(&grant).await?.map(|grant| grant.stage.name()), Some("revoked"));
    let code = journey.digest(Purpose::Code);
    assert_eq!(db.other.redeem(&journey.redeemed(), &code, None).await?, Redemption::Gone);

    // Again is fine, and says the same.
    assert_eq!(db.other.revoke(&grant, journey.client(), later(7), later(307)).await?, Revocation::Revoked);
    assert!(db.one.lookup(&spared.digest(Purpose::RefreshToken)).await?.is_some());
    assert!(!db.one.denied("jti", &spared.pushed().id).await?);
    Ok(())
}

/// `REV-02`.
pub async fn a_grant_of_another_client_is_not_revoked(db: Pair) -> Shown {
    let journey = Journey::new("a");
    journey.redeem(&db.one).await?;
    let mallory = ClientId::from_stored("mallory");
    let refused = db.other.revoke(&journey.pushed().id, &mallory, NOON, later(300)).await?;
    assert_eq!(refused, Revocation::NotTheirs);
    assert_eq!(db.one.by_id(&journey.pushed().id).await?, Some(journey.redeemed()));
    assert!(!db.one.denied("jti", &journey.pushed().id).await?);
    assert!(db.one.lookup(&journey.digest(Purpose::RefreshToken)).await?.is_some());

    // Of a grant that was purged a token may be left.
    let gone = GrantId::from_stored("gone");
    assert_eq!(db.one.revoke(&gone, journey.client(), NOON, later(300)).await?, Revocation::Revoked);
    assert!(db.other.denied("jti", &gone).await?);
    Ok(())
}

/// `I2`: after the answer no replica says otherwise.
pub async fn what_is_denied_is_denied_on_every_replica(db: Pair) -> Shown {
    let (grant, another) = (GrantId::from_stored("grant-a"), GrantId::from_stored("grant-b"));
    for n in 0..32 {
        let jti = format!("grant-a.{n}");
        assert!(!db.other.denied(&jti, &grant).await?);
        db.one.deny_use(&Denied::Token(jti.clone()), later(300)).await?;
        assert!(db.other.denied(&jti, &grant).await?, "REV-01");
        assert!(db.one.denied(&jti, &grant).await?);
    }
    assert!(!db.other.denied("grant-a.x", &grant).await?, "another token of the same grant goes on: REV-03");
    db.other.deny_use(&Denied::Grant(grant.clone()), later(300)).await?;
    assert!(db.one.denied("grant-a.x", &grant).await?);
    assert!(!db.one.denied("grant-b.x", &another).await?);
    Ok(())
}

/// A second denial that ends earlier takes nothing away; one that ends later counts.
pub async fn a_denial_is_never_shortened(db: Pair) -> Shown {
    let grant = GrantId::from_stored("grant-a");
    for (what, jti) in [(Denied::Grant(grant.clone()), "x"), (Denied::Token("y".into()), "y")] {
        db.one.deny_use(&what, later(300)).await?;
        db.other.deny_use(&what, later(200)).await?;
        db.one.purge(later(300)).await?;
        assert!(db.one.denied(jti, &grant).await?, "{what:?}");
        db.other.deny_use(&what, later(400)).await?;
        db.one.purge(later(400)).await?;
        assert!(db.one.denied(jti, &grant).await?, "{what:?}");
        db.one.purge(later(401)).await?;
        assert!(!db.one.denied(jti, &grant).await?, "{what:?}");
    }
    Ok(())
}
