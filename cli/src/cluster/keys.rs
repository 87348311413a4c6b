//! `fapictl keys`: which key signs, and which is next? Every key of every line, as the operator reports it.

use fapi_crds::signing_key::{KeyStatus, SigningKeyStatus};
use fapi_crds::{KeyState, SigningKey};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Serialize;

use super::table::{Cell, Table, Tone};
use super::words::{age, until};
use super::{ClusterArgs, place, word};
use crate::command::Output;
use crate::exit::{Exit, Stop};
use crate::screen::{self, Paint};

const EXAMPLES: &str = "Examples:
  fapictl keys
      every key of the context's namespace
  fapictl keys retail -n bank
      the keys of one Workspace
  fapictl keys -A -o json
      {keys: [{namespace, workspace, signingKey, kid, algorithm, use, state, created, next, notBefore, waitingFor, podsConfirmed, podsTotal}]}

Exit codes: 0 shown, 2 wrong usage, 3 the API server is away, 4 a right is missing.";

/// `fapictl keys`
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct KeysArgs {
    /// Name of a Workspace [default: all of the namespace]
    #[arg(value_name = "WORKSPACE")]
    workspace: Option<String>,
    /// Look at all namespaces
    #[arg(short = 'A', long, conflicts_with = "workspace")]
    all_namespaces: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// One key.
#[derive(PartialEq, Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    namespace: String,
    workspace: String,
    signing_key: String,
    /// Absent: the line has no key yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    algorithm: String,
    #[serde(rename = "use")]
    use_: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<KeyState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Time>,
    /// What it does next: the state that it enters, or that it gets a successor.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for: Option<String>,
    pods_confirmed: i32,
    pods_total: i32,
}

/// Asks, and prints.
pub(crate) async fn run(args: &KeysArgs, output: Output, paint: Paint) -> Result<Exit, Stop> {
    let cluster = args.cluster.connect().await?;
    let mut lines: Vec<SigningKey> = cluster.list(&cluster.scope(args.all_namespaces), None).await?;
    if let Some(name) = &args.workspace {
        lines.retain(|line| line.spec.workspace_ref.name == *name);
        if lines.is_empty() {
            // Whether there is such a Workspace at all.
            cluster.one::<fapi_crds::Workspace>(name).await?;
        }
    }
    let rows: Vec<Row> = lines.iter().flat_map(rows).collect();
    match output {
        Output::Json => screen::print(&format!("{:#}", serde_json::json!({ "keys": rows }))),
        Output::Text if rows.is_empty() => screen::print("There are no SigningKeys here."),
        Output::Text => {
            screen::print(&render(&rows, args.all_namespaces, paint, crate::clock::now()));
        }
    }
    Ok(Exit::Success)
}

/// The keys of a line: the one that signs, those before it, those after it, and what is over.
pub(super) fn rows(line: &SigningKey) -> Vec<Row> {
    let none = SigningKeyStatus::default();
    let status = line.status.as_ref().unwrap_or(&none);
    if status.keys.is_empty() {
        return vec![row(line, status, None)];
    }
    let mut keys: Vec<&KeyStatus> = status.keys.iter().collect();
    let order = |state| match state {
        KeyState::Active => 0,
        KeyState::Published => 1,
        KeyState::Generated => 2,
        KeyState::Retiring => 3,
        KeyState::Revoked => 4,
        KeyState::Retired => 5,
    };
    keys.sort_by_key(|key| order(key.state));
    keys.into_iter().map(|key| row(line, status, Some(key))).collect()
}

fn row(line: &SigningKey, status: &SigningKeyStatus, key: Option<&KeyStatus>) -> Row {
    let (namespace, signing_key) = place(line);
    let next = status.next_transition.as_ref();
    let own = next.filter(|next| key.is_some_and(|key| next.kid.as_ref() == Some(&key.kid)));
    // What is not made yet comes after the key that is active.
    let successor = next.filter(|next| {
        next.kid.is_none() && key.is_none_or(|key| Some(&key.kid) == status.active_kid.as_ref())
    });
    let leaves = key.filter(|key| key.state == KeyState::Retiring).and_then(|key| key.retire_time.clone());
    let (said, not_before, waiting_for) = match (own, successor) {
        (Some(own), _) => (Some(word(&own.to)), own.not_before.clone(), own.waiting_for.clone()),
        (None, Some(successor)) => {
            (Some("successor".to_owned()), successor.not_before.clone(), successor.waiting_for.clone())
        }
        (None, None) => (leaves.is_some().then(|| word(&KeyState::Retired)), None, None),
    };
    let pods = status.pods.as_ref();
    Row {
        namespace,
        workspace: line.spec.workspace_ref.name.clone(),
        signing_key,
        kid: key.map(|key| key.kid.clone()),
        algorithm: word(&line.spec.algorithm),
        use_: word(&line.spec.use_),
        state: key.map(|key| key.state),
        created: key.and_then(|key| key.created_time.clone()),
        next: said,
        not_before: not_before.or(leaves),
        waiting_for,
        pods_confirmed: pods.map_or(0, |pods| pods.confirmed),
        pods_total: pods.map_or(0, |pods| pods.total),
    }
}

fn render(rows: &[Row], everywhere: bool, paint: Paint, now: i64) -> String {
    let mut head =
        vec!["WORKSPACE", "SIGNINGKEY", "KID", "ALG", "USE", "STATE", "AGE", "NEXT", "WHEN", "PODS"];
    if everywhere {
        head.insert(0, "NAMESPACE");
    }
    let mut table = Table::new(&head);
    for row in rows {
        let state = row.state.map_or_else(|| "Pending".to_owned(), |state| word(&state));
        let tone = match row.state {
            Some(KeyState::Active) => Tone::Good,
            Some(KeyState::Retired | KeyState::Revoked) => Tone::Dim,
            _ => Tone::Plain,
        };
        let when = row.not_before.as_ref().map(|time| until(time, now));
        let when = match (when, &row.waiting_for) {
            (Some(when), Some(why)) => format!("{when}, waits for {why}"),
            (None, Some(why)) => format!("waits for {why}"),
            (when, None) => when.unwrap_or_default(),
        };
        let mut cells: Vec<Cell> = vec![
            row.workspace.as_str().into(),
            row.signing_key.as_str().into(),
            row.kid.as_deref().unwrap_or("-").into(),
            row.algorithm.as_str().into(),
            row.use_.as_str().into(),
            Cell::new(state, tone),
            row.created.as_ref().map_or_else(|| "-".to_owned(), |time| age(Some(time), now)).into(),
            row.next.as_deref().unwrap_or("-").into(),
            when.into(),
            format!("{}/{}", row.pods_confirmed, row.pods_total).into(),
        ];
        if everywhere {
            cells.insert(0, row.namespace.as_str().into());
        }
        table.row(cells);
    }
    table.render(paint)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOON: i64 = 1_800_000_000;

    fn time(offset: i64) -> String {
        jiff::Timestamp::from_second(NOON + offset).unwrap().to_string()
    }

    fn line() -> SigningKey {
        let day = 86_400;
        serde_json::from_value(json!({
            "metadata": {"name": "retail-sig-ps256", "namespace": "bank"},
            "spec": {"workspaceRef": {"name": "retail"}, "algorithm": "PS256"},
            "status": {
                "activeKid": "two",
                "keys": [
                    {"kid": "three", "state": "Published", "createdTime": time(-60)},
                    {"kid": "two", "state": "Active", "createdTime": time(-30 * day)},
                    {"kid": "one", "state": "Retiring", "createdTime": time(-60 * day), "retireTime": time(900)},
                ],
                "nextTransition": {"to": "Active", "kid": "three", "notBefore": time(day), "waitingFor": "pods retail-0"},
                "pods": {"confirmed": 1, "total": 2, "summary": "1/2"},
            },
        }))
        .unwrap()
    }

    #[test]
    fn every_key_says_what_it_does_next() {
        insta::assert_snapshot!(render(&rows(&line()), false, Paint::PLAIN, NOON), @r"
        WORKSPACE   SIGNINGKEY         KID     ALG     USE   STATE       AGE   NEXT      WHEN                              PODS
        retail      retail-sig-ps256   two     PS256   sig   Active      30d   -                                           1/2
        retail      retail-sig-ps256   three   PS256   sig   Published   60s   Active    in 24h, waits for pods retail-0   1/2
        retail      retail-sig-ps256   one     PS256   sig   Retiring    60d   Retired   in 15m                            1/2
        ");
    }

    #[test]
    fn a_line_without_keys_is_shown_and_an_active_key_waits_for_its_successor() {
        let mut line = line();
        let status = line.status.as_mut().unwrap();
        status.next_transition.as_mut().unwrap().kid = None;
        let rows = rows(&line);
        assert_eq!((rows[0].kid.as_deref(), rows[0].next.as_deref()), (Some("two"), Some("successor")));
        assert_eq!(rows[1].next, None);
        line.status = None;
        assert_eq!(super::rows(&line)[0].kid, None);
    }
}
