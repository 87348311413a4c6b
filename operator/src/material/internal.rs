//! The authority of the internal port, where the operator asks the pods: which one issues, and which are trusted beside it? A pure
//! function of what the Secret `<ws>-internal-ca` holds, of what the pods confirm, and of the time.
//!
//! ```text
//!         a year old          every pod trusts both, and a day          every pod shows the new one's certificate, and a day
//!  Alone ───────────► Announced ────────────────────────────► Switched ─────────────────────────────────────────► Alone
//!  issues             trusted beside it                        issues; the one before is trusted
//! ```
//!
//! The operator and the pods trust the same authorities at every step, so either can be late. The day is for pods that are counted
//! nowhere (not ready, and silent) and come back with what they have mounted.
//!
//! Only an authority that is about to end is replaced without waiting for pods.

use std::collections::BTreeMap;

use fapi_config::state::fingerprint;
use fapi_core::{Lifetime, Timestamp};
use rcgen::KeyPair;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};

use super::certificates::{authority, is_fresh, server, validity};
use super::rotation::{Outlook, Step, Surroundings};
use super::seal::FACTS_KEY;
use super::{Certified, INTERNAL, INTERNAL_RENEWAL, MaterialError, pair};

/// How long an authority lives: three times as long as it issues, so that a pod that does not answer has time to be noticed.
const LIFETIME: Lifetime = Lifetime::days(1095);
/// How old an authority is when the next is made.
const INTERVAL: Lifetime = Lifetime::days(365);
/// How long each of two authorities is trusted beside the other at least.
const REST: Lifetime = Lifetime::days(1);
/// What is left of an authority when it is replaced without waiting for pods.
const END: Lifetime = Lifetime::days(2);

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const BUNDLE: &str = "ca.crt";
const NEXT_CERTIFICATE: &str = "next.crt";
const NEXT_KEY: &str = "next.key";
const FORMER_CERTIFICATE: &str = "former.crt";

/// The authority of the internal port.
#[derive(Clone, Debug)]
pub struct InternalAuthority {
    /// That which issues.
    issuing: Certified,
    stage: Stage,
    /// The wish that the last rotation answered.
    trigger: Option<String>,
}

/// Whether another is trusted beside it.
#[derive(Clone, Debug)]
enum Stage {
    Alone,
    Announced {
        next: Certified,
        made: Timestamp,
    },
    Switched {
        /// PEM; its key is gone.
        former: String,
        /// When the last pod had a certificate of the new one.
        confirmed: Option<Timestamp>,
    },
}

/// What the operator asks the pods with.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Issues the operator's own certificate: every pod trusts it.
    pub issuing: Certified,
    /// Those that pods may show a certificate of, PEM.
    pub authorities: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    Make,
    Switch,
    Confirm,
    Drop,
}

impl InternalAuthority {
    /// What a Workspace begins with.
    pub(super) fn first(name: &str, now: Timestamp) -> Result<Self, MaterialError> {
        Ok(Self { issuing: authority(name, &[], LIFETIME, now)?, stage: Stage::Alone, trigger: None })
    }

    /// What the operator asks with, from data of the Secret `<ws>-internal-ca`. None if there is nothing that could be used.
    pub fn trust(data: &BTreeMap<String, Vec<u8>>) -> Option<Trust> {
        // The times do not matter for whom to trust.
        let read = Self::read(data, Timestamp::from_unix(0))?;
        Some(Trust { authorities: read.bundle(), issuing: read.issuing })
    }

    /// Authorities whose certificates count, that which issues first: for pods and operator alike, PEM.
    pub(super) fn bundle(&self) -> String {
        let issuing = &self.issuing.certificate;
        let beside = match &self.stage {
            Stage::Alone => return issuing.clone(),
            Stage::Announced { next, .. } => &next.certificate,
            Stage::Switched { former, .. } => former,
        };
        format!("{}\n{beside}", issuing.trim_end())
    }

    /// Takes every step that can be taken now, and says which. `leaf` is data of the Secret `<ws>-internal-tls`.
    pub(super) fn advance(
        &mut self,
        name: &str,
        leaf: Option<&BTreeMap<String, Vec<u8>>>,
        around: &Surroundings,
    ) -> Result<Vec<Step>, MaterialError> {
        let mut steps = Vec::new();
        while let Some(change) = self.next_change(leaf, around) {
            match change {
                Change::Make => {
                    let next = authority(name, &[], LIFETIME, around.now)?;
                    self.stage = Stage::Announced { next, made: around.now };
                    self.trigger.clone_from(&around.wishes.internal_ca);
                    steps.push(Step::InternalCaMade);
                }
                Change::Switch => {
                    if let Stage::Announced { next, .. } = std::mem::replace(&mut self.stage, Stage::Alone) {
                        let former = std::mem::replace(&mut self.issuing, next).certificate;
                        self.stage = Stage::Switched { former, confirmed: None };
                        steps.push(Step::InternalCaSwitched);
                    }
                }
                Change::Confirm => {
                    if let Stage::Switched { confirmed, .. } = &mut self.stage {
                        *confirmed = Some(around.now);
                    }
                }
                Change::Drop => {
                    self.stage = Stage::Alone;
                    steps.push(Step::InternalCaDropped);
                }
            }
        }
        Ok(steps)
    }

    /// The rules, in the order in which they are asked.
    fn next_change(&self, leaf: Option<&BTreeMap<String, Vec<u8>>>, around: &Surroundings) -> Option<Change> {
        let now = around.now;
        let ends = validity(&self.issuing).is_none_or(|(_, until)| now >= until - END);
        match &self.stage {
            Stage::Alone => {
                let wished = around.wishes.internal_ca.is_some() && around.wishes.internal_ca != self.trigger;
                let due = now >= due(&self.issuing).unwrap_or(now);
                (ends || ((due || wished) && !around.suspended)).then_some(Change::Make)
            }
            Stage::Announced { next, made } => {
                let next = certificate_fingerprint(&next.certificate)?;
                let trusted = || {
                    around.all(|pod| pod.internal.as_ref().is_some_and(|own| own.authorities.contains(&next)))
                };
                let rested = now >= *made + REST;
                (ends || (rested && !around.suspended && trusted())).then_some(Change::Switch)
            }
            Stage::Switched { .. } if ends => Some(Change::Drop),
            Stage::Switched { confirmed: None, .. } => {
                // What is in the Secret now; before it was issued anew, nobody can show it.
                let leaf =
                    leaf.filter(|leaf| self.issued(leaf)).and_then(|leaf| pair(leaf, CERTIFICATE, KEY))?;
                let leaf = certificate_fingerprint(&leaf.certificate)?;
                let shown = around.all(|pod| pod.internal.as_ref().is_some_and(|own| own.leaf == leaf));
                shown.then_some(Change::Confirm)
            }
            Stage::Switched { confirmed: Some(at), .. } => {
                (now >= *at + REST && !around.suspended).then_some(Change::Drop)
            }
        }
    }

    /// Whether a certificate for the pods was issued by the one that issues now.
    fn issued(&self, leaf: &BTreeMap<String, Vec<u8>>) -> bool {
        // The bundle beside it begins with its issuer.
        let issuer = leaf.get(BUNDLE).and_then(|bundle| CertificateDer::from_pem_slice(bundle).ok());
        let issuing = CertificateDer::from_pem_slice(self.issuing.certificate.as_bytes()).ok();
        issuer.is_some() && issuer == issuing
    }

    /// What pods show: what is there, or anew.
    pub(super) fn leaf(
        &self,
        there: Option<&BTreeMap<String, Vec<u8>>>,
        host: &str,
        now: Timestamp,
    ) -> Result<Certified, MaterialError> {
        let hosts = [host.to_owned()];
        let kept = there
            .filter(|leaf| self.issued(leaf))
            .and_then(|leaf| pair(leaf, CERTIFICATE, KEY))
            .filter(|leaf| is_fresh(leaf, now, INTERNAL_RENEWAL, &hosts));
        match kept {
            Some(kept) => Ok(kept),
            None => server(&self.issuing, &hosts, KeyPair::generate(), INTERNAL, now),
        }
    }

    /// When there is something to do next.
    pub(super) fn outlook(&self, leaf: &Certified, around: &Surroundings) -> Outlook {
        let renewal = validity(leaf).map(|(_, until)| until - INTERNAL_RENEWAL);
        let end = validity(&self.issuing).map(|(_, until)| until - END);
        let next = match &self.stage {
            Stage::Alone => due(&self.issuing),
            Stage::Announced { made, .. } => Some(*made + REST),
            Stage::Switched { confirmed, .. } => confirmed.map(|at| at + REST),
        };
        let waits_for_pods = match &self.stage {
            Stage::Announced { made, .. } => around.now >= *made + REST && !around.suspended,
            Stage::Switched { confirmed: None, .. } => true,
            Stage::Alone | Stage::Switched { .. } => false,
        };
        let times = renewal.into_iter().chain(end).chain(next.filter(|_| !around.suspended));
        Outlook { wake: times.filter(|time| *time > around.now).min(), waits_for_pods }
    }

    /// Data of the Secret `<ws>-internal-ca`.
    pub(super) fn data(&self) -> BTreeMap<String, Vec<u8>> {
        let text = |text: &str| text.as_bytes().to_vec();
        let mut data = BTreeMap::from([
            (CERTIFICATE.to_owned(), text(&self.issuing.certificate)),
            (KEY.to_owned(), text(&self.issuing.key)),
        ]);
        let mut facts = Facts { trigger: self.trigger.clone(), ..Facts::default() };
        match &self.stage {
            Stage::Alone => {}
            Stage::Announced { next, made } => {
                data.insert(NEXT_CERTIFICATE.to_owned(), text(&next.certificate));
                data.insert(NEXT_KEY.to_owned(), text(&next.key));
                facts.made = Some(*made);
            }
            Stage::Switched { former, confirmed } => {
                data.insert(FORMER_CERTIFICATE.to_owned(), text(former));
                facts.confirmed = *confirmed;
            }
        }
        if facts != Facts::default() {
            data.insert(FACTS_KEY.to_owned(), fapi_config::canonical::to_vec(&facts).unwrap_or_default());
        }
        data
    }

    /// Reads it back. None if what issues cannot be read: it is made anew. Facts that are missing begin anew, which only takes
    /// longer.
    pub(super) fn read(data: &BTreeMap<String, Vec<u8>>, now: Timestamp) -> Option<Self> {
        let issuing = pair(data, CERTIFICATE, KEY)?;
        validity(&issuing)?;
        KeyPair::from_pem(&issuing.key).ok()?;
        let facts = data.get(FACTS_KEY).and_then(|bytes| serde_json::from_slice(bytes).ok());
        let Facts { made, confirmed, trigger } = facts.unwrap_or_default();
        let next = pair(data, NEXT_CERTIFICATE, NEXT_KEY)
            .filter(|next| validity(next).is_some() && KeyPair::from_pem(&next.key).is_ok());
        let former = data.get(FORMER_CERTIFICATE).and_then(|pem| std::str::from_utf8(pem).ok());
        let former = former.filter(|pem| certificate_fingerprint(pem).is_some());
        let stage = match (next, former) {
            (Some(next), _) => Stage::Announced { next, made: made.unwrap_or(now) },
            (None, Some(former)) => Stage::Switched { former: former.to_owned(), confirmed },
            (None, None) => Stage::Alone,
        };
        Some(Self { issuing, stage, trigger })
    }
}

/// When the next is made.
fn due(issuing: &Certified) -> Option<Timestamp> {
    validity(issuing).map(|(from, until)| (from + INTERVAL).min(until - INTERVAL))
}

fn certificate_fingerprint(pem: &str) -> Option<String> {
    CertificateDer::from_pem_slice(pem.as_bytes()).ok().map(|der| fingerprint(&der))
}

/// `rotation.json` of the Secret `<ws>-internal-ca`: no secret.
#[derive(Default, PartialEq, Serialize, Deserialize)]
struct Facts {
    /// When the next one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made: Option<Timestamp>,
    /// When the last pod showed a certificate of the one that issues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirmed: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trigger: Option<String>,
}

#[cfg(test)]
mod tests;
