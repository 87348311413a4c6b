//! What may be used once.

use fapi_core::secret::{Digest, Purpose};

use super::{Pair, Shown, later};
use crate::FirstUse;

/// `J-24`, `P-07`: accepted at one moment, an identifier is refused at every later moment through its end, purged or not. Its
/// last second is the one that is easily forgotten.
pub async fn an_identifier_is_used_once_in_every_second_of_its_life(db: Pair) -> Shown {
    const ENDS: i64 = 12;
    for accepted in 0..=ENDS {
        let digest = Digest::of(Purpose::Jti, &accepted.to_string());
        let first = db.one.first_use(&digest, later(ENDS), later(accepted)).await?;
        assert_eq!(first, FirstUse::First, "at {accepted}");
        for moment in accepted..=ENDS {
            db.one.purge(later(moment)).await?;
            let second = db.other.first_use(&digest, later(ENDS), later(moment)).await?;
            assert_eq!(second, FirstUse::Seen, "accepted at {accepted}, again at {moment}");
            assert!(db.other.spent(&digest).await?);
        }
    }

    let fresh = Digest::of(Purpose::Jti, "fresh");
    let over = db.one.first_use(&fresh, later(ENDS), later(ENDS + 1)).await?;
    assert_eq!(over, FirstUse::Seen, "what is over is never a first use");
    assert_eq!(db.one.first_use(&fresh, later(ENDS), later(ENDS)).await?, FirstUse::First);
    Ok(())
}
