-- What models replied, by the hash of what they were asked; text is the reply as it is remembered, in JSON.
CREATE TABLE model_replies (
    name      text   NOT NULL PRIMARY KEY,
    text      text   NOT NULL,
    bytes     bigint NOT NULL,
    at        bigint NOT NULL,
    until_at  bigint NOT NULL
);
CREATE INDEX model_replies_until ON model_replies (until_at);
