-- How a broadcast sells: its rundown, what was pinned when, giveaways, what was ordered in comments.

CREATE TABLE rundown (
    broadcast_id bigint NOT NULL REFERENCES broadcasts ON DELETE CASCADE,
    product_id   bigint NOT NULL REFERENCES products,
    place        integer NOT NULL,
    planned_at   timestamptz,
    PRIMARY KEY (broadcast_id, product_id)
);

CREATE TABLE product_pins (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room_id         bigint NOT NULL REFERENCES rooms,
    broadcast_id    bigint REFERENCES broadcasts,
    product_id      bigint NOT NULL REFERENCES products,
    second          integer CHECK (second >= 0),
    pinned_at       timestamptz NOT NULL,
    unpinned_at     timestamptz
);
COMMENT ON COLUMN product_pins.second IS 'Of the broadcast, for the replay; NULL before it began.';
CREATE UNIQUE INDEX product_pins_one ON product_pins (room_id) WHERE unpinned_at IS NULL;
CREATE INDEX product_pins_broadcast ON product_pins (broadcast_id, pinned_at);

CREATE TABLE giveaways (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room_id        bigint NOT NULL REFERENCES rooms,
    title          text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 120),
    winners        integer NOT NULL CHECK (winners BETWEEN 1 AND 100),
    commitment     bytea NOT NULL CHECK (length(commitment) = 32),
    seed           bytea NOT NULL CHECK (length(seed) = 32),
    closes_at      timestamptz NOT NULL,
    entries_digest bytea CHECK (length(entries_digest) = 32),
    drawn_at       timestamptz,
    created_by     bigint REFERENCES members,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CHECK ((drawn_at IS NULL) = (entries_digest IS NULL))
);
COMMENT ON COLUMN giveaways.commitment IS 'SHA-256 of the seed, told when it opens; the seed is told when it is drawn.';

CREATE TABLE giveaway_entries (
    giveaway_id bigint NOT NULL REFERENCES giveaways,
    person      text NOT NULL,
    name        text NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    place       integer,
    PRIMARY KEY (giveaway_id, person)
);
COMMENT ON COLUMN giveaway_entries.place IS 'From 1 for those who won.';

CREATE TABLE spoken_orders (
    message_id  uuid PRIMARY KEY,
    room_id     bigint NOT NULL REFERENCES rooms,
    person      text NOT NULL,
    name        text NOT NULL,
    epoch       bigint NOT NULL,
    "offset"    bigint NOT NULL,
    product_id  bigint REFERENCES products,
    variant_id  bigint REFERENCES variants,
    quantity    integer NOT NULL CHECK (quantity > 0),
    question    text NOT NULL DEFAULT '',
    done_at     timestamptz,
    outcome     text NOT NULL DEFAULT '',
    at          timestamptz NOT NULL
);
COMMENT ON TABLE spoken_orders IS 'Comments that mean to buy, carried out in the order in which they were said.';
COMMENT ON COLUMN spoken_orders.question IS 'Why it is asked back instead: a near miss.';
CREATE INDEX spoken_orders_open ON spoken_orders (room_id, epoch, "offset") WHERE done_at IS NULL;
