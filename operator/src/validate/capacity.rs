//! What fits into the files? The newest Clients, and the newest pictures, are refused where one is full; those that are served go on.

use std::collections::{BTreeMap, HashMap};

use fapi_config::{Logos, MAX_LOGO_SHARD_BYTES, MAX_SHARD_BYTES, shard_of};
use fapi_core::client::Registration;
use fapi_core::ids::ClientId;
use fapi_core::logo::LogoId;
use fapi_crds::Reason;

use super::found::Found;
use super::verdict::{ClientVerdict, Finding};
use crate::logo::Logo;

/// The pictures that may be published: those that were, and those that were read.
pub(super) struct Pictures {
    known: Logos,
    /// What goes on being published of a Client whose new picture has no room.
    without: BTreeMap<ClientId, Registration>,
}

impl Pictures {
    /// Those that are published.
    pub(super) fn of(found: &Found) -> Self {
        let known = found.previous.as_ref().map(|previous| previous.logos.clone());
        Self { known: known.unwrap_or_default(), without: BTreeMap::new() }
    }

    /// One that was read.
    pub(super) fn add(
        &mut self,
        logo: Logo,
        client: &ClientId,
        last_good: Option<&Registration>,
        enabled: bool,
    ) {
        self.known.insert(logo.id, logo.png);
        if let Some(last_good) = last_good.cloned() {
            let enabled = last_good.enabled && enabled;
            self.without.insert(client.clone(), Registration { logo: None, enabled, ..last_good });
        }
    }
}

/// What is published of all that may be.
#[derive(Default)]
pub(super) struct Capacity {
    pub(super) published: Vec<Registration>,
    pub(super) logos: Logos,
    used: BTreeMap<u8, usize>,
    shown: BTreeMap<u8, Shown>,
}

/// The pictures of a shard.
#[derive(Default)]
struct Shown {
    bytes: usize,
    logos: Vec<LogoId>,
}

impl Capacity {
    pub(super) fn of(verdicts: &mut [ClientVerdict], found: &Found, pictures: &Pictures, shards: u8) -> Self {
        let previous = |verdict: &ClientVerdict| {
            let id = verdict.client_id.as_ref()?;
            found.previous.as_ref()?.clients.get(id)
        };
        let ages: HashMap<&str, jiff::Timestamp> = found
            .clients
            .iter()
            .map(|found| &found.client.metadata)
            .filter_map(|meta| Some((meta.uid.as_deref()?, meta.creation_timestamp.as_ref()?.0)))
            .collect();
        let created = |verdict: &ClientVerdict| ages.get(verdict.uid.as_str()).copied();
        let mut order: Vec<(bool, Option<jiff::Timestamp>, usize)> = verdicts
            .iter()
            .enumerate()
            .filter(|(_, verdict)| verdict.registration.is_some())
            .map(|(index, verdict)| (previous(verdict).is_none(), created(verdict), index))
            .collect();
        order.sort_unstable();

        let mut capacity = Self::default();
        // Pictures that are shown already, before any that is new: nobody's takes the place of another's.
        for (_, _, index) in &order {
            let Some(verdict) = verdicts.get(*index) else { continue };
            let Some(registration) = &verdict.registration else { continue };
            if previous(verdict).is_some_and(|previous| previous.logo == registration.logo) {
                capacity.show(registration, pictures, shards);
            }
        }
        for (_, _, index) in order {
            let Some(verdict) = verdicts.get_mut(index) else { continue };
            let Some(registration) = verdict.registration.take() else { continue };
            capacity.publish(verdict, registration, pictures, shards);
        }
        capacity
    }

    fn publish(
        &mut self,
        verdict: &mut ClientVerdict,
        mut registration: Registration,
        pictures: &Pictures,
        shards: u8,
    ) {
        if registration.logo.as_ref().is_some_and(|logo| !pictures.known.contains_key(logo)) {
            // Somebody took it out of the published file. Nobody is refused for a picture.
            registration.logo = None;
        }
        if !self.show(&registration, pictures, shards) {
            let message = "logo: the Workspace has no room for the picture: make it smaller, leave it out, or raise config.clientShards";
            verdict.accepted = Finding::no(Reason::CapacityExceeded, message);
            let Some(without) = pictures.without.get(&registration.client_id) else { return };
            registration = without.clone();
        }
        let shard = shard_of(&registration.client_id, shards);
        let size = fapi_config::canonical::to_vec(&registration).map_or(usize::MAX, |bytes| bytes.len() + 1);
        let total = self.used.entry(shard).or_default();
        if total.saturating_add(size) > MAX_SHARD_BYTES {
            let message =
                "the Workspace's document is full: raise config.clientShards, or use another Workspace";
            verdict.accepted = Finding::no(Reason::CapacityExceeded, message);
            return;
        }
        *total += size;
        verdict.shard = Some(shard);
        verdict.registration = Some(registration.clone());
        self.published.push(registration);
    }

    /// Takes up the picture of a client, once for all who show it. `false`: there is no room for it.
    fn show(&mut self, registration: &Registration, pictures: &Pictures, shards: u8) -> bool {
        let Some(id) = &registration.logo else { return true };
        let Some(png) = pictures.known.get(id) else { return true };
        let shown = self.shown.entry(shard_of(&registration.client_id, shards)).or_default();
        if shown.logos.contains(id) {
            return true;
        }
        // Around them stand the braces of the file.
        let bytes = shown.bytes + png.file_bytes();
        if bytes + 16 > MAX_LOGO_SHARD_BYTES {
            return false;
        }
        shown.bytes = bytes;
        shown.logos.push(id.clone());
        self.logos.insert(id.clone(), png.clone());
        true
    }
}
