//! What an object was at one moment.

use serde_json::Value;

use super::value::remove;

#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot(pub Value);

impl Snapshot {
    /// Without what changes by itself: status, versions, generations, managed fields, and the number of a deployment's revision.
    pub fn without_noise(&self) -> Value {
        let mut object = self.0.clone();
        remove(&mut object, "status");
        for field in ["managedFields", "resourceVersion", "generation"] {
            remove(&mut object["metadata"], field);
        }
        if !object["metadata"]["annotations"].is_null() {
            remove(&mut object["metadata"]["annotations"], "deployment.kubernetes.io/revision");
        }
        object
    }
}

impl std::ops::Deref for Snapshot {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}
