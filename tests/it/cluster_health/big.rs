//! 10,000 pods on 500 nodes: the few that are unwell are found, in little memory.

use std::collections::BTreeSet;

use super::{health, problems, service};
use crate::support::{
    big_cluster::{FLEET, NAMESPACES, NODES, PODS, SILENT_NODE, UNWELL, big_cluster},
    kubernetes::FakeApi,
};
use faultline::cluster::Cluster;

#[tokio::test]
async fn the_few_that_are_unwell_are_found_among_many() {
    let health = health(&service(Cluster::of_recording(big_cluster())), "/cluster-health").await;
    let totals = &health["totals"];
    assert_eq!((&totals["pods"], &totals["nodes"]), (&PODS.into(), &NODES.into()));
    assert_eq!((&totals["nodes_ready"], &totals["namespaces"]), (&(NODES - 1).into(), &NAMESPACES.into()));
    let mut wanted: BTreeSet<(String, String)> = UNWELL
        .iter()
        .map(|(namespace, name, category)| (format!("deployment/{namespace}/{name}"), (*category).to_owned()))
        .collect();
    wanted.insert((format!("deployment/{}/{}", FLEET.0, FLEET.1), "DiskFull".to_owned()));
    wanted.insert((format!("node/{SILENT_NODE}"), "NodeNotReady".to_owned()));
    let found: BTreeSet<_> = problems(&health).into_iter().collect();
    assert_eq!(found, wanted);
    assert_eq!(totals["problems"], wanted.len());
}

/// The high-water mark of a process's memory, from when it was last set back.
#[cfg(target_os = "linux")]
fn peak_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process lives");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a high-water mark");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_sweep_over_ten_thousand_pods_keeps_its_memory_small() {
    use crate::support::serving::Serving;

    let api = FakeApi::of(big_cluster());
    let listening = api.listen().await;
    let serving = Serving::start(&["--kubeconfig", listening.kubeconfig().to_str().expect("a readable path")]);
    // Whatever the first request of all costs is not the sweep's.
    assert!(serving.get("/cluster-health?namespace=team-000").await.contains("\"status\":\"unhealthy\""));
    let before = peak_kib(serving.process());
    let first = serving.get("/cluster-health").await;
    let extra = peak_kib(serving.process()) - before;
    assert!(first.contains(&format!("\"pods\":{PODS}")), "{}", &first[..2000]);
    assert!(extra < 150 << 10, "{extra} KiB");
    api.take_seen();
    assert!(serving.get("/cluster-health").await.contains("\"cached\":true"));
    assert!(!api.seen().iter().any(|seen| seen.path != "/version"), "{:?}", api.seen());
    println!("extra memory of a sweep over {PODS} pods: {extra} KiB");
}
