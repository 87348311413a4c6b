//! In which format is the document published? The newest that this version writes and that every pod reads, so that operator and
//! servers are upgraded in any order.

use fapi_config::format::{WRITES, agreed, listed};
use fapi_config::state::PodState;
use fapi_crds::Reason;

use crate::rotate::{Acknowledgements, PodView};
use crate::validate::Finding;

/// Most pods that are named.
const MOST_PODS: usize = 5;

/// The format of the next revision; `published` is that of the last one.
///
/// # Errors
/// This version writes none that all pods read: nothing new can be published.
pub fn agree(acks: &Acknowledgements, published: Option<u32>) -> Result<u32, Finding> {
    let told: Vec<(&PodView, &PodState)> = acks
        .pods
        .iter()
        .filter(|pod| !pod.terminating || pod.serving)
        .filter_map(|pod| Some((pod, pod.state.as_ref()?)))
        .collect();
    let readers = || told.iter().map(|(_, state)| state.formats.as_slice());
    // Whoever has not been heard read what was published last, and perhaps nothing newer.
    let silent = acks.pods.iter().any(|pod| pod.running && !pod.terminating && pod.state.is_none());
    let most = published.filter(|_| silent).unwrap_or(u32::MAX);
    agreed(readers(), most).or_else(|| agreed(readers(), u32::MAX)).ok_or_else(|| none_in_common(&told))
}

fn none_in_common(told: &[(&PodView, &PodState)]) -> Finding {
    let cannot = told.iter().filter(|(_, state)| !WRITES.iter().any(|format| state.formats.contains(format)));
    let cannot: Vec<_> = cannot.collect();
    let named = if cannot.is_empty() { told.iter().collect() } else { cannot };
    let mut pods: Vec<String> = named
        .iter()
        .take(MOST_PODS)
        .map(|(pod, state)| format!("pod {} ({}) reads {}", pod.name, state.version, listed(&state.formats)))
        .collect();
    if named.len() > MOST_PODS {
        pods.push(format!("{} more", named.len() - MOST_PODS));
    }
    let reads_newer = |state: &PodState| state.formats.iter().min() > WRITES.iter().max();
    let reads_older = |state: &PodState| state.formats.iter().max() < WRITES.iter().min();
    let advice = if named.iter().all(|(_, state)| reads_newer(state)) {
        "upgrade the operator first"
    } else if named.iter().all(|(_, state)| reads_older(state)) {
        "go back to the operator of the version before, and upgrade the servers with it first"
    } else {
        "bring the servers to one version first"
    };
    let message = format!(
        "this operator ({}) writes {}, and {}: {advice}. Until then nothing new is published, revocations included, and what was \
         published before goes on being served",
        env!("CARGO_PKG_VERSION"),
        listed(WRITES),
        pods.join(", "),
    );
    Finding::no(Reason::FormatNotShared, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, formats: &[u32]) -> PodView {
        let state = json!({"instance": name, "version": "0.1.0", "formats": formats, "startedAt": "2026-01-01T00:00:00Z", "now": "2026-01-01T00:00:00Z"});
        PodView::serving(name, serde_json::from_value(state).unwrap())
    }

    fn among(pods: Vec<PodView>) -> Acknowledgements {
        Acknowledgements { revision: 1, pods }
    }

    /// F-C06
    #[test]
    fn a_format_is_chosen_that_every_pod_reads() {
        assert_eq!(agree(&among(Vec::new()), None).unwrap(), fapi_config::format::newest());
        assert_eq!(agree(&among(vec![pod("a", &[1]), pod("b", &[1, 2])]), Some(1)).unwrap(), 1);
        let silent = PodView { state: None, ..pod("c", &[]) };
        assert_eq!(agree(&among(vec![pod("a", &[1, 2]), silent]), Some(1)).unwrap(), 1);
        let leaves = PodView { terminating: true, serving: false, ..pod("d", &[7]) };
        assert_eq!(
            agree(&among(vec![pod("a", &[1]), leaves]), Some(1)).unwrap(),
            1,
            "it serves nobody any more"
        );
    }

    /// F-C06: two versions at once.
    #[test]
    fn pods_that_read_none_that_is_written_are_named_with_what_to_upgrade_first() {
        let refused = |pods| agree(&among(pods), Some(1)).unwrap_err().message;
        let newer = refused(vec![pod("a", &[1, 2]), pod("b", &[2, 3])]);
        assert!(
            newer.contains(
                "writes format 1, and pod b (0.1.0) reads formats 2 and 3: upgrade the operator first."
            ),
            "{newer}"
        );
        assert!(!newer.contains("pod a"), "{newer}");
        let older = refused(vec![pod("a", &[0])]);
        assert!(older.contains("go back to the operator of the version before"), "{older}");
        let both = refused(vec![pod("a", &[0]), pod("b", &[2])]);
        assert!(both.contains("bring the servers to one version first"), "{both}");
        let many = refused((0..7).map(|n| pod(&n.to_string(), &[2])).collect());
        assert!(many.contains("pod 4 (0.1.0) reads format 2, 2 more: upgrade"), "{many}");
    }
}
