//! Which life of a client is this? Incarnations are kept, deletions become tombstones (`spec/api.md`, Removal).

use std::collections::{BTreeSet, HashMap, HashSet};

use fapi_config::{OnDelete, Tombstone};
use fapi_core::ids::{ClientId, Incarnation};

use super::found::Found;
use super::identity::Candidate;
use super::ledger::{Entry, Ledger};

/// What came out of comparing what is remembered with what there is.
pub(super) struct Lives {
    /// Entries of Clients that exist, or that may.
    pub(super) ledger: Ledger,
    /// Sorted.
    pub(super) tombstones: Vec<Tombstone>,
    /// A remembered Client is absent from a list that may lag.
    pub(super) wants_fresh_list: bool,
}

/// Compares.
pub(super) fn compare(found: &Found, candidates: &[Candidate<'_>]) -> Lives {
    let mut lives = Lives { ledger: Ledger::default(), tombstones: Vec::new(), wants_fresh_list: false };
    let Some(previous) = &found.previous else { return lives };
    // From a backup, objects come back with other uids: names tell then who is who.
    let restored = Some(&previous.manifest.workspace_uid) != found.workspace.metadata.uid.as_ref();
    lives.tombstones.extend(
        previous
            .document
            .tombstones
            .iter()
            .filter(|tombstone| !found.tombstones_done.contains(&tombstone.incarnation))
            .cloned(),
    );
    let present = Present::of(candidates);
    for (id, entry) in &previous.ledger.clients {
        match fate(entry, id, found, &present, restored) {
            Fate::Lives { uid } => {
                lives.ledger.clients.insert(id.clone(), Entry { uid, waiting: false, ..entry.clone() });
            }
            Fate::Unknown => {
                lives.wants_fresh_list |= found.fresh == super::Fresh::No;
                lives.ledger.clients.insert(id.clone(), entry.clone());
            }
            Fate::Waits => {
                lives.ledger.clients.insert(id.clone(), Entry { waiting: true, ..entry.clone() });
            }
            Fate::Ended => lives.tombstones.push(Tombstone {
                client_id: id.clone(),
                incarnation: entry.incarnation.clone(),
                on_delete: OnDelete::RevokeGrants,
            }),
        }
    }
    lives.tombstones.sort();
    lives.tombstones.dedup();
    lives
}

enum Fate {
    /// Its Client is there.
    Lives { uid: String },
    /// Its Client may be there.
    Unknown,
    /// Its Client is deleted, and its grants are kept for one of the same name.
    Waits,
    /// Its Client is deleted.
    Ended,
}

/// The Clients that are there, as they are looked for: each remembered one is.
struct Present<'a> {
    by_name: HashMap<(&'a str, &'a str), &'a Candidate<'a>>,
    taken: HashSet<&'a ClientId>,
}

impl<'a> Present<'a> {
    fn of(candidates: &'a [Candidate<'a>]) -> Self {
        let name = |candidate: &'a Candidate<'a>| {
            ((candidate.key.namespace.as_str(), candidate.key.name.as_str()), candidate)
        };
        let admitted = candidates.iter().filter(|it| !it.deleting && it.admitted.is_ok());
        Self {
            by_name: candidates.iter().map(name).collect(),
            taken: admitted.filter_map(|candidate| candidate.client_id.as_ref().ok()).collect(),
        }
    }
}

fn fate(entry: &Entry, id: &ClientId, found: &Found, present: &Present<'_>, restored: bool) -> Fate {
    let named = present.by_name.get(&(entry.namespace.as_str(), entry.name.as_str())).copied();
    let named = named.filter(|candidate| candidate.client_id.as_ref() == Ok(id));
    let gone = match named {
        Some(candidate) if candidate.deleting => candidate.uid == entry.uid || restored,
        // Grants that were kept belong to whoever has the name now.
        Some(candidate) if restored || entry.waiting || candidate.uid == entry.uid => {
            return Fate::Lives { uid: candidate.uid.clone() };
        }
        // Another Client of the same name: the first was deleted while nobody looked.
        Some(candidate) => {
            if entry.on_delete == OnDelete::KeepGrants {
                return Fate::Lives { uid: candidate.uid.clone() };
            }
            true
        }
        None => found.fresh.covers(&entry.namespace),
    };
    let taken = present.taken.contains(id);
    match (gone || entry.waiting, entry.on_delete) {
        (false, _) => Fate::Unknown,
        // Somebody else has the id now: kept grants are not theirs.
        (true, OnDelete::KeepGrants) if !taken => Fate::Waits,
        (true, _) => Fate::Ended,
    }
}

/// A new life: derived from the uid, so that judging twice gives the same answer, and never one that is being buried.
pub(super) fn incarnation(candidate: &Candidate<'_>, id: &ClientId, buried: &[Tombstone]) -> Incarnation {
    let buried: BTreeSet<&str> = buried.iter().map(|tombstone| tombstone.incarnation.as_str()).collect();
    let mut salt = 0_u32;
    loop {
        let name = format!("{}\n{}\n{id}\n{salt}", candidate.key, candidate.uid);
        let digest = fapi_jose::sha256(name);
        let text: String = fapi_jose::b64::encode(digest).chars().take(22).collect();
        if !buried.contains(text.as_str()) {
            return Incarnation::from_stored(text);
        }
        salt += 1;
    }
}
