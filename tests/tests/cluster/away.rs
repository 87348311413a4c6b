//! Pods serve on while the API server is away.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::place::Place;
use crate::programs::{figure, kubectl, own_cluster, root, run, told};
use crate::wait::until;

/// How long it is away, as a rolling upgrade of a control plane may take.
const AWAY: Duration = Duration::from_mins(1);

/// F-O01
#[test]
#[ignore = "needs the test cluster"]
fn pods_serve_on_while_the_api_server_is_away_and_the_operator_catches_up_afterwards() {
    let Some(cluster) = own_cluster("no API server of somebody else's cluster is ended") else { return };
    let place = Place::with("10-fintech-mtls", "fintech");
    let (players, player) = (place.players(), place.player());
    assert_eq!(players.len(), 3);

    end_api_server(Path::new(&cluster));
    assert_ne!(run(kubectl(), ["get", "--raw", "/livez"]).code, Some(0), "the API server is still there");
    let (begun, mut flows) = (Instant::now(), 0);
    while begun.elapsed() < AWAY {
        for player in players.iter().chain([&player]) {
            player.passes("ledger", &[]);
            flows += 1;
        }
    }
    figure(&format!("API server away for {} s: {flows} flows, all passed", AWAY.as_secs()));

    let up = root().join("tests/cluster/up.sh");
    let mut command = std::process::Command::new(up);
    command.args(["--bin", &told("FAPI_TEST_BIN")]);
    run(command, [&cluster]).ok();
    until("the API server", || (run(kubectl(), ["get", "--raw", "/readyz"]).code == Some(0)).then_some(()));
    place.kubectl(&["delete", "clients.fapi.rs/budget"]);
    for player in place.players() {
        player.comes_to_fail("budget", "invalid_client");
    }
    place.player().passes("wallet", &[]);
}

/// Ends the process whose id `up.sh` wrote down, if it is still that process.
fn end_api_server(cluster: &Path) {
    let written = std::fs::read_to_string(cluster.join("pids/kube-apiserver")).unwrap();
    let (pid, started) = written.trim().split_once(' ').unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    assert_eq!(after_name.split(' ').nth(19), Some(started), "another process has this id");
    let mut kill = std::process::Command::new("kill");
    kill.arg("-KILL");
    run(kill, [pid]).ok();
    until("its end", || (!Path::new(&format!("/proc/{pid}")).exists()).then_some(()));
}
