//! What is true of an object? Conditions as Kubernetes writes them, from closed lists of types and reasons.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use crate::Kind;
use crate::reason::Reason;
use crate::vocabulary::vocabulary;

/// The word is not in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a word of this list")]
pub struct UnknownWord;

vocabulary! {
    /// What a condition speaks of.
    ConditionType {
        /// The spec is valid, fits the profile, and may be published.
        Accepted,
        /// Somebody approved the registration as it is now, or nobody has to.
        Approved,
        /// Enough pods are ready to serve.
        Available,
        /// A certificate that it refers to expires soon.
        CertificateExpiring,
        /// The clocks of pods and operator differ by more than tokens tolerate.
        ClockSkew,
        /// Every serving pod has loaded the published document.
        ConfigSynced,
        /// The API server refuses to delete it, as `deletionProtection` asks for.
        DeletionProtected,
        /// Grants die with the pod.
        Ephemeral,
        /// Something is configured that is only for trying things out.
        Insecure,
        /// Every algorithm in force has an active key that every serving pod signs with.
        KeysReady,
        /// The rotation that was due has not happened.
        Overdue,
        /// Every serving pod has loaded this Client as it is.
        Programmed,
        /// The next key is in the JWKS of every serving pod.
        Published,
        /// The summary: all that matters is true.
        Ready,
        /// The operator is at work, or waits for something that is on its way.
        Reconciling,
        /// Everything referred to was found and understood.
        ResolvedRefs,
        /// Some pods may not know of a revocation yet.
        RevocationsPending,
        /// Something is in the way of the next key.
        RotationBlocked,
        /// The operator cannot go on until somebody changes something.
        Stalled,
        /// Changes are suspended.
        Suspended,
    }
}

impl ConditionType {
    /// The kinds that have it.
    pub fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Accepted | Self::Ready | Self::Reconciling | Self::ResolvedRefs | Self::Stalled => {
                &Kind::ALL
            }
            Self::CertificateExpiring => &[Kind::Workspace, Kind::Client],
            Self::Approved | Self::Programmed => &[Kind::Client],
            Self::Insecure | Self::Suspended => &[Kind::Workspace, Kind::SigningKey],
            Self::Overdue | Self::Published | Self::RotationBlocked => &[Kind::SigningKey],
            Self::Available
            | Self::ClockSkew
            | Self::ConfigSynced
            | Self::DeletionProtected
            | Self::Ephemeral
            | Self::KeysReady
            | Self::RevocationsPending => &[Kind::Workspace],
        }
    }

    /// Whether `True` is the good news. Abnormal conditions are absent or `False` when all is well.
    pub fn is_good(self) -> bool {
        !matches!(
            self,
            Self::CertificateExpiring
                | Self::ClockSkew
                | Self::Ephemeral
                | Self::Insecure
                | Self::Overdue
                | Self::Reconciling
                | Self::RevocationsPending
                | Self::RotationBlocked
                | Self::Stalled
                | Self::Suspended
        )
    }
}

/// Whether it is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// Nobody can tell now.
    Unknown,
}

impl Status {
    /// As a condition writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Status {
    fn from(so: bool) -> Self {
        if so { Self::True } else { Self::False }
    }
}

/// Most bytes of a message; longer ones are cut.
pub const LONGEST_MESSAGE: usize = 1024;

/// Writes a condition, and says whether that changed anything. `lastTransitionTime` moves only when the status does.
pub fn set(
    conditions: &mut Vec<Condition>,
    type_: ConditionType,
    status: Status,
    reason: Reason,
    message: impl Into<String>,
    observed_generation: Option<i64>,
    now: Timestamp,
) -> bool {
    let mut condition = Condition {
        last_transition_time: Time(whole_seconds(now)),
        message: cut(message.into()),
        observed_generation,
        reason: reason.as_str().to_owned(),
        status: status.as_str().to_owned(),
        type_: type_.as_str().to_owned(),
    };
    let Some(old) = conditions.iter_mut().find(|old| old.type_ == type_.as_str()) else {
        conditions.push(condition);
        return true;
    };
    if old.status == condition.status {
        condition.last_transition_time = old.last_transition_time.clone();
    }
    let changed = *old != condition;
    *old = condition;
    changed
}

/// Removes a condition, and says whether it was there.
pub fn remove(conditions: &mut Vec<Condition>, type_: ConditionType) -> bool {
    let before = conditions.len();
    conditions.retain(|condition| condition.type_ != type_.as_str());
    conditions.len() < before
}

/// The condition of a type.
pub fn find(conditions: &[Condition], type_: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == type_.as_str())
}

/// Whether the condition is there and `True`.
pub fn is_true(conditions: &[Condition], type_: ConditionType) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == Status::True.as_str())
}

fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).expect("a timestamp without its fraction is one")
}

fn cut(mut message: String) -> String {
    if message.len() > LONGEST_MESSAGE {
        let ellipsis = "…";
        message.truncate(message.floor_char_boundary(LONGEST_MESSAGE - ellipsis.len()));
        message.push_str(ellipsis);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::new(second, 987_654_321).unwrap()
    }

    #[test]
    fn the_transition_time_moves_only_when_the_status_does() {
        let mut conditions = Vec::new();
        let ready = ConditionType::Ready;
        assert!(set(&mut conditions, ready, Status::False, Reason::Pending, "no pods", Some(1), at(10)));
        assert!(set(
            &mut conditions,
            ready,
            Status::False,
            Reason::PodsPending,
            "1 of 2 pods",
            Some(1),
            at(20)
        ));
        assert_eq!(conditions[0].last_transition_time, Time(Timestamp::from_second(10).unwrap()));
        assert_eq!(conditions[0].reason, "PodsPending");
        assert!(set(&mut conditions, ready, Status::True, Reason::Ready, "", Some(1), at(30)));
        assert_eq!(conditions[0].last_transition_time, Time(Timestamp::from_second(30).unwrap()));
        assert_eq!(conditions.len(), 1);
    }

    #[test]
    fn saying_the_same_again_changes_nothing_and_a_new_generation_does() {
        let mut conditions = Vec::new();
        let mut say = |generation, second| {
            set(
                &mut conditions,
                ConditionType::Accepted,
                Status::True,
                Reason::Accepted,
                "",
                Some(generation),
                at(second),
            )
        };
        assert!(say(1, 1));
        assert!(!say(1, 2));
        assert!(say(2, 3));
        assert_eq!(conditions[0].last_transition_time, Time(Timestamp::from_second(1).unwrap()));
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let mut conditions = Vec::new();
        set(
            &mut conditions,
            ConditionType::Ready,
            Status::Unknown,
            Reason::Pending,
            "é".repeat(2000),
            None,
            at(0),
        );
        assert!(conditions[0].message.len() <= LONGEST_MESSAGE);
        assert!(conditions[0].message.ends_with("é…"));
    }

    #[test]
    fn a_condition_can_be_found_and_removed() {
        let mut conditions = Vec::new();
        set(
            &mut conditions,
            ConditionType::Insecure,
            Status::True,
            Reason::Insecure,
            "self-signed",
            None,
            at(0),
        );
        assert!(is_true(&conditions, ConditionType::Insecure));
        assert!(!is_true(&conditions, ConditionType::Ready));
        assert!(remove(&mut conditions, ConditionType::Insecure));
        assert!(!remove(&mut conditions, ConditionType::Insecure));
        assert!(find(&conditions, ConditionType::Insecure).is_none());
    }

    #[test]
    fn words_are_camel_case_sorted_and_read_back() {
        let reasons: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        let types: Vec<&str> = ConditionType::ALL.iter().map(|type_| type_.as_str()).collect();
        assert!(reasons.is_sorted() && types.is_sorted());
        for word in reasons.iter().chain(&types) {
            assert!(
                word.starts_with(|c: char| c.is_ascii_uppercase())
                    && word.chars().all(|c| c.is_ascii_alphanumeric())
            );
        }
        for reason in Reason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
            assert!(reason.meaning().ends_with('.'), "{reason}");
        }
        assert_eq!("Fine".parse::<Reason>(), Err(UnknownWord));
    }
}
