//! How the pods of a workload are doing, in the words of a kubelet.

use super::APP_IMAGE;

/// What is wrong with the pods of a workload, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Healthy,
    ImageMissing,
    OutOfMemory,
    ConfigMapMissing,
    Unschedulable,
    Crashing,
    NotReady,
}

impl State {
    pub fn is_ready(self) -> bool {
        self == Self::Healthy
    }

    pub fn phase(self) -> &'static str {
        match self {
            Self::Healthy | Self::OutOfMemory | Self::Crashing | Self::NotReady => "Running",
            Self::ImageMissing | Self::ConfigMapMissing | Self::Unschedulable => "Pending",
        }
    }

    /// The limit that the containers have.
    pub fn memory(self) -> &'static str {
        if self == Self::OutOfMemory { "64Mi" } else { "256Mi" }
    }

    /// The CPU that the containers request.
    pub fn cpu(self) -> &'static str {
        if self == Self::Unschedulable { "64" } else { "250m" }
    }

    pub fn image(self, app: &str) -> String {
        if self == Self::ImageMissing {
            format!("registry.example.com/{app}:2.14.3-rc9")
        } else {
            format!("{APP_IMAGE}/{app}:2.14.3")
        }
    }

    /// The fields `state`, `lastState` and the others of a container's status that tell how it is doing.
    pub fn container(self, namespace: &str, pod: &str, app: &str) -> String {
        let waiting =
            |reason: &str, message: &str| format!(r#""state": {{"waiting": {{"reason": "{reason}", "message": "{message}"}}}}"#);
        let terminated = |code: u8, reason: &str| {
            format!(
                r#""lastState": {{"terminated": {{"exitCode": {code}, "reason": "{reason}", "startedAt": "2026-11-21T11:54:50Z", "finishedAt": "2026-11-21T11:55:02Z", "containerID": "containerd://99c199824fb7462fc577faf6cfcf87f2c3e0d52f032beefb2745fe7dba7a50af"}}}}"#
            )
        };
        let back_off = waiting(
            "CrashLoopBackOff",
            &format!("back-off 5m0s restarting failed container=app pod={pod}_{namespace}(00000000-0000-4000-8000-000000000000)"),
        );
        let running = r#""state": {"running": {"startedAt": "2026-11-20T08:00:05Z"}}"#;
        let (states, is_started, restarts) = match self {
            Self::Healthy => (format!(r#"{running}, "lastState": {{}}, "ready": true"#), true, 0),
            Self::NotReady => (format!(r#"{running}, "lastState": {{}}, "ready": false"#), true, 0),
            Self::ImageMissing => {
                let image = self.image(app);
                let message = format!("Back-off pulling image \\\"{image}\\\": ErrImagePull: {image}: not found");
                (format!(r#"{}, "lastState": {{}}, "ready": false"#, waiting("ImagePullBackOff", &message)), false, 0)
            }
            Self::ConfigMapMissing => {
                let message = format!("configmap \\\"{app}-settings\\\" not found");
                (format!(r#"{}, "lastState": {{}}, "ready": false"#, waiting("CreateContainerConfigError", &message)), false, 0)
            }
            Self::OutOfMemory => (format!(r#"{back_off}, {}, "ready": false"#, terminated(137, "OOMKilled")), false, 41),
            Self::Crashing => (format!(r#"{back_off}, {}, "ready": false"#, terminated(1, "Error")), false, 23),
            Self::Unschedulable => (String::new(), false, 0),
        };
        format!(r#"{states}, "started": {is_started}, "restartCount": {restarts}"#)
    }

    /// Reason and message of the event that tells it. `None` where all is well.
    pub fn event(self, app: &str) -> Option<(&'static str, String)> {
        Some(match self {
            Self::Healthy => return None,
            Self::ImageMissing => ("Failed", format!("Failed to pull image \\\"{0}\\\": {0}: not found", self.image(app))),
            Self::OutOfMemory | Self::Crashing => ("BackOff", "Back-off restarting failed container app in pod".to_owned()),
            Self::ConfigMapMissing => ("Failed", format!("Error: configmap \\\"{app}-settings\\\" not found")),
            Self::Unschedulable => ("FailedScheduling", UNSCHEDULABLE.to_owned()),
            Self::NotReady => ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503".to_owned()),
        })
    }
}

/// What the scheduler says of a pod that asks for more than any node has.
pub const UNSCHEDULABLE: &str = "0/500 nodes are available: 1 node(s) had untolerated taint(s), 499 Insufficient cpu. preemption: \
                                 0/500 nodes are available: 500 Preemption is not helpful for scheduling.";
