//! A made-up cluster of 10,000 pods on 500 nodes, the same every time, with a few things wrong that tests know of.

mod state;
mod template;

use faultline::cluster::recording::{Recording, Run};
use serde_json::json;

use state::{State, UNSCHEDULABLE};
use template::Template;

pub const PODS: usize = 10_000;
pub const NODES: usize = 500;
pub const NAMESPACES: usize = 200;

/// The Deployment of 2,000 pods, of which one is crash-looping.
pub const FLEET: (&str, &str) = ("fleet", "worker");
pub const FLEET_PODS: usize = 2_000;
/// Far back in every list. Its previous log says that the disk is full.
pub const HIDDEN_POD: &str = "worker-6d5f8c9b7d-x7q4z";

/// The node whose kubelet has gone silent; no pod is left on it.
pub const SILENT_NODE: &str = "node-417";

/// Namespace, Deployment and category of what else is unwell.
pub const UNWELL: [(&str, &str, &str); 6] = [
    ("team-000", "checkout", "ImagePullBackOff"),
    ("team-001", "reports", "OOMKilled"),
    ("team-002", "gateway", "CreateContainerConfigError"),
    ("team-003", "trainer", "FailedScheduling"),
    ("team-004", "mailer", "ConfigurationError"),
    ("team-005", "catalog", "ProbeFailure"),
];

/// Healthy, but with the long log where that was asked for; one line in its middle tells of a refused connection.
pub const LONG_LOG: (&str, &str) = ("team-006", "ledger");
/// Healthy, in the namespace of the event storm.
pub const STORM: (&str, &str) = ("team-007", "noisy");

const APP_IMAGE: &str = "registry.example.com/apps";
const HASH: &str = "6d5f8c9b7d";
const TEAM_WORKLOADS: [&str; 8] = ["api", "billing", "cart", "frontend", "orders", "search", "users", "webhooks"];
const PODS_EACH: usize = 5;

/// What the cluster is to have beside its pods.
#[derive(Debug, Default, Clone, Copy)]
pub struct BigCluster {
    storm_events: usize,
    long_log_bytes: usize,
}

/// The cluster without a storm or a long log.
pub fn big_cluster() -> Recording {
    BigCluster::default().build()
}

impl BigCluster {
    pub fn with_event_storm(self, events: usize) -> Self {
        Self { storm_events: events, ..self }
    }

    pub fn with_long_log(self, bytes: usize) -> Self {
        Self { long_log_bytes: bytes, ..self }
    }

    pub fn build(self) -> Recording {
        let mut making = Making::new();
        (0..NODES).for_each(|number| making.node(number));
        for team in 0..NAMESPACES - 1 {
            let namespace = format!("team-{team:03}");
            making.namespace(&namespace);
            for app in TEAM_WORKLOADS {
                making.workload(&namespace, app, State::Healthy, &suffixes(app, PODS_EACH));
            }
        }
        let states = [
            State::ImageMissing,
            State::OutOfMemory,
            State::ConfigMapMissing,
            State::Unschedulable,
            State::Crashing,
            State::NotReady,
        ];
        for ((namespace, app, _), state) in UNWELL.into_iter().zip(states) {
            making.workload(namespace, app, state, &suffixes(app, PODS_EACH));
        }
        for (namespace, app) in [LONG_LOG, STORM] {
            making.workload(namespace, app, State::Healthy, &suffixes(app, PODS_EACH));
        }
        making.namespace(FLEET.0);
        let mut fleet = suffixes(FLEET.1, FLEET_PODS - 1);
        fleet.extend(HIDDEN_POD.rsplit('-').next().map(str::to_owned));
        making.workload(FLEET.0, FLEET.1, State::Healthy, &fleet);
        making.storm(self.storm_events);
        making.finish(self.long_log_bytes)
    }
}

/// The objects and logs made so far, and the forms that they are made from.
struct Making {
    objects: Vec<String>,
    /// Namespace, pod and text, of both runs.
    logs: Vec<(String, String, &'static str)>,
    forms: Forms,
    version: u64,
}

struct Forms {
    spec: Template,
    pod: Template,
    status: Template,
    deployment: Template,
    replica_set: Template,
    service: Template,
    slice: Template,
    endpoint: Template,
    node: Template,
    event: Template,
}

impl Making {
    fn new() -> Self {
        let forms = Forms {
            spec: Template::new(include_str!("big_cluster/pod_spec.template")),
            pod: Template::new(include_str!("big_cluster/pod.template")),
            status: Template::new(include_str!("big_cluster/status.template")),
            deployment: Template::new(include_str!("big_cluster/deployment.template")),
            replica_set: Template::new(include_str!("big_cluster/replicaset.template")),
            service: Template::new(include_str!("big_cluster/service.template")),
            slice: Template::new(include_str!("big_cluster/slice.template")),
            endpoint: Template::new(include_str!("big_cluster/endpoint.template")),
            node: Template::new(include_str!("big_cluster/node.template")),
            event: Template::new(include_str!("big_cluster/event.template")),
        };
        Self { objects: Vec::with_capacity(20_000), logs: Vec::new(), forms, version: 100_000 }
    }

    fn node(&mut self, number: usize) {
        let name = format!("node-{number:03}");
        let is_silent = name == SILENT_NODE;
        let [falsehood, truth] = if is_silent { ["Unknown"; 2] } else { ["False", "True"] };
        let since = if is_silent { "2026-11-21T10:40:00Z" } else { "2026-11-21T11:59:30Z" };
        let (reason, message) = if is_silent {
            ("NodeStatusUnknown", "Kubelet stopped posting node status.")
        } else {
            ("KubeletReady", "kubelet is posting ready status")
        };
        let taints = if is_silent {
            r#", "taints": [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": "2026-11-21T10:40:45Z"}]"#
        } else {
            ""
        };
        let image = |number: usize| format!(r#"{{"names": ["{APP_IMAGE}/image-{number}:2.14.3"], "sizeBytes": 83886080}}"#);
        let images: Vec<String> = (0..20).map(image).collect();
        let ip = format!("172.16.{}.{}", number / 250, number % 250 + 1);
        let form = self.forms.node.clone();
        self.add(
            &form,
            "node",
            "",
            &name,
            &[
                ("TAINTS", taints),
                ("FALSE", falsehood),
                ("TRUE", truth),
                ("HEARTBEAT", since),
                ("CHANGED", if is_silent { "2026-11-21T10:40:42Z" } else { "2026-06-01T09:01:00Z" }),
                ("REASON", reason),
                ("MESSAGE", message),
                ("IP", &ip),
                ("IMAGES", &images.join(",")),
            ],
        );
    }

    fn namespace(&mut self, name: &str) {
        self.objects.push(json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": name, "uid": uid("namespace", "", name), "labels": { "kubernetes.io/metadata.name": name } },
            "spec": { "finalizers": ["kubernetes"] }, "status": { "phase": "Active" },
        }).to_string());
    }

    fn workload(&mut self, namespace: &str, app: &str, state: State, suffixes: &[String]) {
        let image = state.image(app);
        let spec = self.forms.spec.text(&[
            ("APP", app),
            ("NAMESPACE", namespace),
            ("IMAGE", &image),
            ("MEMORY", state.memory()),
            ("CPU", state.cpu()),
        ]);
        let of_workload =
            [("APP", app), ("NAMESPACE", namespace), ("HASH", HASH), ("IMAGE", image.as_str()), ("SPEC", spec.as_str())];
        let replicas = suffixes.len().to_string();
        let ready = if state.is_ready() {
            format!(r#""readyReplicas": {replicas}, "availableReplicas": {replicas}"#)
        } else {
            format!(r#""unavailableReplicas": {replicas}"#)
        };
        let why = r#", "reason": "MinimumReplicasUnavailable", "message": "Deployment does not have minimum availability.""#;

        let form = self.forms.deployment.with(&of_workload);
        self.add(
            &form,
            "deployment",
            namespace,
            app,
            &[
                ("REPLICAS", &replicas),
                ("AVAILABLE", &ready),
                ("IS_AVAILABLE", if state.is_ready() { "True" } else { "False" }),
                ("WHY_UNAVAILABLE", if state.is_ready() { "" } else { why }),
            ],
        );
        let form = self.forms.replica_set.with(&of_workload);
        let ready = if state.is_ready() { ready.as_str() } else { r#""readyReplicas": 0"# };
        let owner = uid("deployment", namespace, app);
        let set = format!("{app}-{HASH}");
        self.add(&form, "replicaset", namespace, &set, &[("REPLICAS", &replicas), ("READY", ready), ("OWNER_UID", &owner)]);
        if state != State::ConfigMapMissing {
            let name = format!("{app}-settings");
            self.objects.push(
                json!({
                    "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": namespace },
                    "data": { "LOG_LEVEL": "info", "config.yaml": "pool: 10\n" },
                })
                .to_string(),
            );
        }
        let form = self.forms.service.with(&of_workload);
        let ip = format!("10.96.{}.{}", number_of(namespace, app) % 250, number_of(app, namespace) % 250);
        self.add(&form, "service", namespace, app, &[("IP", &ip)]);

        let form = self.forms.pod.with(&of_workload).with(&[("OWNER_UID", &uid("replicaset", namespace, &set))]);
        let status = self.forms.status.with(&of_workload);
        let mut endpoints = Vec::new();
        for suffix in suffixes {
            let name = format!("{set}-{suffix}");
            let state = if name == HIDDEN_POD { State::Crashing } else { state };
            endpoints.extend(self.pod(&form, &status, (namespace, app, &name), state));
        }
        let form = self.forms.slice.with(&of_workload);
        let owner = uid("service", namespace, app);
        for (number, endpoints) in endpoints.chunks(100).enumerate() {
            let suffix = format!("{number:05x}");
            let name = format!("{app}-{suffix}");
            self.add(
                &form,
                "endpointslice",
                namespace,
                &name,
                &[("SUFFIX", &suffix), ("OWNER_UID", &owner), ("ENDPOINTS", &endpoints.join(","))],
            );
        }
    }

    /// Adds a pod with its logs and events; its endpoint, if it has an address.
    fn pod(&mut self, form: &Template, status: &Template, of: (&str, &str, &str), state: State) -> Option<String> {
        let (namespace, app, name) = of;
        let number = number_of(namespace, name);
        let node = match number % NODES {
            417 => "node-418".to_owned(),
            node => format!("node-{node:03}"),
        };
        let ip = format!("10.{}.{}.{}", 128 + number % 100, number / 7 % 250, number / 1_753 % 250);
        let ready = if state.is_ready() { "True" } else { "False" };
        let unready = r#", "reason": "ContainersNotReady", "message": "containers with unready status: [app]""#;
        let status = if state == State::Unschedulable {
            format!(
                r#""conditions": [{{"type": "PodScheduled", "status": "False", "lastProbeTime": null, "lastTransitionTime": "2026-11-20T08:00:00Z", "reason": "Unschedulable", "message": "{UNSCHEDULABLE}"}}]"#
            )
        } else {
            status.text(&[
                ("READY", ready),
                ("UNREADY", if state.is_ready() { "" } else { unready }),
                ("HOST_IP", "172.16.0.1"),
                ("IP", &ip),
                ("STATE", &state.container(namespace, name, app)),
            ])
        };
        let node_field = if state == State::Unschedulable { String::new() } else { format!(r#""nodeName": "{node}","#) };
        self.add(form, "pod", namespace, name, &[("NODE", &node_field), ("PHASE", state.phase()), ("STATUS", &status)]);

        if let Some((reason, message)) = state.event(app) {
            let times = ["2026-11-21T11:58:00Z", "2026-11-21T11:48:00Z"];
            for (number, time) in times.into_iter().enumerate() {
                self.event(namespace, name, (reason, &message), ("Warning", time), number);
            }
        }
        let log = match state {
            State::Healthy | State::NotReady => {
                "{\"level\":\"info\",\"msg\":\"listening on :8080\"}\n{\"level\":\"info\",\"msg\":\"served\"}\n"
            }
            State::OutOfMemory => "loading the reports of a year\n",
            State::Crashing if name == HIDDEN_POD => {
                "worker starting\nfatal: write /var/cache/worker/segment-000123: no space left on device\n"
            }
            State::Crashing => "mailer boot\nError: required environment variable SMTP_URL is not set\n",
            State::ImageMissing | State::ConfigMapMissing | State::Unschedulable => "",
        };
        if !log.is_empty() {
            self.logs.push((namespace.to_owned(), name.to_owned(), log));
        }
        if state == State::Unschedulable {
            return None;
        }
        let endpoint =
            [("IP", ip.as_str()), ("READY", if state.is_ready() { "true" } else { "false" }), ("NAMESPACE", namespace)];
        Some(self.forms.endpoint.with(&endpoint).text(&[("NAME", name), ("UID", &uid("pod", namespace, name)), ("NODE", &node)]))
    }

    fn event(&mut self, namespace: &str, pod: &str, (reason, message): (&str, &str), (sort, time): (&str, &str), number: usize) {
        let form = self.forms.event.clone();
        let suffix = format!("{:016x}", 0x18e9_fa0f_0000_0000_u64 + number as u64);
        let component = if reason == "FailedScheduling" { "default-scheduler" } else { "kubelet" };
        self.add(
            &form,
            "event",
            namespace,
            pod,
            &[
                ("SUFFIX", &suffix),
                ("POD_UID", &uid("pod", namespace, pod)),
                ("FIELD", "spec.containers{app}"),
                ("REASON", reason),
                ("MESSAGE", message),
                ("COMPONENT", component),
                ("HOST", "node-001"),
                ("TIME", time),
                ("COUNT", "7"),
                ("TYPE", sort),
            ],
        );
    }

    fn storm(&mut self, events: usize) {
        let pods: Vec<String> =
            suffixes(STORM.1, PODS_EACH).iter().map(|suffix| format!("{}-{HASH}-{suffix}", STORM.1)).collect();
        for number in 0..events {
            let time = format!("2026-11-21T{:02}:{:02}:{:02}Z", 8 + number % 4, number / 60 % 60, number % 60);
            let message = ("DNSConfigForming", "Nameserver limits were exceeded, some nameservers have been omitted");
            self.event(STORM.0, &pods[number % pods.len()], message, ("Warning", &time), number + 10);
        }
    }

    /// Adds an object that says only its own; `form` knows the rest.
    fn add(&mut self, form: &Template, kind: &str, namespace: &str, name: &str, values: &[(&str, &str)]) {
        self.version += 1;
        let (version, uid) = (self.version.to_string(), uid(kind, namespace, name));
        let mut all = vec![("NAME", name), ("NAMESPACE", namespace), ("UID", &uid), ("VERSION", &version)];
        all.extend_from_slice(values);
        self.objects.push(form.text(&all));
    }

    fn finish(mut self, long_log_bytes: usize) -> Recording {
        let none = [
            ("v1", "ResourceQuota"),
            ("v1", "LimitRange"),
            ("v1", "PersistentVolumeClaim"),
            ("v1", "PersistentVolume"),
            ("apps/v1", "StatefulSet"),
            ("apps/v1", "DaemonSet"),
            ("batch/v1", "Job"),
            ("batch/v1", "CronJob"),
            ("autoscaling/v2", "HorizontalPodAutoscaler"),
            ("policy/v1", "PodDisruptionBudget"),
            ("networking.k8s.io/v1", "Ingress"),
            ("networking.k8s.io/v1", "NetworkPolicy"),
            ("storage.k8s.io/v1", "StorageClass"),
        ];
        let empty = |(version, kind)| {
            json!({ "apiVersion": version, "kind": format!("{kind}List"), "metadata": {}, "items": [] }).to_string()
        };
        self.objects.extend(none.map(empty));

        let mut recording = Recording::from_texts(self.objects);

        for (namespace, pod, text) in self.logs {
            recording.add_log(&namespace, &pod, "app", Run::Current, text);
        }
        if long_log_bytes > 0 {
            let text = long_log(long_log_bytes);
            for suffix in suffixes(LONG_LOG.1, PODS_EACH) {
                let pod = format!("{}-{HASH}-{suffix}", LONG_LOG.1);
                recording.add_log(LONG_LOG.0, &pod, "app", Run::Current, text.clone());
            }
        }
        recording
    }
}

/// Ordinary lines with the kubelet's stamps, and one in the middle that is not.
fn long_log(bytes: usize) -> bytes::Bytes {
    let line =
        "2026-11-21T11:30:00.508358037Z {\"level\":\"info\",\"msg\":\"posted entry\",\"account\":\"1042\",\"duration_ms\":12}\n";
    let telling = "2026-11-21T11:30:01.508358037Z {\"level\":\"error\",\"msg\":\"dial tcp 10.96.44.7:5432: connect: connection refused\"}\n";
    let half = line.repeat(bytes / 2 / line.len());
    bytes::Bytes::from([half.as_str(), telling, half.as_str()].concat())
}

/// Distinct endings of pod names; none is between those that start with `w` and [`HIDDEN_POD`].
fn suffixes(app: &str, count: usize) -> Vec<String> {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvw2456789";
    let start = number_of("suffix", app);
    let suffix = |number: usize| {
        // 7,919 and 25^5 have no common factor, so no two are the same.
        let mut rest = (start + number * 7_919) % LETTERS.len().pow(5);
        let mut letters = [0_u8; 5];
        for letter in &mut letters {
            *letter = LETTERS[rest % LETTERS.len()];
            rest /= LETTERS.len();
        }
        String::from_utf8_lossy(&letters).into_owned()
    };
    (0..count).map(suffix).collect()
}

/// A number that two names always have, and other names have not.
fn number_of(first: &str, second: &str) -> usize {
    let bytes = first.bytes().chain([b'/']).chain(second.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    usize::try_from(hash >> 34).unwrap_or_default()
}

fn uid(kind: &str, namespace: &str, name: &str) -> String {
    let high = number_of(kind, namespace);
    format!("{:08x}-0000-4000-8000-{high:012x}", number_of(namespace, name))
}
