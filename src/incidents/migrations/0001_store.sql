-- Times are milliseconds since 1970 in UTC. JSON is text, kept as it was written.

CREATE TABLE incidents (
    id                text   NOT NULL PRIMARY KEY,
    dedupe_key        text   NOT NULL,
    status            text   NOT NULL,
    severity          text   NOT NULL,
    category          text   NOT NULL,
    target_kind       text   NOT NULL,
    target_namespace  text,
    target_name       text   NOT NULL,
    title             text   NOT NULL,
    started_at        bigint NOT NULL,
    detected_at       bigint NOT NULL,
    last_seen_at      bigint NOT NULL,
    acknowledged_at   bigint,
    mitigated_at      bigint,
    resolved_at       bigint,
    diagnoses         bigint NOT NULL,
    alerts            bigint NOT NULL,
    reopened          bigint NOT NULL,
    entries           bigint NOT NULL,
    version           bigint NOT NULL,
    search_text       text   NOT NULL
);
CREATE UNIQUE INDEX incidents_open ON incidents (dedupe_key) WHERE status <> 'resolved';
CREATE INDEX incidents_key ON incidents (dedupe_key, resolved_at);
CREATE INDEX incidents_newest ON incidents (detected_at, id);
CREATE INDEX incidents_target ON incidents (target_name, target_namespace);

CREATE TABLE timeline (
    incident_id  text   NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    position     bigint NOT NULL,
    at           bigint NOT NULL,
    kind         text   NOT NULL,
    summary      text   NOT NULL,
    actor        text,
    details      text,
    PRIMARY KEY (incident_id, position)
);
CREATE INDEX timeline_kind ON timeline (kind, at);

CREATE TABLE diagnoses (
    id           text   NOT NULL PRIMARY KEY,
    incident_id  text   NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    request_id   text   NOT NULL,
    at           bigint NOT NULL,
    document     text   NOT NULL
);
CREATE INDEX diagnoses_newest ON diagnoses (incident_id, at, id);

-- One chain: each row's hash covers the hash before it. A row of kind outcome or anchor names another row by of_seq.
CREATE TABLE audit (
    seq            bigint NOT NULL PRIMARY KEY,
    at             bigint NOT NULL,
    kind           text   NOT NULL,
    of_seq         bigint,
    actor          text   NOT NULL,
    action         text   NOT NULL,
    target         text   NOT NULL,
    incident_id    text,
    request_id     text,
    details        text   NOT NULL,
    previous_hash  text   NOT NULL,
    hash           text   NOT NULL
);
CREATE UNIQUE INDEX audit_one_outcome ON audit (of_seq) WHERE kind = 'outcome';
CREATE INDEX audit_kind ON audit (kind, at);

CREATE TABLE remediations (
    id                text   NOT NULL PRIMARY KEY,
    incident_id       text   REFERENCES incidents (id) ON DELETE SET NULL,
    action            text   NOT NULL,
    target            text   NOT NULL,
    target_uid        text,
    resource_version  text,
    diff              text   NOT NULL,
    status            text   NOT NULL,
    etag              text   NOT NULL,
    requested_by      text   NOT NULL,
    approver          text,
    undo              text,
    outcome           text,
    created_at        bigint NOT NULL,
    expires_at        bigint NOT NULL,
    decided_at        bigint,
    updated_at        bigint NOT NULL
);
CREATE INDEX remediations_incident ON remediations (incident_id, created_at);
CREATE INDEX remediations_status ON remediations (status, expires_at);

CREATE TABLE alert_queue (
    id           text   NOT NULL PRIMARY KEY,
    fingerprint  text   NOT NULL,
    group_key    text   NOT NULL,
    payload      text   NOT NULL,
    state        text   NOT NULL,
    attempts     bigint NOT NULL,
    queued_at    bigint NOT NULL,
    taken_by     text,
    taken_at     bigint
);
CREATE INDEX alert_queue_state ON alert_queue (state, queued_at, id);
CREATE UNIQUE INDEX alert_queue_waiting ON alert_queue (fingerprint) WHERE state = 'queued';

CREATE TABLE spendings (
    budget  text   NOT NULL,
    at      bigint NOT NULL,
    id      text   NOT NULL PRIMARY KEY
);
CREATE INDEX spendings_budget ON spendings (budget, at);

CREATE TABLE flags (
    name        text   NOT NULL PRIMARY KEY,
    value       text   NOT NULL,
    changed_by  text   NOT NULL,
    changed_at  bigint NOT NULL
);

CREATE TABLE leases (
    name      text   NOT NULL PRIMARY KEY,
    holder    text   NOT NULL,
    until_at  bigint NOT NULL
);

CREATE TABLE claims (
    name      text   NOT NULL PRIMARY KEY,
    holder    text   NOT NULL,
    until_at  bigint NOT NULL
);
