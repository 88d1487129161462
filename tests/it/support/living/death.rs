//! Processes that die in the middle of what they do.

use std::sync::Mutex;

use tokio::sync::watch;

use crate::support::kubernetes::lock;

/// When a process dies, as its write sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The write never happens.
    Before,
    /// The write has happened, and nobody hears of it.
    After,
}

/// The death of a process, for the test to wait for: `select!` it with the process, and drop that.
pub struct Death(watch::Receiver<bool>);

impl Death {
    pub fn has_happened(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it has.
    pub async fn happened(&mut self) {
        self.0.wait_for(|happened| *happened).await.expect("a cluster outlives its deaths");
    }
}

#[derive(Default)]
pub struct Deaths(Mutex<Plan>);

#[derive(Default)]
struct Plan {
    /// Which process it is that clients belong to. Clients of earlier ones are dead.
    life: u64,
    next: Option<Next>,
}

struct Next {
    moment: Moment,
    /// How many writes there still are, the last one included.
    left: usize,
    told: watch::Sender<bool>,
}

impl Deaths {
    pub fn life(&self) -> u64 {
        lock(&self.0).life
    }

    pub fn is_over(&self, life: u64) -> bool {
        life < self.life()
    }

    pub fn plan(&self, moment: Moment, n: usize) -> Death {
        let (told, death) = watch::channel(false);
        lock(&self.0).next = Some(Next { moment, left: n.max(1), told });
        Death(death)
    }

    /// Counts a write. `Some` = it is the last one of its process, which dies at that moment.
    pub fn count(&self, life: u64) -> Option<Moment> {
        let mut plan = lock(&self.0);
        if life != plan.life {
            return None;
        }
        let next = plan.next.as_mut()?;
        next.left -= 1;
        if next.left > 0 {
            return None;
        }
        let next = plan.next.take()?;
        plan.life += 1;
        // Nobody may be waiting.
        let _ = next.told.send(true);
        Some(next.moment)
    }
}
