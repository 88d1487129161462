//! Jobs: pods until enough have succeeded, or too many have failed.

use serde_json::{Value, json};

use super::{
    pod::restarts,
    replica_set::{Name, create_pod},
    set_condition,
};
use crate::support::living::{
    resource::of_kind,
    value::{condition, count, default, is_active, is_going, is_ready, is_true, name, number, text},
    world::World,
};

pub fn run(world: &mut World) {
    for job in world.all("Job") {
        let is_over = ["Complete", "Failed"].iter().any(|kind| condition(&job, kind).is_some());
        if !is_going(&job) && !is_over && !is_true(&job, "/spec/suspend") {
            sync(world, &job);
        }
    }
}

fn sync(world: &mut World, job: &Value) {
    let pods = world.controlled("Pod", job);
    let in_phase = |phase: &str| count(&pods.iter().filter(|pod| text(pod, "/status/phase") == phase).collect::<Vec<_>>());
    let (succeeded, failed) = (in_phase("Succeeded"), in_phase("Failed"));
    let active: Vec<&Value> = pods.iter().filter(|pod| is_active(pod)).collect();
    let parallelism = number(job, "/spec/parallelism").unwrap_or(1);
    let wanted = number(job, "/spec/completions");
    let forgiven = number(job, "/spec/backoffLimit").unwrap_or(6);
    let in_place: i64 = active.iter().map(|pod| restarts(pod)).sum();
    let is_failed = failed > forgiven || in_place > 0 && in_place >= forgiven;
    let is_complete = wanted.map_or(succeeded > 0 && active.is_empty(), |wanted| succeeded >= wanted);
    let mut running = count(&active);
    if is_failed || is_complete {
        for pod in &active {
            world.delete(of_kind("Pod"), pod, 0);
        }
        running = 0;
    } else {
        let missing = wanted.map_or(parallelism, |wanted| parallelism.min(wanted - succeeded)) - count(&active);
        // Without a number of completions, one success means that no more pods are made.
        let missing = if wanted.is_none() && succeeded > 0 { 0 } else { missing };
        for _ in 0..missing {
            if create_pod(world, job, &job["spec"]["template"], &Name::Generated).is_ok() {
                running += 1;
            }
        }
    }
    let ready = count(&active.iter().filter(|pod| is_ready(pod)).collect::<Vec<_>>());
    let time = world.time();
    let is_changed = world.change("Job", job, |job| {
        let status = &mut job["status"];
        default(status, "startTime", time.clone());
        status["uncountedTerminatedPods"] = json!({});
        status["ready"] = if running == 0 { 0 } else { ready }.into();
        for (field, number) in [("active", running), ("succeeded", succeeded), ("failed", failed)] {
            super::super::value::remove(status, field);
            if number > 0 {
                status[field] = number.into();
            }
        }
        if is_failed {
            let message = "Job has reached the specified backoff limit";
            set_condition(job, &time, "FailureTarget", "True", "BackoffLimitExceeded", message);
            set_condition(job, &time, "Failed", "True", "BackoffLimitExceeded", message);
        } else if is_complete {
            job["status"]["completionTime"] = time.clone().into();
            let message = "Reached expected number of succeeded pods";
            set_condition(job, &time, "SuccessCriteriaMet", "True", "CompletionsReached", message);
            set_condition(job, &time, "Complete", "True", "CompletionsReached", message);
        }
    });
    if is_changed && is_failed {
        world.event(job, "Warning", "BackoffLimitExceeded", "Job has reached the specified backoff limit", "job-controller");
    } else if is_changed && is_complete {
        world.event(job, "Normal", "Completed", &format!("Job completed: {}", name(job)), "job-controller");
    }
}
