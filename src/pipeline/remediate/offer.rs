//! What a diagnosis recommends and the policy allows becomes a proposal, so that a person has only to approve it.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{
    super::{Stages, stage::stage},
    AUTO, NotDone, Wish, auto, mode, propose, store,
};
use crate::{
    domain::{
        advice::{FixCommand, Proposer},
        diagnosis::Diagnosis,
        evidence::Gap,
    },
    guard,
    remediate::Mode,
};

/// Nobody who asks waits longer for proposals than this.
const OFFER_WITHIN: Duration = Duration::from_secs(3);
/// Proposals of one diagnosis.
const MOST_OFFERS: usize = 2;

/// The diagnosis with the proposals of its commands. In mode auto, the first that may be done without a person is.
pub async fn offer(stages: &Stages, diagnosis: Diagnosis, namespace: Option<&str>) -> Diagnosis {
    if mode(stages) == Mode::Off || diagnosis.incident_id.is_none() || stages.cluster.writer().is_none() {
        return diagnosis;
    }
    let candidates: Vec<usize> = diagnosis
        .fix_commands
        .iter()
        .enumerate()
        .filter(|(_, command)| command.placeholders.is_empty())
        .filter(|(_, command)| guard::action::action(&command.command, namespace).is_ok())
        .map(|(at, _)| at)
        .take(MOST_OFFERS)
        .collect();
    if candidates.is_empty() {
        return diagnosis;
    }
    let mut answer = (*diagnosis.answer).clone();
    let offering = async {
        for at in candidates {
            let command = answer.fix_commands[at].clone();
            match one(stages, &diagnosis, &command, namespace).await {
                Ok((id, why_not)) => {
                    answer.fix_commands[at].remediation_id = Some(id);
                    answer.gaps.extend(why_not.map(|why| Gap::new("remediate", "auto", why)));
                }
                Err(NotDone::Forbidden(_)) => {}
                Err(error) => {
                    let why = format!("{} is not proposed: {error}", command.command);
                    answer.gaps.push(Gap::new("remediate", "proposal", super::clean(stages, &why)));
                }
            }
        }
    };
    if stage("remediate", timeout(OFFER_WITHIN, offering)).await.is_err() {
        answer.gaps.push(Gap::new("remediate", "proposal", "the cluster or the store did not answer in time"));
    }
    Diagnosis { answer: Arc::new(answer), ..diagnosis }
}

/// Its id, and in mode auto why it waits for a person.
async fn one(
    stages: &Stages,
    diagnosis: &Diagnosis,
    command: &FixCommand,
    namespace: Option<&str>,
) -> Result<(String, Option<String>), NotDone> {
    let now = diagnosis.timestamp;
    let action = guard::action::action(&command.command, namespace).map_err(|error| NotDone::Changed(error.why))?;
    let wish = Wish {
        action,
        command: Some(command.command.clone()),
        requested_by: AUTO.to_owned(),
        incident_id: diagnosis.incident_id.clone(),
        request_id: Some(diagnosis.request_id.clone()),
    };
    let shown = propose::propose(stages, &wish, now).await?;
    let why_not = match command.source {
        Proposer::Rules => auto::consider(stages, &store(stages)?, &shown, diagnosis, now).await?,
        Proposer::Model => Some("a model proposed it".to_owned()).filter(|_| mode(stages) == Mode::Auto),
    };
    Ok((shown.id().to_owned(), why_not))
}
