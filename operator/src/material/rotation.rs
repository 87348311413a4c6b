//! What decides about the rotation of what the operator makes for itself, beside the facts on its own Secrets.

use fapi_core::Timestamp;
use fapi_crds::names::annotation;

use super::Wanted;
use crate::dereference::OwnSecrets;
use crate::rotate::{Acknowledgements, Confirmation, Counting};

/// What surrounds the sealing keys and the internal authority.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// What the pods say.
    pub acks: Acknowledgements,
    /// Which of them count.
    pub counting: Counting,
    /// Whether the Workspace is suspended: what is confirmed is noted, what would end is renewed, and nothing else moves.
    pub suspended: bool,
    /// What people ask for.
    pub wishes: Wishes,
    /// The time.
    pub now: Timestamp,
}

/// The text of [`annotation::ROTATE`] on the Secrets: another text than the one that is remembered asks for a rotation now.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Wishes {
    /// On `<ws>-seal`.
    pub seal: Option<String>,
    /// On `<ws>-internal-ca`.
    pub internal_ca: Option<String>,
}

impl Wishes {
    /// As they stand on the Secrets.
    pub fn read(own: &OwnSecrets, wanted: &Wanted) -> Self {
        let read =
            |name: String| own.get(&name)?.metadata.annotations.as_ref()?.get(annotation::ROTATE).cloned();
        Self { seal: read(wanted.names.seal()), internal_ca: read(wanted.names.internal_ca()) }
    }
}

impl Surroundings {
    /// Nobody is asked, and nobody asks for anything: a Workspace that begins.
    pub fn quiet(now: Timestamp) -> Self {
        let acks = Acknowledgements::default();
        Self { acks, counting: Counting::Serving, suspended: false, wishes: Wishes::default(), now }
    }

    /// Whether every pod that counts says so. No pod says nothing.
    pub(super) fn all(&self, test: impl Fn(&fapi_config::state::PodState) -> bool) -> bool {
        self.acks.confirm(self.counting, 0, test) == Confirmation::All
    }
}

/// A step that was taken, for the log and for events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A sealing key was made, which opens and does not seal yet.
    SealingKeyMade,
    /// It seals from now on.
    SealingKeySwitched,
    /// One that sealed before was erased.
    SealingKeyErased,
    /// An internal authority was made, which is trusted and issues nothing yet.
    InternalCaMade,
    /// It issues from now on.
    InternalCaSwitched,
    /// The one before is not trusted any more.
    InternalCaDropped,
}

impl Step {
    /// Of the event.
    pub fn reason(self) -> &'static str {
        match self {
            Self::SealingKeyMade => "SealingKeyMade",
            Self::SealingKeySwitched => "SealingKeySwitched",
            Self::SealingKeyErased => "SealingKeyErased",
            Self::InternalCaMade => "InternalCaMade",
            Self::InternalCaSwitched => "InternalCaSwitched",
            Self::InternalCaDropped => "InternalCaDropped",
        }
    }

    /// For people.
    pub fn note(self) -> &'static str {
        match self {
            Self::SealingKeyMade => "Made a sealing key, which seals once every pod can open with it",
            Self::SealingKeySwitched => "Every pod can open with the new sealing key: it seals from now on",
            Self::SealingKeyErased => {
                "Erased a sealing key: nothing that it sealed can be presented any more"
            }
            Self::InternalCaMade => {
                "Made an authority of the internal port, which issues once every pod trusts it"
            }
            Self::InternalCaSwitched => {
                "Every pod trusts the new authority of the internal port: it issues from now on"
            }
            Self::InternalCaDropped => {
                "Every pod shows a certificate of the new authority: the one before is not trusted any more"
            }
        }
    }
}

/// When there is something to do next.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Outlook {
    /// Not before this time.
    pub wake: Option<Timestamp>,
    /// As soon as pods have confirmed something.
    pub waits_for_pods: bool,
}

impl Outlook {
    /// The earlier of two.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            wake: self.wake.into_iter().chain(other.wake).min(),
            waits_for_pods: self.waits_for_pods || other.waits_for_pods,
        }
    }
}
