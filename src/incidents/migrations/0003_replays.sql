-- What was answered to a request with a key of idempotency; without a status it is still in work.
CREATE TABLE replays (
    name      text   NOT NULL PRIMARY KEY,
    request   text   NOT NULL,
    until_at  bigint NOT NULL,
    status    bigint,
    headers   text,
    body      text
);
CREATE INDEX replays_until ON replays (until_at);
