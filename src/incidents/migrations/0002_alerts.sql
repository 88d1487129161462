-- What a worker takes together: alerts of one cause, or of one group about one target (empty = no target).
ALTER TABLE alert_queue ADD COLUMN cause text NOT NULL DEFAULT '';
ALTER TABLE alert_queue ADD COLUMN target text NOT NULL DEFAULT '';
ALTER TABLE alert_queue ADD COLUMN alert_state text NOT NULL DEFAULT 'firing';
-- 1 = it ended while it waited; nobody has looked at it.
ALTER TABLE alert_queue ADD COLUMN unseen_firing bigint NOT NULL DEFAULT 0;
CREATE INDEX alert_queue_cause ON alert_queue (cause, state);
CREATE INDEX alert_queue_group ON alert_queue (target, group_key, state);

-- Which alerts fire for which incident, until each is over.
CREATE TABLE firing_alerts (
    fingerprint   text   NOT NULL,
    incident_id   text   NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    cause         text   NOT NULL,
    target        text   NOT NULL,
    group_key     text   NOT NULL,
    diagnosed_at  bigint NOT NULL,
    seen_at       bigint NOT NULL,
    PRIMARY KEY (fingerprint, incident_id)
);
CREATE INDEX firing_alerts_incident ON firing_alerts (incident_id);
CREATE INDEX firing_alerts_cause ON firing_alerts (cause);
CREATE INDEX firing_alerts_group ON firing_alerts (target, group_key);
