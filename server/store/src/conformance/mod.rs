//! What every database behind the store must show, races included.
//!
//! Each claim takes a [`Pair`]: two replicas over one empty database (on SQLite, twice the same handle). [`for_each_claim!`]
//! names them all.
//!
//! [`for_each_claim!`]: crate::for_each_claim

#![expect(clippy::missing_panics_doc, reason = "a claim that is not true panics: that is what it is for")]

mod consents;
mod grants;
mod journey;
mod logouts;
mod races;
mod refresh_tokens;
mod removal;
mod replay;
mod revocations;
mod sessions;

pub use consents::*;
pub use grants::*;
pub use journey::{Journey, NOON, later};
pub use logouts::*;
pub use races::*;
pub use refresh_tokens::*;
pub use removal::*;
pub use replay::*;
pub use revocations::*;
pub use sessions::*;

use std::future::Future;
use std::sync::Arc;

use tokio::sync::Barrier;

use crate::{Store, StoreError};

/// How a claim ends: it asserts, and fails when the store does.
pub type Shown = Result<(), StoreError>;

/// Two replicas over one empty database.
#[derive(Clone, Debug)]
pub struct Pair {
    /// One.
    pub one: Store,
    /// The other.
    pub other: Store,
}

/// Hands the names of all claims to a macro, which makes a test of each.
#[macro_export]
macro_rules! for_each_claim {
    ($tests:ident) => {
        $tests! {
            a_client_cannot_fill_the_store,
            a_client_that_comes_after_the_end_is_told_at_once,
            a_closed_session_stays_closed,
            a_code_and_a_refresh_token_are_never_taken_for_each_other,
            a_code_leads_to_its_grant_and_an_unknown_one_nowhere,
            a_deleted_client_is_told_nothing,
            a_deleted_client_leaves_nothing,
            a_deleted_client_may_keep_what_was_granted,
            a_denial_is_never_shortened,
            a_grant_comes_back_as_it_was_stored,
            a_grant_of_another_client_is_not_revoked,
            a_grant_of_another_person_is_not_withdrawn,
            a_notice_is_one_claimers_until_its_time_is_over,
            a_notice_that_nobody_takes_up_is_forgotten_in_the_end,
            a_person_sees_what_of_theirs_goes_on_the_newest_first,
            a_request_object_leads_to_one_answer,
            a_replaced_refresh_token_works_until_its_grace_is_over,
            a_revoked_grant_has_no_tokens,
            a_withdrawn_grant_has_no_tokens_and_is_not_remembered,
            a_session_lasts_while_it_is_used,
            a_session_that_is_replaced_is_told_only_if_it_is_another_one,
            an_error_answer_leaves_once_and_spends_the_request_object,
            an_identifier_is_used_once_in_every_second_of_its_life,
            consent_is_remembered_for_one_life_of_a_client_in_one_session,
            nobody_agrees_for_another_person,
            no_refresh_succeeds_after_a_revocation,
            of_consent_and_denial_one_counts,
            of_many_answers_one_leaves,
            of_many_first_uses_one_is_first,
            of_many_grants_from_one_object_one_leads_to_an_answer,
            of_many_who_claim_a_notice_one_gets_it,
            of_redemption_and_revocation_no_token_survives,
            of_signing_out_and_a_token_nobody_is_forgotten,
            of_two_browsers_that_sign_in_one_claims_it,
            one_of_many_simultaneous_redeems_wins,
            purging_removes_only_what_has_ended,
            refresh_tokens_can_end_without_their_grant,
            several_browsers_may_open_one_request,
            skipping_a_step_claims_nothing,
            what_is_denied_is_denied_on_every_replica,
            whoever_has_a_part_in_a_closed_session_is_told,
        }
    };
}

/// Runs `task` `count` times at the same moment, on alternate replicas, and returns what happened in each.
async fn at_once<T, F>(
    pair: &Pair,
    count: usize,
    task: impl Fn(usize, Store) -> F,
) -> Result<Vec<T>, StoreError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(count));
    let start = |n: usize| {
        let store = if n.is_multiple_of(2) { &pair.one } else { &pair.other };
        let (barrier, running) = (Arc::clone(&barrier), task(n, store.clone()));
        tokio::spawn(async move {
            barrier.wait().await;
            running.await
        })
    };
    let tasks: Vec<_> = (0..count).map(start).collect();
    let mut outcomes = Vec::with_capacity(count);
    for task in tasks {
        outcomes.push(task.await.expect("a task of a claim does not panic")?);
    }
    Ok(outcomes)
}

fn count<T: PartialEq>(outcomes: &[T], wanted: &T) -> usize {
    outcomes.iter().filter(|outcome| *outcome == wanted).count()
}
