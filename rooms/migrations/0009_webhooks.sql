-- What is told to the shop behind it, and what it told.

CREATE TABLE webhook_events (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number     bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    kind       text NOT NULL CHECK (kind ~ '^[a-z_]+\.[a-z_]+$'),
    product_id bigint REFERENCES products,
    body       jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE webhook_events IS 'The outbox of what shops are told; written in the transaction that made it true.';
COMMENT ON COLUMN webhook_events.number IS 'The order in which each endpoint gets them.';

CREATE TABLE webhook_endpoints (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url        text NOT NULL CHECK (char_length(url) BETWEEN 1 AND 2000),
    secret     text NOT NULL CHECK (char_length(secret) BETWEEN 16 AND 200),
    kinds      text[] NOT NULL DEFAULT '{}',
    after      bigint NOT NULL DEFAULT 0,
    failures   integer NOT NULL DEFAULT 0,
    next_at    timestamptz NOT NULL DEFAULT now(),
    paused     boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz
);
COMMENT ON COLUMN webhook_endpoints.kinds IS 'Which kinds it wants; empty for all.';
COMMENT ON COLUMN webhook_endpoints.after IS 'The number up to which it has everything.';

CREATE TABLE webhook_attempts (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id bigint NOT NULL REFERENCES webhook_endpoints,
    event_id    uuid NOT NULL REFERENCES webhook_events,
    at          timestamptz NOT NULL DEFAULT now(),
    status      integer,
    error       text NOT NULL DEFAULT '',
    by_hand     boolean NOT NULL DEFAULT false
);
CREATE INDEX webhook_attempts_event ON webhook_attempts (event_id, at);
CREATE INDEX webhook_attempts_endpoint ON webhook_attempts (endpoint_id, at);

CREATE TABLE webhook_received (
    id         text PRIMARY KEY CHECK (char_length(id) BETWEEN 1 AND 200),
    kind       text NOT NULL,
    body       jsonb NOT NULL,
    answer     jsonb NOT NULL,
    at         timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE webhook_received IS 'Each id once: a repetition gets the first answer.';
