-- What is told to the shop behind it, and what it told.

CREATE TABLE shop_settings (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    checkout_url text NOT NULL DEFAULT '' CHECK (char_length(checkout_url) <= 2000),
    secrets      text[] NOT NULL DEFAULT '{}' CHECK (cardinality(secrets) <= 3)
);
COMMENT ON COLUMN shop_settings.checkout_url IS 'Where people pay, unless a product says otherwise.';
COMMENT ON COLUMN shop_settings.secrets IS 'Shared with the shop, the newest first; more than one while they are being changed.';
INSERT INTO shop_settings DEFAULT VALUES;

CREATE SEQUENCE webhook_numbers;

CREATE TABLE webhook_events (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    written    bigint GENERATED ALWAYS AS IDENTITY,
    number     bigint UNIQUE,
    kind       text NOT NULL CHECK (kind ~ '^[a-z_]+\.[a-z_]+$'),
    product_id bigint REFERENCES products,
    body       jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE webhook_events IS 'The outbox of what shops are told; written in the transaction that made it true.';
COMMENT ON COLUMN webhook_events.number IS 'The order in which each endpoint gets them. Given after the commit: what was written before something else may be committed after it, and would be passed over.';
CREATE INDEX webhook_events_unnumbered ON webhook_events (written) WHERE number IS NULL;

CREATE TABLE webhook_endpoints (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url          text NOT NULL CHECK (char_length(url) BETWEEN 1 AND 2000),
    secrets      text[] NOT NULL CHECK (cardinality(secrets) BETWEEN 1 AND 3),
    kinds        text[] NOT NULL DEFAULT '{}',
    after        bigint NOT NULL DEFAULT 0,
    missed       bigint NOT NULL DEFAULT 0,
    failures     integer NOT NULL DEFAULT 0,
    next_at      timestamptz NOT NULL DEFAULT '-infinity',
    paused       boolean NOT NULL DEFAULT false,
    lease        uuid,
    leased_until timestamptz NOT NULL DEFAULT '-infinity',
    created_at   timestamptz NOT NULL DEFAULT now(),
    removed_at   timestamptz
);
COMMENT ON COLUMN webhook_endpoints.secrets IS 'The newest first; each signs while they are being changed.';
COMMENT ON COLUMN webhook_endpoints.kinds IS 'Which kinds it wants; empty for all.';
COMMENT ON COLUMN webhook_endpoints.after IS 'The number up to which it has everything.';
COMMENT ON COLUMN webhook_endpoints.missed IS 'How many events it never took: too old by now, or skipped by hand.';
COMMENT ON COLUMN webhook_endpoints.lease IS 'Which worker sends to it, until when: one at a time, in order.';

CREATE TABLE webhook_attempts (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id bigint NOT NULL REFERENCES webhook_endpoints,
    event_id    uuid NOT NULL REFERENCES webhook_events ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    ms          integer NOT NULL,
    status      integer,
    error       text NOT NULL DEFAULT '',
    by_hand     boolean NOT NULL DEFAULT false
);
COMMENT ON COLUMN webhook_attempts.status IS 'What was answered; NULL when nothing was.';
CREATE INDEX webhook_attempts_event ON webhook_attempts (event_id, at);
CREATE INDEX webhook_attempts_endpoint ON webhook_attempts (endpoint_id, id);
CREATE INDEX webhook_attempts_at ON webhook_attempts (at);

CREATE TABLE webhook_again (
    endpoint_id bigint NOT NULL REFERENCES webhook_endpoints,
    event_id    uuid NOT NULL REFERENCES webhook_events ON DELETE CASCADE,
    asked_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (endpoint_id, event_id)
);
COMMENT ON TABLE webhook_again IS 'What the owner wants sent once more; done ahead of what comes in order.';

CREATE TABLE webhook_received (
    id         text PRIMARY KEY CHECK (char_length(id) BETWEEN 1 AND 200),
    kind       text NOT NULL,
    body       jsonb NOT NULL,
    answer     jsonb,
    refused    boolean NOT NULL DEFAULT false,
    at         timestamptz NOT NULL
);
COMMENT ON TABLE webhook_received IS 'Each id once: a repetition gets the first answer.';
COMMENT ON COLUMN webhook_received.answer IS 'NULL while somebody works on it.';
CREATE INDEX webhook_received_at ON webhook_received (at);
