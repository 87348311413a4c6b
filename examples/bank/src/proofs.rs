//! Has this proof come before? One process serves this API, so its memory is enough (`DPO-08`).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use fapi_core::Timestamp;
use fapi_core::client::ReplayKey;
use fapi_core::secret::Digest;

use crate::issuer::Unavailable;

/// The most proofs that are remembered: at a thousand requests a second, all of them.
const MOST: usize = 200_000;

/// Proofs that have come, for as long as they would be accepted.
#[derive(Default)]
pub(crate) struct Proofs(Mutex<HashMap<Digest, Timestamp>>);

impl Proofs {
    /// Whether this one comes for the first time. Whoever cannot remember it must not take it.
    ///
    /// # Errors
    /// The memory is full.
    pub(crate) fn first_use(&self, key: &ReplayKey, now: Timestamp) -> Result<bool, Unavailable> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST {
            seen.retain(|_, until| now < *until);
        }
        if seen.len() >= MOST {
            return Err(Unavailable("more DPoP proofs came than can be remembered".to_owned()));
        }
        Ok(seen.insert(key.digest.clone(), key.until).is_none())
    }
}

#[cfg(test)]
mod tests {
    use fapi_core::Lifetime;
    use fapi_core::secret::Purpose;

    use super::*;

    #[test]
    fn a_proof_comes_once_and_a_full_memory_takes_none() {
        let (proofs, now) = (Proofs::default(), Timestamp::from_unix(1_800_000_000));
        let key = |name: &str| ReplayKey {
            digest: Digest::of(Purpose::Proof, name),
            until: now + Lifetime::seconds(60),
        };
        assert!(proofs.first_use(&key("one"), now).unwrap(), "DPO-08");
        assert!(!proofs.first_use(&key("one"), now).unwrap(), "DPO-08");
        for number in 1..MOST {
            proofs.first_use(&key(&number.to_string()), now).unwrap();
        }
        assert!(proofs.first_use(&key("one too many"), now).is_err(), "fail closed");
        assert!(proofs.first_use(&key("later"), now + Lifetime::seconds(60)).unwrap());
    }
}
