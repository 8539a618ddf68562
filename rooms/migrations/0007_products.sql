-- What is sold: products with their variants, reservations of stock, orders, who waits.

CREATE TABLE products (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title         text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    about         text NOT NULL DEFAULT '' CHECK (char_length(about) <= 5000),
    code          text CHECK (char_length(code) BETWEEN 1 AND 20),
    currency      text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    pictures      text[] NOT NULL DEFAULT '{}',
    per_person    integer CHECK (per_person > 0),
    source        text UNIQUE,
    checkout      text NOT NULL DEFAULT 'community' CHECK (checkout IN ('community', 'address', 'offline')),
    checkout_url  text NOT NULL DEFAULT '',
    hold_seconds  integer NOT NULL DEFAULT 300 CHECK (hold_seconds BETWEEN 5 AND 604800),
    stopped       boolean NOT NULL DEFAULT false,
    version       bigint NOT NULL DEFAULT 1,
    mirrored      bigint NOT NULL DEFAULT 0,
    stock_epoch   bigint NOT NULL DEFAULT 0,
    created_by    bigint REFERENCES members,
    created_at    timestamptz NOT NULL DEFAULT now(),
    archived_at   timestamptz,
    CHECK ((checkout = 'address') <= (checkout_url <> ''))
);
COMMENT ON COLUMN products.code IS 'What the host calls it on the stream, folded; unique among those not archived.';
COMMENT ON COLUMN products.pictures IS 'Addresses, or file names under /media; the first is the one on cards.';
COMMENT ON COLUMN products.per_person IS 'How many one person may hold and have bought; NULL for no limit.';
COMMENT ON COLUMN products.source IS 'Where an import took it from, so that a second one changes it instead.';
COMMENT ON COLUMN products.hold_seconds IS 'How long a reservation is held for whoever made it.';
COMMENT ON COLUMN products.version IS 'Counts every change that Redis has to learn of; its row lock orders them.';
COMMENT ON COLUMN products.mirrored IS 'The version that Redis has learned of.';
COMMENT ON COLUMN products.stock_epoch IS 'Since when (ms) Redis has kept its holds; entries of an older one are void.';
CREATE INDEX products_unmirrored ON products (id) WHERE mirrored < version;
CREATE UNIQUE INDEX products_code ON products (code) WHERE archived_at IS NULL;

CREATE TABLE variants (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id bigint NOT NULL REFERENCES products,
    place      integer NOT NULL DEFAULT 0,
    title      text NOT NULL DEFAULT '' CHECK (char_length(title) <= 120),
    code       text NOT NULL DEFAULT '' CHECK (char_length(code) <= 20),
    sku        text NOT NULL DEFAULT '' CHECK (char_length(sku) <= 120),
    price      bigint NOT NULL CHECK (price BETWEEN 0 AND 9007199254740991),
    was_price  bigint CHECK (was_price > price AND was_price <= 9007199254740991),
    total      integer NOT NULL DEFAULT 0 CHECK (total >= 0),
    sold       integer NOT NULL DEFAULT 0 CHECK (sold >= 0),
    removed_at timestamptz,
    CHECK (sold <= total)
);
COMMENT ON COLUMN variants.title IS 'Empty for the only variant of a product without any.';
COMMENT ON COLUMN variants.code IS 'What the host calls it on the stream, folded: M, red.';
COMMENT ON COLUMN variants.price IS 'In minor units of the currency of the product.';
COMMENT ON COLUMN variants.total IS 'Everything there is to sell, what is sold included.';
CREATE INDEX variants_product ON variants (product_id, place);
CREATE UNIQUE INDEX variants_code ON variants (product_id, code) WHERE removed_at IS NULL;

CREATE TABLE sales (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id bigint NOT NULL REFERENCES products,
    room_id    bigint NOT NULL REFERENCES rooms,
    price      bigint NOT NULL CHECK (price BETWEEN 0 AND 9007199254740991),
    total      integer NOT NULL CHECK (total > 0),
    sold       integer NOT NULL DEFAULT 0 CHECK (sold >= 0),
    per_person integer CHECK (per_person > 0),
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    told       smallint NOT NULL DEFAULT 0 CHECK (told BETWEEN 0 AND 2),
    created_by bigint REFERENCES members,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (sold <= total),
    CHECK (ends_at >= starts_at)
);
COMMENT ON TABLE sales IS 'Flash sales: a price for every variant of a product, for some minutes of server time.';
COMMENT ON COLUMN sales.ends_at IS 'Moved when it is extended or ended early.';
COMMENT ON COLUMN sales.told IS 'Whether rooms were told that it began (1) and that it ended (2).';
CREATE INDEX sales_product ON sales (product_id, ends_at);
CREATE INDEX sales_untold ON sales (ends_at) WHERE told < 2;

CREATE TABLE coupons (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code       text NOT NULL UNIQUE CHECK (char_length(code) BETWEEN 1 AND 40),
    room_id    bigint REFERENCES rooms,
    product_id bigint REFERENCES products,
    percent    smallint CHECK (percent BETWEEN 1 AND 100),
    amount     bigint CHECK (amount > 0),
    currency   text CHECK (currency ~ '^[A-Z]{3}$'),
    cap        integer NOT NULL CHECK (cap > 0),
    claimed    integer NOT NULL DEFAULT 0 CHECK (claimed >= 0),
    told       integer NOT NULL DEFAULT 0,
    ends_at    timestamptz NOT NULL,
    created_by bigint REFERENCES members,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (claimed <= cap),
    CHECK ((percent IS NULL) <> (amount IS NULL)),
    CHECK ((amount IS NULL) = (currency IS NULL))
);

CREATE TABLE reservations (
    id         uuid PRIMARY KEY,
    product_id bigint NOT NULL REFERENCES products,
    variant_id bigint NOT NULL REFERENCES variants,
    room_id    bigint REFERENCES rooms,
    person     text NOT NULL,
    name       text NOT NULL,
    named      boolean NOT NULL,
    key        text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 64),
    quantity   integer NOT NULL CHECK (quantity > 0),
    price      bigint NOT NULL CHECK (price >= 0),
    discount   bigint NOT NULL DEFAULT 0 CHECK (discount >= 0),
    currency   text NOT NULL,
    sale_id    bigint REFERENCES sales,
    coupon_id  bigint REFERENCES coupons,
    source     text NOT NULL CHECK (source IN ('sheet', 'comment', 'waiting')),
    state      text NOT NULL CHECK (state IN ('held', 'released', 'expired', 'void', 'ordered')),
    why        text NOT NULL DEFAULT '',
    epoch      bigint NOT NULL,
    seq        bigint NOT NULL,
    "offset"   bigint NOT NULL,
    at         timestamptz NOT NULL,
    until      timestamptz NOT NULL,
    CHECK (discount <= price * quantity),
    UNIQUE (product_id, person, key)
);
COMMENT ON COLUMN reservations.person IS 'm42, or g and 16 characters, as everywhere.';
COMMENT ON COLUMN reservations.named IS 'Whether others may read who bought.';
COMMENT ON COLUMN reservations.price IS 'Of one, fixed when it was reserved; discount is of all together.';
COMMENT ON COLUMN reservations.seq IS 'Its number in the order in which the product was reserved.';
COMMENT ON COLUMN reservations."offset" IS 'The newest entry of the log about it that was applied.';
CREATE INDEX reservations_held ON reservations (until) WHERE state = 'held';
CREATE INDEX reservations_product ON reservations (product_id, state, seq);
CREATE INDEX reservations_person ON reservations (person, at);

CREATE TABLE orders (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reservation_id uuid NOT NULL UNIQUE REFERENCES reservations,
    product_id     bigint NOT NULL REFERENCES products,
    variant_id     bigint NOT NULL REFERENCES variants,
    room_id        bigint REFERENCES rooms,
    broadcast_id   bigint REFERENCES broadcasts,
    person         text NOT NULL,
    name           text NOT NULL,
    named          boolean NOT NULL,
    quantity       integer NOT NULL CHECK (quantity > 0),
    amount         bigint NOT NULL CHECK (amount >= 0),
    currency       text NOT NULL,
    state          text NOT NULL CHECK (state IN ('placed', 'paid', 'cancelled', 'refund_due', 'refunded')),
    payment        text NOT NULL DEFAULT '' CHECK (char_length(payment) <= 200),
    told           boolean NOT NULL DEFAULT false,
    mirrored       boolean NOT NULL DEFAULT false,
    created_at     timestamptz NOT NULL,
    changed_at     timestamptz NOT NULL
);
COMMENT ON COLUMN orders.state IS 'Placed and paid count as sold; refund_due was paid for what could not be had any more.';
COMMENT ON COLUMN orders.payment IS 'What the shop calls the payment.';
COMMENT ON COLUMN orders.told IS 'Whether the room was told that somebody bought.';
COMMENT ON COLUMN orders.mirrored IS 'Whether Redis knows that its hold became this.';
CREATE INDEX orders_person ON orders (person, created_at);
CREATE INDEX orders_product ON orders (product_id, created_at);
CREATE INDEX orders_broadcast ON orders (broadcast_id);
CREATE INDEX orders_untold ON orders (room_id, product_id) WHERE NOT told;
CREATE INDEX orders_unmirrored ON orders (product_id) WHERE NOT mirrored;

CREATE TABLE coupon_claims (
    coupon_id      bigint NOT NULL REFERENCES coupons,
    person         text NOT NULL,
    at             timestamptz NOT NULL DEFAULT now(),
    reservation_id uuid,
    used_at        timestamptz,
    PRIMARY KEY (coupon_id, person)
);
COMMENT ON COLUMN coupons.told IS 'How many claims the room was told of.';
COMMENT ON COLUMN coupon_claims.reservation_id IS 'Where it is used; free again when that reservation ends without an order.';

CREATE TABLE waiting (
    variant_id bigint NOT NULL REFERENCES variants,
    person     text NOT NULL,
    product_id bigint NOT NULL REFERENCES products,
    room_id    bigint REFERENCES rooms,
    name       text NOT NULL,
    named      boolean NOT NULL,
    quantity   integer NOT NULL CHECK (quantity > 0),
    epoch      bigint NOT NULL,
    seq        bigint NOT NULL,
    "offset"   bigint NOT NULL,
    state      text NOT NULL CHECK (state IN ('waiting', 'served', 'left')),
    at         timestamptz NOT NULL,
    PRIMARY KEY (variant_id, person)
);
COMMENT ON COLUMN waiting.seq IS 'The number of the reservation counter at which they began to wait.';
CREATE INDEX waiting_product ON waiting (product_id, seq) WHERE state = 'waiting';

CREATE TABLE product_imports (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    member_id    bigint NOT NULL REFERENCES members,
    name         text NOT NULL CHECK (char_length(name) <= 200),
    format       text NOT NULL CHECK (format IN ('shopify', 'google', 'own')),
    encoding     text NOT NULL,
    rows         integer NOT NULL,
    planned      jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    done         integer NOT NULL DEFAULT 0,
    result       jsonb,
    confirmed_at timestamptz,
    CHECK (confirmed_at IS NULL OR result IS NOT NULL)
);
COMMENT ON COLUMN product_imports.done IS 'How many products of it were written so far; it is carried out in pieces.';
COMMENT ON TABLE product_imports IS 'What an uploaded file would change, as it was shown; confirmed at most once.';
CREATE INDEX product_imports_member ON product_imports (member_id);
