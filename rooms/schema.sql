-- What the migrations add up to, to be read in one piece. Nothing loads it; a test compares it.
-- Written by `python -m tests.schema` after a change of the migrations.

CREATE TABLE address_key (
    single boolean DEFAULT true NOT NULL,
    key bytea NOT NULL,
    CONSTRAINT address_key_key_check CHECK ((length(key) = 32)),
    CONSTRAINT address_key_single_check CHECK (single)
);

COMMENT ON TABLE address_key IS 'The key of address hashes: another one would free every sanctioned address.';

CREATE TABLE audit_log (
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    actor_name text NOT NULL,
    actor_rank smallint NOT NULL,
    action text NOT NULL,
    person text,
    person_name text,
    room_id bigint,
    message_id uuid,
    text text,
    reason text DEFAULT ''::text NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    undone_by uuid,
    undone_name text
);

COMMENT ON TABLE audit_log IS 'Every act of a moderator, with its reason and the text it was about; rows are never removed.';

COMMENT ON COLUMN audit_log.undone_by IS 'The row that took this one back.';

CREATE TABLE broadcasts (
    id bigint NOT NULL,
    room_id bigint NOT NULL,
    title text NOT NULL,
    about text DEFAULT ''::text NOT NULL,
    host_id bigint NOT NULL,
    state text DEFAULT 'scheduled'::text NOT NULL,
    video_kind text NOT NULL,
    video_url text NOT NULL,
    poster_url text DEFAULT ''::text NOT NULL,
    upright boolean DEFAULT true NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT broadcasts_about_check CHECK ((char_length(about) <= 2000)),
    CONSTRAINT broadcasts_check CHECK (((state = 'scheduled'::text) = (started_at IS NULL))),
    CONSTRAINT broadcasts_check1 CHECK (((state = 'ended'::text) = (ended_at IS NOT NULL))),
    CONSTRAINT broadcasts_state_check CHECK ((state = ANY (ARRAY['scheduled'::text, 'live'::text, 'ended'::text]))),
    CONSTRAINT broadcasts_title_check CHECK (((char_length(title) >= 1) AND (char_length(title) <= 120))),
    CONSTRAINT broadcasts_video_kind_check CHECK ((video_kind = ANY (ARRAY['hls'::text, 'embed'::text, 'file'::text])))
);

COMMENT ON COLUMN broadcasts.upright IS 'A 9:16 picture; otherwise 16:9.';

ALTER TABLE broadcasts ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME broadcasts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE members (
    id bigint NOT NULL,
    name text NOT NULL,
    name_key text NOT NULL,
    password_hash text,
    rank smallint DEFAULT 20 NOT NULL,
    session_version integer DEFAULT 1 NOT NULL,
    language text DEFAULT 'en'::text NOT NULL,
    about text DEFAULT ''::text NOT NULL,
    is_demo boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT members_about_check CHECK ((char_length(about) <= 500)),
    CONSTRAINT members_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 40)))
);

COMMENT ON COLUMN members.name_key IS 'The name folded so that look-alikes collide; unique among those who are not deleted.';

CREATE TABLE rooms (
    id bigint NOT NULL,
    kind text NOT NULL,
    slug text NOT NULL,
    title text NOT NULL,
    about text DEFAULT ''::text NOT NULL,
    visibility text DEFAULT 'public'::text NOT NULL,
    min_rank smallint DEFAULT 10 NOT NULL,
    cooldown_ms integer DEFAULT 0 NOT NULL,
    pinned uuid,
    created_by bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT rooms_about_check CHECK ((char_length(about) <= 2000)),
    CONSTRAINT rooms_cooldown_ms_check CHECK (((cooldown_ms >= 0) AND (cooldown_ms <= 3600000))),
    CONSTRAINT rooms_kind_check CHECK ((kind = ANY (ARRAY['live'::text, 'topic'::text, 'direct'::text]))),
    CONSTRAINT rooms_slug_check CHECK ((slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'::text)),
    CONSTRAINT rooms_title_check CHECK (((char_length(title) >= 1) AND (char_length(title) <= 120))),
    CONSTRAINT rooms_visibility_check CHECK ((visibility = ANY (ARRAY['public'::text, 'members'::text, 'staff'::text])))
);

COMMENT ON COLUMN rooms.visibility IS 'Who may read: everybody, members, staff.';

COMMENT ON COLUMN rooms.min_rank IS 'Who may write: the room mode (guests 10, members 20, staff 40).';

COMMENT ON COLUMN rooms.pinned IS 'The message that stands above the others, while it is visible.';

CREATE VIEW broadcasts_shown AS
 SELECT b.id,
    b.room_id,
    b.title,
    b.about,
    b.host_id,
    b.state,
    b.video_kind,
    b.video_url,
    b.poster_url,
    b.upright,
    b.starts_at,
    b.started_at,
    b.ended_at,
    b.created_at,
    h.name AS host_name,
    r.slug AS room_slug,
    r.title AS room_title
   FROM ((broadcasts b
     JOIN members h ON ((h.id = b.host_id)))
     JOIN rooms r ON ((r.id = b.room_id)));

CREATE TABLE coupon_claims (
    coupon_id bigint NOT NULL,
    person text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    reservation_id uuid,
    used_at timestamp with time zone
);

COMMENT ON COLUMN coupon_claims.reservation_id IS 'Where it is used; free again when that reservation ends without an order.';

CREATE TABLE coupons (
    id bigint NOT NULL,
    code text NOT NULL,
    room_id bigint,
    product_id bigint,
    percent smallint,
    amount bigint,
    currency text,
    cap integer NOT NULL,
    claimed integer DEFAULT 0 NOT NULL,
    told integer DEFAULT 0 NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    created_by bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT coupons_amount_check CHECK ((amount > 0)),
    CONSTRAINT coupons_cap_check CHECK ((cap > 0)),
    CONSTRAINT coupons_check CHECK ((claimed <= cap)),
    CONSTRAINT coupons_check1 CHECK (((percent IS NULL) <> (amount IS NULL))),
    CONSTRAINT coupons_check2 CHECK (((amount IS NULL) = (currency IS NULL))),
    CONSTRAINT coupons_claimed_check CHECK ((claimed >= 0)),
    CONSTRAINT coupons_code_check CHECK (((char_length(code) >= 1) AND (char_length(code) <= 40))),
    CONSTRAINT coupons_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT coupons_percent_check CHECK (((percent >= 1) AND (percent <= 100)))
);

COMMENT ON COLUMN coupons.told IS 'How many claims the room was told of.';

ALTER TABLE coupons ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME coupons_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE dead_letters (
    id bigint NOT NULL,
    partition smallint NOT NULL,
    entry_id text NOT NULL,
    channel text NOT NULL,
    payload bytea NOT NULL,
    private bytea NOT NULL,
    error text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE dead_letters IS 'Entries of the persistence log that could not be applied, with the error.';

ALTER TABLE dead_letters ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME dead_letters_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE giveaway_entries (
    giveaway_id bigint NOT NULL,
    person text NOT NULL,
    name text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    place integer
);

COMMENT ON COLUMN giveaway_entries.place IS 'From 1 for those who won.';

CREATE TABLE giveaways (
    id bigint NOT NULL,
    room_id bigint NOT NULL,
    title text NOT NULL,
    winners integer NOT NULL,
    commitment bytea NOT NULL,
    seed bytea NOT NULL,
    closes_at timestamp with time zone NOT NULL,
    entries_digest bytea,
    drawn_at timestamp with time zone,
    created_by bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT giveaways_check CHECK (((drawn_at IS NULL) = (entries_digest IS NULL))),
    CONSTRAINT giveaways_commitment_check CHECK ((length(commitment) = 32)),
    CONSTRAINT giveaways_entries_digest_check CHECK ((length(entries_digest) = 32)),
    CONSTRAINT giveaways_seed_check CHECK ((length(seed) = 32)),
    CONSTRAINT giveaways_title_check CHECK (((char_length(title) >= 1) AND (char_length(title) <= 120))),
    CONSTRAINT giveaways_winners_check CHECK (((winners >= 1) AND (winners <= 100)))
);

COMMENT ON COLUMN giveaways.commitment IS 'SHA-256 of the seed, told when it opens; the seed is told when it is drawn.';

ALTER TABLE giveaways ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME giveaways_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE guest_addresses (
    guest_id text NOT NULL,
    address_hash bytea NOT NULL,
    seen_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE guest_addresses IS 'From where guests wrote, as keyed hashes of address prefixes; kept for 30 days.';

CREATE TABLE guests (
    id text NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT guests_id_check CHECK ((id ~ '^g[A-Za-z0-9_-]{16}$'::text))
);

COMMENT ON TABLE guests IS 'A guest gets a row when the first message is persisted.';

ALTER TABLE members ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME members_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE messages (
    room_id bigint NOT NULL,
    id uuid NOT NULL,
    broadcast_id bigint,
    member_id bigint,
    guest_id text,
    author text GENERATED ALWAYS AS (COALESCE(('m'::text || (member_id)::text), guest_id)) STORED,
    author_name text NOT NULL,
    author_rank smallint NOT NULL,
    client_message_id text NOT NULL,
    text text NOT NULL,
    reply_to uuid,
    is_question boolean DEFAULT false NOT NULL,
    state text DEFAULT 'visible'::text NOT NULL,
    epoch bigint,
    "offset" bigint,
    edited_at timestamp with time zone,
    changed_epoch bigint DEFAULT 0 NOT NULL,
    changed_offset bigint DEFAULT 0 NOT NULL,
    at timestamp with time zone NOT NULL,
    hidden_by_purge boolean DEFAULT false NOT NULL,
    tokens tsvector,
    CONSTRAINT messages_check CHECK ((num_nonnulls(member_id, guest_id) = 1)),
    CONSTRAINT messages_check1 CHECK (((epoch IS NULL) = ("offset" IS NULL))),
    CONSTRAINT messages_check2 CHECK (((state = ANY (ARRAY['held'::text, 'rejected'::text])) OR ("offset" IS NOT NULL))),
    CONSTRAINT messages_state_check CHECK ((state = ANY (ARRAY['visible'::text, 'held'::text, 'rejected'::text, 'hidden'::text, 'deleted'::text])))
);
ALTER TABLE ONLY messages ALTER COLUMN tokens SET STATISTICS 1000;

COMMENT ON COLUMN messages.state IS 'hidden: by a moderator; deleted: by the author; the text of a deleted message is emptied.';

COMMENT ON COLUMN messages."offset" IS 'The place in the room; a held message has none until it is approved.';

COMMENT ON COLUMN messages.changed_offset IS 'The place of the last applied edit, hiding or restoring; an earlier one does nothing.';

CREATE VIEW messages_shown AS
 SELECT m.room_id,
    m.id,
    m.broadcast_id,
    m.author,
    m.author_name,
    m.author_rank,
    m.client_message_id,
        CASE
            WHEN (m.state = 'visible'::text) THEN m.text
            ELSE NULL::text
        END AS text,
    m.reply_to,
    r.author_name AS reply_name,
        CASE
            WHEN (r.state = 'visible'::text) THEN r.text
            ELSE NULL::text
        END AS reply_text,
    m.is_question,
    m.state,
    m.epoch,
    m."offset",
    m.edited_at,
    m.at
   FROM (messages m
     LEFT JOIN messages r ON (((r.room_id = m.room_id) AND (r.id = m.reply_to))))
  WHERE (m."offset" IS NOT NULL);

COMMENT ON VIEW messages_shown IS 'Messages with a place; the text only of those that are visible.';

CREATE TABLE one_time_links (
    token_hash bytea NOT NULL,
    purpose text NOT NULL,
    member_id bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT one_time_links_purpose_check CHECK ((purpose = ANY (ARRAY['setup'::text, 'reset'::text])))
);

CREATE TABLE orders (
    id bigint NOT NULL,
    reservation_id uuid NOT NULL,
    product_id bigint NOT NULL,
    variant_id bigint NOT NULL,
    room_id bigint,
    broadcast_id bigint,
    person text NOT NULL,
    name text NOT NULL,
    named boolean NOT NULL,
    quantity integer NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    state text NOT NULL,
    payment text DEFAULT ''::text NOT NULL,
    told boolean DEFAULT false NOT NULL,
    mirrored boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT orders_amount_check CHECK ((amount >= 0)),
    CONSTRAINT orders_payment_check CHECK ((char_length(payment) <= 200)),
    CONSTRAINT orders_quantity_check CHECK ((quantity > 0)),
    CONSTRAINT orders_state_check CHECK ((state = ANY (ARRAY['placed'::text, 'paid'::text, 'cancelled'::text, 'refund_due'::text, 'refunded'::text])))
);

COMMENT ON COLUMN orders.state IS 'Placed and paid count as sold; refund_due was paid for what could not be had any more.';

COMMENT ON COLUMN orders.payment IS 'What the shop calls the payment.';

COMMENT ON COLUMN orders.told IS 'Whether the room was told that somebody bought.';

COMMENT ON COLUMN orders.mirrored IS 'Whether Redis knows that its hold became this.';

ALTER TABLE orders ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME orders_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE outbox (
    id bigint NOT NULL,
    kind text NOT NULL,
    lane text NOT NULL,
    payload bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    last_error text
);

COMMENT ON TABLE outbox IS 'Written with the change it announces; published at once after the commit, swept when that failed.';

COMMENT ON COLUMN outbox.lane IS 'Rows of one lane are carried out one after another, in the order of their ids.';

ALTER TABLE outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE person_notes (
    id uuid NOT NULL,
    person text NOT NULL,
    text text NOT NULL,
    by_id text NOT NULL,
    by_name text NOT NULL,
    at timestamp with time zone NOT NULL,
    removed_at timestamp with time zone,
    CONSTRAINT person_notes_text_check CHECK (((char_length(text) >= 1) AND (char_length(text) <= 300)))
);

CREATE TABLE product_imports (
    id bigint NOT NULL,
    member_id bigint NOT NULL,
    name text NOT NULL,
    format text NOT NULL,
    encoding text NOT NULL,
    rows integer NOT NULL,
    planned jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    done integer DEFAULT 0 NOT NULL,
    result jsonb,
    confirmed_at timestamp with time zone,
    CONSTRAINT product_imports_check CHECK (((confirmed_at IS NULL) OR (result IS NOT NULL))),
    CONSTRAINT product_imports_format_check CHECK ((format = ANY (ARRAY['shopify'::text, 'google'::text, 'own'::text]))),
    CONSTRAINT product_imports_name_check CHECK ((char_length(name) <= 200))
);

COMMENT ON TABLE product_imports IS 'What an uploaded file would change, as it was shown; confirmed at most once.';

COMMENT ON COLUMN product_imports.done IS 'How many products of it were written so far; it is carried out in pieces.';

ALTER TABLE product_imports ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME product_imports_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE product_pins (
    id bigint NOT NULL,
    room_id bigint NOT NULL,
    broadcast_id bigint,
    product_id bigint NOT NULL,
    second integer,
    pinned_at timestamp with time zone NOT NULL,
    unpinned_at timestamp with time zone,
    CONSTRAINT product_pins_second_check CHECK ((second >= 0))
);

COMMENT ON COLUMN product_pins.second IS 'Of the broadcast, for the replay; NULL before it began.';

ALTER TABLE product_pins ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME product_pins_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE products (
    id bigint NOT NULL,
    title text NOT NULL,
    about text DEFAULT ''::text NOT NULL,
    code text,
    currency text NOT NULL,
    pictures text[] DEFAULT '{}'::text[] NOT NULL,
    per_person integer,
    source text,
    checkout text DEFAULT 'community'::text NOT NULL,
    checkout_url text DEFAULT ''::text NOT NULL,
    hold_seconds integer DEFAULT 300 NOT NULL,
    stopped boolean DEFAULT false NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    mirrored bigint DEFAULT 0 NOT NULL,
    stock_epoch bigint DEFAULT 0 NOT NULL,
    created_by bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    archived_at timestamp with time zone,
    CONSTRAINT products_about_check CHECK ((char_length(about) <= 5000)),
    CONSTRAINT products_check CHECK (((checkout = 'address'::text) <= (checkout_url <> ''::text))),
    CONSTRAINT products_checkout_check CHECK ((checkout = ANY (ARRAY['community'::text, 'address'::text, 'offline'::text]))),
    CONSTRAINT products_code_check CHECK (((char_length(code) >= 1) AND (char_length(code) <= 20))),
    CONSTRAINT products_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT products_hold_seconds_check CHECK (((hold_seconds >= 5) AND (hold_seconds <= 604800))),
    CONSTRAINT products_per_person_check CHECK ((per_person > 0)),
    CONSTRAINT products_title_check CHECK (((char_length(title) >= 1) AND (char_length(title) <= 200)))
);

COMMENT ON COLUMN products.code IS 'What the host calls it on the stream, folded; unique among those not archived.';

COMMENT ON COLUMN products.pictures IS 'Addresses, or file names under /media; the first is the one on cards.';

COMMENT ON COLUMN products.per_person IS 'How many one person may hold and have bought; NULL for no limit.';

COMMENT ON COLUMN products.source IS 'Where an import took it from, so that a second one changes it instead.';

COMMENT ON COLUMN products.hold_seconds IS 'How long a reservation is held for whoever made it.';

COMMENT ON COLUMN products.version IS 'Counts every change that Redis has to learn of; its row lock orders them.';

COMMENT ON COLUMN products.mirrored IS 'The version that Redis has learned of.';

COMMENT ON COLUMN products.stock_epoch IS 'Since when (ms) Redis has kept its holds; entries of an older one are void.';

ALTER TABLE products ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME products_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE question_votes (
    room_id bigint NOT NULL,
    question_id uuid NOT NULL,
    viewer text NOT NULL,
    removed boolean NOT NULL,
    epoch bigint NOT NULL,
    "offset" bigint NOT NULL
);

COMMENT ON COLUMN question_votes.removed IS 'Taken back; the row stays, so that an old entry applied again cannot revive it.';

CREATE TABLE questions (
    room_id bigint NOT NULL,
    id uuid NOT NULL,
    broadcast_id bigint,
    state text DEFAULT 'open'::text NOT NULL,
    votes integer DEFAULT 0 NOT NULL,
    votes_told integer DEFAULT 0 NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    shown_since timestamp with time zone,
    answer text,
    answered_by bigint,
    answered_at timestamp with time zone,
    answered_second integer,
    tokens tsvector,
    CONSTRAINT questions_answer_check CHECK ((char_length(answer) <= 2000)),
    CONSTRAINT questions_answered_second_check CHECK ((answered_second >= 0)),
    CONSTRAINT questions_check CHECK (((state = 'answered'::text) <= ((answered_by IS NOT NULL) AND (answered_at IS NOT NULL)))),
    CONSTRAINT questions_check1 CHECK (((answered_at IS NULL) OR (answer IS NOT NULL) OR (answered_second IS NOT NULL))),
    CONSTRAINT questions_state_check CHECK ((state = ANY (ARRAY['open'::text, 'answered'::text, 'dismissed'::text])))
);
ALTER TABLE ONLY questions ALTER COLUMN tokens SET STATISTICS 1000;

COMMENT ON TABLE questions IS 'A question has the id of its message; who asked and what stands there.';

COMMENT ON COLUMN questions.votes_told IS 'The count that viewers were last told.';

COMMENT ON COLUMN questions.shown_since IS 'On the stage now; at most one in a room.';

COMMENT ON COLUMN questions.answered_second IS 'Answered live: the second of the broadcast.';

COMMENT ON COLUMN questions.tokens IS 'For the search: those of the question and of its answer.';

CREATE VIEW questions_shown AS
 SELECT q.room_id,
    q.id,
    q.broadcast_id,
    q.state,
    q.votes,
    q.asked_at,
    q.shown_since,
    m.author,
    m.author_name,
    m.author_rank,
    m.text,
    m.epoch,
    m."offset",
    q.answer,
    ('m'::text || q.answered_by) AS answered_by,
    a.name AS answered_name,
    a.rank AS answered_rank,
    q.answered_at,
    q.answered_second,
    r.slug AS room_slug,
    r.title AS room_title,
    r.kind AS room_kind,
    b.title AS broadcast_title,
    b.started_at AS broadcast_started_at
   FROM ((((questions q
     JOIN messages m ON (((m.room_id = q.room_id) AND (m.id = q.id) AND (m.state = 'visible'::text))))
     JOIN rooms r ON ((r.id = q.room_id)))
     LEFT JOIN members a ON ((a.id = q.answered_by)))
     LEFT JOIN broadcasts b ON ((b.id = q.broadcast_id)));

COMMENT ON VIEW questions_shown IS 'Questions whose message everybody may read.';

CREATE TABLE reactions (
    room_id bigint NOT NULL,
    message_id uuid NOT NULL,
    viewer text NOT NULL,
    kind text NOT NULL,
    removed boolean NOT NULL,
    epoch bigint NOT NULL,
    "offset" bigint NOT NULL,
    at timestamp with time zone NOT NULL
);

COMMENT ON COLUMN reactions.removed IS 'Taken back; the row stays, so that an old entry applied again cannot revive it.';

CREATE TABLE reports (
    room_id bigint NOT NULL,
    message_id uuid NOT NULL,
    reporter text NOT NULL,
    reason text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    author text NOT NULL,
    author_name text NOT NULL,
    text text NOT NULL,
    at timestamp with time zone NOT NULL,
    outcome text,
    resolved_by text,
    resolved_name text,
    resolved_at timestamp with time zone,
    CONSTRAINT reports_check CHECK (((outcome IS NULL) = (resolved_at IS NULL))),
    CONSTRAINT reports_note_check CHECK ((char_length(note) <= 300)),
    CONSTRAINT reports_outcome_check CHECK ((outcome = ANY (ARRAY['acted'::text, 'dismissed'::text]))),
    CONSTRAINT reports_reason_check CHECK ((reason = ANY (ARRAY['spam'::text, 'abuse'::text, 'scam'::text, 'privacy'::text, 'other'::text])))
);

COMMENT ON TABLE reports IS 'One row for a reporter and a message; the text as it was reported.';

CREATE TABLE reservations (
    id uuid NOT NULL,
    product_id bigint NOT NULL,
    variant_id bigint NOT NULL,
    room_id bigint,
    person text NOT NULL,
    name text NOT NULL,
    named boolean NOT NULL,
    key text NOT NULL,
    quantity integer NOT NULL,
    price bigint NOT NULL,
    discount bigint DEFAULT 0 NOT NULL,
    currency text NOT NULL,
    sale_id bigint,
    coupon_id bigint,
    source text NOT NULL,
    state text NOT NULL,
    why text DEFAULT ''::text NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    "offset" bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    CONSTRAINT reservations_check CHECK ((discount <= (price * quantity))),
    CONSTRAINT reservations_discount_check CHECK ((discount >= 0)),
    CONSTRAINT reservations_key_check CHECK (((char_length(key) >= 1) AND (char_length(key) <= 64))),
    CONSTRAINT reservations_price_check CHECK ((price >= 0)),
    CONSTRAINT reservations_quantity_check CHECK ((quantity > 0)),
    CONSTRAINT reservations_source_check CHECK ((source = ANY (ARRAY['sheet'::text, 'comment'::text, 'waiting'::text]))),
    CONSTRAINT reservations_state_check CHECK ((state = ANY (ARRAY['held'::text, 'released'::text, 'expired'::text, 'void'::text, 'ordered'::text])))
);

COMMENT ON COLUMN reservations.person IS 'm42, or g and 16 characters, as everywhere.';

COMMENT ON COLUMN reservations.named IS 'Whether others may read who bought.';

COMMENT ON COLUMN reservations.price IS 'Of one, fixed when it was reserved; discount is of all together.';

COMMENT ON COLUMN reservations.seq IS 'Its number in the order in which the product was reserved.';

COMMENT ON COLUMN reservations."offset" IS 'The newest entry of the log about it that was applied.';

CREATE TABLE reviews (
    id uuid NOT NULL,
    kind text NOT NULL,
    room_id bigint NOT NULL,
    message_id uuid NOT NULL,
    author text NOT NULL,
    author_name text NOT NULL,
    author_rank smallint NOT NULL,
    text text NOT NULL,
    rule text NOT NULL,
    word text NOT NULL,
    spans jsonb NOT NULL,
    silent boolean NOT NULL,
    release bytea NOT NULL,
    held_at timestamp with time zone NOT NULL,
    claimed_by text,
    claimed_name text,
    claimed_at timestamp with time zone,
    decision text,
    decided_by text,
    decided_name text,
    decided_at timestamp with time zone,
    CONSTRAINT reviews_check CHECK (((decision IS NULL) = (decided_at IS NULL))),
    CONSTRAINT reviews_decision_check CHECK ((decision = ANY (ARRAY['approved'::text, 'rejected'::text, 'withdrawn'::text, 'purged'::text]))),
    CONSTRAINT reviews_kind_check CHECK ((kind = ANY (ARRAY['post'::text, 'edit'::text])))
);

COMMENT ON TABLE reviews IS 'What waits, or waited, for a moderator: a new message, or an edit of a visible one.';

COMMENT ON COLUMN reviews.silent IS 'Shadow banned: the author believes it published.';

COMMENT ON COLUMN reviews.release IS 'The publication that approval carries out.';

ALTER TABLE rooms ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME rooms_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW rooms_now AS
 SELECT r.id,
    r.kind,
    r.slug,
    r.title,
    r.about,
    r.visibility,
    r.min_rank,
    r.cooldown_ms,
    r.pinned,
    r.created_by,
    r.created_at,
    r.closed_at,
    b.id AS broadcast_id,
    b.title AS broadcast_title,
    b.about AS broadcast_about,
    b.host_id,
    b.host_name,
    b.state,
    b.video_kind,
    b.video_url,
    b.poster_url,
    b.upright,
    b.starts_at,
    b.started_at,
    b.ended_at,
    p.id AS pinned_id,
    p.author AS pinned_author,
    p.author_name AS pinned_name,
    p.author_rank AS pinned_rank,
    p.text AS pinned_text
   FROM ((rooms r
     LEFT JOIN messages p ON (((p.room_id = r.id) AND (p.id = r.pinned) AND (p.state = 'visible'::text))))
     LEFT JOIN LATERAL ( SELECT s.id,
            s.room_id,
            s.title,
            s.about,
            s.host_id,
            s.state,
            s.video_kind,
            s.video_url,
            s.poster_url,
            s.upright,
            s.starts_at,
            s.started_at,
            s.ended_at,
            s.created_at,
            s.host_name,
            s.room_slug,
            s.room_title
           FROM broadcasts_shown s
          WHERE ((s.room_id = r.id) AND ((s.state <> 'scheduled'::text) OR (s.starts_at > (now() - '12:00:00'::interval))))
          ORDER BY (array_position('{live,scheduled,ended}'::text[], s.state)),
                CASE
                    WHEN (s.state = 'scheduled'::text) THEN s.starts_at
                    ELSE NULL::timestamp with time zone
                END, s.ended_at DESC, s.id
         LIMIT 1) b ON (true));

COMMENT ON VIEW rooms_now IS 'Rooms with the broadcast that is on, else the next (one forgotten for 12 hours is not to come), else the last.';

CREATE TABLE rundown (
    broadcast_id bigint NOT NULL,
    product_id bigint NOT NULL,
    place integer NOT NULL,
    planned_at timestamp with time zone
);

CREATE TABLE sales (
    id bigint NOT NULL,
    product_id bigint NOT NULL,
    room_id bigint NOT NULL,
    price bigint NOT NULL,
    total integer NOT NULL,
    sold integer DEFAULT 0 NOT NULL,
    per_person integer,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    told smallint DEFAULT 0 NOT NULL,
    created_by bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT sales_check CHECK ((sold <= total)),
    CONSTRAINT sales_check1 CHECK ((ends_at >= starts_at)),
    CONSTRAINT sales_per_person_check CHECK ((per_person > 0)),
    CONSTRAINT sales_price_check CHECK (((price >= 0) AND (price <= '9007199254740991'::bigint))),
    CONSTRAINT sales_sold_check CHECK ((sold >= 0)),
    CONSTRAINT sales_told_check CHECK (((told >= 0) AND (told <= 2))),
    CONSTRAINT sales_total_check CHECK ((total > 0))
);

COMMENT ON TABLE sales IS 'Flash sales: a price for every variant of a product, for some minutes of server time.';

COMMENT ON COLUMN sales.ends_at IS 'Moved when it is extended or ended early.';

COMMENT ON COLUMN sales.told IS 'Whether rooms were told that it began (1) and that it ended (2).';

ALTER TABLE sales ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME sales_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE sanction_addresses (
    sanction_id uuid NOT NULL,
    address_hash bytea NOT NULL
);

COMMENT ON TABLE sanction_addresses IS 'A guest''s address prefix inherits the sanction, so that a new name does not undo it.';

CREATE TABLE sanctions (
    id uuid NOT NULL,
    person text NOT NULL,
    person_name text NOT NULL,
    room_id bigint,
    kind text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    until timestamp with time zone,
    by_id text NOT NULL,
    by_name text NOT NULL,
    at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT sanctions_kind_check CHECK ((kind = ANY (ARRAY['mute'::text, 'ban'::text, 'shadow'::text]))),
    CONSTRAINT sanctions_person_check CHECK ((person ~ '^(m[0-9]+|g[A-Za-z0-9_-]{16})$'::text))
);

COMMENT ON COLUMN sanctions.room_id IS 'Null: everywhere.';

COMMENT ON COLUMN sanctions.until IS 'Null: for good.';

COMMENT ON COLUMN sanctions.changed_at IS 'By the clock of the database: what a process has not read yet.';

CREATE TABLE secrets (
    id smallint NOT NULL,
    secret bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    retired_at timestamp with time zone,
    CONSTRAINT secrets_secret_check CHECK ((length(secret) = 32))
);

COMMENT ON TABLE secrets IS 'Keys that sign tokens; the newest signs, a retired one is accepted for a day.';

ALTER TABLE secrets ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME secrets_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE sessions (
    token_hash bytea NOT NULL,
    member_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    user_agent text DEFAULT ''::text NOT NULL
);

CREATE TABLE settings (
    name text NOT NULL,
    value jsonb NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE settings IS 'What the owner decided: community name, accent, languages, who may join, page texts.';

CREATE TABLE shop_settings (
    one boolean DEFAULT true NOT NULL,
    checkout_url text DEFAULT ''::text NOT NULL,
    secrets text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT shop_settings_checkout_url_check CHECK ((char_length(checkout_url) <= 2000)),
    CONSTRAINT shop_settings_one_check CHECK (one),
    CONSTRAINT shop_settings_secrets_check CHECK ((cardinality(secrets) <= 3))
);

COMMENT ON COLUMN shop_settings.checkout_url IS 'Where people pay, unless a product says otherwise.';

COMMENT ON COLUMN shop_settings.secrets IS 'Shared with the shop, the newest first; more than one while they are being changed.';

CREATE TABLE spoken_orders (
    message_id uuid NOT NULL,
    room_id bigint NOT NULL,
    person text NOT NULL,
    name text NOT NULL,
    epoch bigint NOT NULL,
    "offset" bigint NOT NULL,
    product_id bigint,
    variant_id bigint,
    quantity integer NOT NULL,
    question text DEFAULT ''::text NOT NULL,
    done_at timestamp with time zone,
    outcome text DEFAULT ''::text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT spoken_orders_quantity_check CHECK ((quantity > 0))
);

COMMENT ON TABLE spoken_orders IS 'Comments that mean to buy, carried out in the order in which they were said.';

COMMENT ON COLUMN spoken_orders.question IS 'Why it is asked back instead: a near miss.';

CREATE TABLE stream_owners (
    partition smallint NOT NULL,
    owner text NOT NULL,
    applied text[] DEFAULT '{}'::text[] NOT NULL
);

COMMENT ON TABLE stream_owners IS 'Which worker may apply a partition of the log: one that was frozen finds another name here.';

COMMENT ON COLUMN stream_owners.applied IS 'The entries of the last batch, which may be committed and not yet acknowledged.';

CREATE TABLE variants (
    id bigint NOT NULL,
    product_id bigint NOT NULL,
    place integer DEFAULT 0 NOT NULL,
    title text DEFAULT ''::text NOT NULL,
    code text DEFAULT ''::text NOT NULL,
    sku text DEFAULT ''::text NOT NULL,
    price bigint NOT NULL,
    was_price bigint,
    total integer DEFAULT 0 NOT NULL,
    sold integer DEFAULT 0 NOT NULL,
    removed_at timestamp with time zone,
    CONSTRAINT variants_check CHECK (((was_price > price) AND (was_price <= '9007199254740991'::bigint))),
    CONSTRAINT variants_check1 CHECK ((sold <= total)),
    CONSTRAINT variants_code_check CHECK ((char_length(code) <= 20)),
    CONSTRAINT variants_price_check CHECK (((price >= 0) AND (price <= '9007199254740991'::bigint))),
    CONSTRAINT variants_sku_check CHECK ((char_length(sku) <= 120)),
    CONSTRAINT variants_sold_check CHECK ((sold >= 0)),
    CONSTRAINT variants_title_check CHECK ((char_length(title) <= 120)),
    CONSTRAINT variants_total_check CHECK ((total >= 0))
);

COMMENT ON COLUMN variants.title IS 'Empty for the only variant of a product without any.';

COMMENT ON COLUMN variants.code IS 'What the host calls it on the stream, folded: M, red.';

COMMENT ON COLUMN variants.price IS 'In minor units of the currency of the product.';

COMMENT ON COLUMN variants.total IS 'Everything there is to sell, what is sold included.';

ALTER TABLE variants ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME variants_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE waiting (
    variant_id bigint NOT NULL,
    person text NOT NULL,
    product_id bigint NOT NULL,
    room_id bigint,
    name text NOT NULL,
    named boolean NOT NULL,
    quantity integer NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    "offset" bigint NOT NULL,
    state text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT waiting_quantity_check CHECK ((quantity > 0)),
    CONSTRAINT waiting_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'served'::text, 'left'::text])))
);

COMMENT ON COLUMN waiting.seq IS 'The number of the reservation counter at which they began to wait.';

CREATE TABLE webhook_again (
    endpoint_id bigint NOT NULL,
    event_id uuid NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE webhook_again IS 'What the owner wants sent once more; done ahead of what comes in order.';

CREATE TABLE webhook_attempts (
    id bigint NOT NULL,
    endpoint_id bigint NOT NULL,
    event_id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    ms integer NOT NULL,
    status integer,
    error text DEFAULT ''::text NOT NULL,
    by_hand boolean DEFAULT false NOT NULL
);

COMMENT ON COLUMN webhook_attempts.status IS 'What was answered; NULL when nothing was.';

ALTER TABLE webhook_attempts ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME webhook_attempts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE webhook_endpoints (
    id bigint NOT NULL,
    url text NOT NULL,
    secrets text[] NOT NULL,
    kinds text[] DEFAULT '{}'::text[] NOT NULL,
    after bigint DEFAULT 0 NOT NULL,
    missed bigint DEFAULT 0 NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    next_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    paused boolean DEFAULT false NOT NULL,
    lease uuid,
    leased_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    removed_at timestamp with time zone,
    CONSTRAINT webhook_endpoints_secrets_check CHECK (((cardinality(secrets) >= 1) AND (cardinality(secrets) <= 3))),
    CONSTRAINT webhook_endpoints_url_check CHECK (((char_length(url) >= 1) AND (char_length(url) <= 2000)))
);

COMMENT ON COLUMN webhook_endpoints.secrets IS 'The newest first; each signs while they are being changed.';

COMMENT ON COLUMN webhook_endpoints.kinds IS 'Which kinds it wants; empty for all.';

COMMENT ON COLUMN webhook_endpoints.after IS 'The number up to which it has everything.';

COMMENT ON COLUMN webhook_endpoints.missed IS 'How many events it never took: too old by now, or skipped by hand.';

COMMENT ON COLUMN webhook_endpoints.lease IS 'Which worker sends to it, until when: one at a time, in order.';

ALTER TABLE webhook_endpoints ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME webhook_endpoints_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE webhook_events (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    written bigint NOT NULL,
    number bigint,
    kind text NOT NULL,
    product_id bigint,
    body jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT webhook_events_kind_check CHECK ((kind ~ '^[a-z_]+\.[a-z_]+$'::text))
);

COMMENT ON TABLE webhook_events IS 'The outbox of what shops are told; written in the transaction that made it true.';

COMMENT ON COLUMN webhook_events.number IS 'The order in which each endpoint gets them. Given after the commit: what was written before something else may be committed after it, and would be passed over.';

ALTER TABLE webhook_events ALTER COLUMN written ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME webhook_events_written_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE SEQUENCE webhook_numbers
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE webhook_received (
    id text NOT NULL,
    kind text NOT NULL,
    body jsonb NOT NULL,
    answer jsonb,
    refused boolean DEFAULT false NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT webhook_received_id_check CHECK (((char_length(id) >= 1) AND (char_length(id) <= 200)))
);

COMMENT ON TABLE webhook_received IS 'Each id once: a repetition gets the first answer.';

COMMENT ON COLUMN webhook_received.answer IS 'NULL while somebody works on it.';

CREATE TABLE word_filters (
    id bigint NOT NULL,
    word text NOT NULL,
    word_key text NOT NULL,
    action text NOT NULL,
    language text DEFAULT ''::text NOT NULL,
    added_by text NOT NULL,
    added_name text NOT NULL,
    added_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT word_filters_action_check CHECK ((action = ANY (ARRAY['hold'::text, 'reject'::text, 'allow'::text]))),
    CONSTRAINT word_filters_word_check CHECK (((char_length(word) >= 1) AND (char_length(word) <= 60)))
);

COMMENT ON COLUMN word_filters.word_key IS 'The word folded: one spelling of a word is listed once.';

COMMENT ON COLUMN word_filters.action IS 'allow: takes back a shorter word within this one.';

ALTER TABLE word_filters ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME word_filters_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY address_key
    ADD CONSTRAINT address_key_pkey PRIMARY KEY (single);

ALTER TABLE ONLY audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY broadcasts
    ADD CONSTRAINT broadcasts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY coupon_claims
    ADD CONSTRAINT coupon_claims_pkey PRIMARY KEY (coupon_id, person);

ALTER TABLE ONLY coupons
    ADD CONSTRAINT coupons_code_key UNIQUE (code);

ALTER TABLE ONLY coupons
    ADD CONSTRAINT coupons_pkey PRIMARY KEY (id);

ALTER TABLE ONLY dead_letters
    ADD CONSTRAINT dead_letters_partition_entry_id_key UNIQUE (partition, entry_id);

ALTER TABLE ONLY dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (id);

ALTER TABLE ONLY giveaway_entries
    ADD CONSTRAINT giveaway_entries_pkey PRIMARY KEY (giveaway_id, person);

ALTER TABLE ONLY giveaways
    ADD CONSTRAINT giveaways_pkey PRIMARY KEY (id);

ALTER TABLE ONLY guest_addresses
    ADD CONSTRAINT guest_addresses_pkey PRIMARY KEY (guest_id, address_hash);

ALTER TABLE ONLY guests
    ADD CONSTRAINT guests_pkey PRIMARY KEY (id);

ALTER TABLE ONLY members
    ADD CONSTRAINT members_pkey PRIMARY KEY (id);

ALTER TABLE ONLY messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (room_id, id);

ALTER TABLE ONLY messages
    ADD CONSTRAINT messages_room_id_author_client_message_id_key UNIQUE (room_id, author, client_message_id);

ALTER TABLE ONLY one_time_links
    ADD CONSTRAINT one_time_links_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);

ALTER TABLE ONLY orders
    ADD CONSTRAINT orders_reservation_id_key UNIQUE (reservation_id);

ALTER TABLE ONLY outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY person_notes
    ADD CONSTRAINT person_notes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY product_imports
    ADD CONSTRAINT product_imports_pkey PRIMARY KEY (id);

ALTER TABLE ONLY product_pins
    ADD CONSTRAINT product_pins_pkey PRIMARY KEY (id);

ALTER TABLE ONLY products
    ADD CONSTRAINT products_pkey PRIMARY KEY (id);

ALTER TABLE ONLY products
    ADD CONSTRAINT products_source_key UNIQUE (source);

ALTER TABLE ONLY question_votes
    ADD CONSTRAINT question_votes_pkey PRIMARY KEY (room_id, question_id, viewer);

ALTER TABLE ONLY questions
    ADD CONSTRAINT questions_pkey PRIMARY KEY (room_id, id);

ALTER TABLE ONLY reactions
    ADD CONSTRAINT reactions_pkey PRIMARY KEY (room_id, message_id, viewer, kind);

ALTER TABLE ONLY reports
    ADD CONSTRAINT reports_pkey PRIMARY KEY (room_id, message_id, reporter);

ALTER TABLE ONLY reservations
    ADD CONSTRAINT reservations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY reservations
    ADD CONSTRAINT reservations_product_id_person_key_key UNIQUE (product_id, person, key);

ALTER TABLE ONLY reviews
    ADD CONSTRAINT reviews_pkey PRIMARY KEY (id);

ALTER TABLE ONLY rooms
    ADD CONSTRAINT rooms_pkey PRIMARY KEY (id);

ALTER TABLE ONLY rooms
    ADD CONSTRAINT rooms_slug_key UNIQUE (slug);

ALTER TABLE ONLY rundown
    ADD CONSTRAINT rundown_pkey PRIMARY KEY (broadcast_id, product_id);

ALTER TABLE ONLY sales
    ADD CONSTRAINT sales_pkey PRIMARY KEY (id);

ALTER TABLE ONLY sanction_addresses
    ADD CONSTRAINT sanction_addresses_pkey PRIMARY KEY (sanction_id, address_hash);

ALTER TABLE ONLY sanctions
    ADD CONSTRAINT sanctions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY secrets
    ADD CONSTRAINT secrets_pkey PRIMARY KEY (id);

ALTER TABLE ONLY sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY settings
    ADD CONSTRAINT settings_pkey PRIMARY KEY (name);

ALTER TABLE ONLY shop_settings
    ADD CONSTRAINT shop_settings_pkey PRIMARY KEY (one);

ALTER TABLE ONLY spoken_orders
    ADD CONSTRAINT spoken_orders_pkey PRIMARY KEY (message_id);

ALTER TABLE ONLY stream_owners
    ADD CONSTRAINT stream_owners_pkey PRIMARY KEY (partition);

ALTER TABLE ONLY variants
    ADD CONSTRAINT variants_pkey PRIMARY KEY (id);

ALTER TABLE ONLY waiting
    ADD CONSTRAINT waiting_pkey PRIMARY KEY (variant_id, person);

ALTER TABLE ONLY webhook_again
    ADD CONSTRAINT webhook_again_pkey PRIMARY KEY (endpoint_id, event_id);

ALTER TABLE ONLY webhook_attempts
    ADD CONSTRAINT webhook_attempts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY webhook_endpoints
    ADD CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (id);

ALTER TABLE ONLY webhook_events
    ADD CONSTRAINT webhook_events_number_key UNIQUE (number);

ALTER TABLE ONLY webhook_events
    ADD CONSTRAINT webhook_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY webhook_received
    ADD CONSTRAINT webhook_received_pkey PRIMARY KEY (id);

ALTER TABLE ONLY word_filters
    ADD CONSTRAINT word_filters_pkey PRIMARY KEY (id);

ALTER TABLE ONLY word_filters
    ADD CONSTRAINT word_filters_word_key_key UNIQUE (word_key);

CREATE INDEX audit_log_actor ON audit_log USING btree (actor, at, id);

CREATE INDEX audit_log_at ON audit_log USING btree (at, id);

CREATE INDEX audit_log_message ON audit_log USING btree (message_id) WHERE (message_id IS NOT NULL);

CREATE INDEX audit_log_person ON audit_log USING btree (person, at, id);

CREATE INDEX audit_log_room ON audit_log USING btree (room_id, at, id);

CREATE UNIQUE INDEX broadcasts_one_live ON broadcasts USING btree (room_id) WHERE (state = 'live'::text);

CREATE INDEX broadcasts_room ON broadcasts USING btree (room_id, starts_at);

CREATE INDEX guest_addresses_seen ON guest_addresses USING btree (seen_at);

CREATE UNIQUE INDEX members_name_key ON members USING btree (name_key) WHERE (deleted_at IS NULL);

CREATE INDEX messages_author ON messages USING btree (author, at);

CREATE INDEX messages_order ON messages USING btree (room_id, epoch, "offset");

CREATE INDEX messages_tokens ON messages USING gin (tokens) WITH (fastupdate='on', gin_pending_list_limit='4096');

CREATE INDEX orders_broadcast ON orders USING btree (broadcast_id);

CREATE INDEX orders_person ON orders USING btree (person, created_at);

CREATE INDEX orders_product ON orders USING btree (product_id, created_at);

CREATE INDEX orders_unmirrored ON orders USING btree (product_id) WHERE (NOT mirrored);

CREATE INDEX orders_untold ON orders USING btree (room_id, product_id) WHERE (NOT told);

CREATE INDEX outbox_lane ON outbox USING btree (lane, id);

CREATE INDEX person_notes_person ON person_notes USING btree (person, at) WHERE (removed_at IS NULL);

CREATE INDEX product_imports_member ON product_imports USING btree (member_id);

CREATE INDEX product_pins_broadcast ON product_pins USING btree (broadcast_id, pinned_at);

CREATE UNIQUE INDEX product_pins_one ON product_pins USING btree (room_id) WHERE (unpinned_at IS NULL);

CREATE UNIQUE INDEX products_code ON products USING btree (code) WHERE (archived_at IS NULL);

CREATE INDEX products_unmirrored ON products USING btree (id) WHERE (mirrored < version);

CREATE INDEX questions_id ON questions USING btree (id);

CREATE UNIQUE INDEX questions_on_stage ON questions USING btree (room_id) WHERE (shown_since IS NOT NULL);

CREATE INDEX questions_popular ON questions USING btree (room_id, state, votes DESC, asked_at);

CREATE INDEX questions_tokens ON questions USING gin (tokens) WITH (fastupdate='on', gin_pending_list_limit='4096');

CREATE INDEX questions_untold ON questions USING btree (room_id) WHERE (votes <> votes_told);

CREATE INDEX reports_author ON reports USING btree (author, at);

CREATE INDEX reports_open ON reports USING btree (room_id, at) WHERE (outcome IS NULL);

CREATE INDEX reports_reporter ON reports USING btree (reporter, at);

CREATE INDEX reservations_held ON reservations USING btree (until) WHERE (state = 'held'::text);

CREATE INDEX reservations_person ON reservations USING btree (person, at);

CREATE INDEX reservations_product ON reservations USING btree (product_id, state, seq);

CREATE INDEX reviews_author ON reviews USING btree (author) WHERE (decision IS NULL);

CREATE INDEX reviews_waiting ON reviews USING btree (room_id, held_at) WHERE (decision IS NULL);

CREATE INDEX sales_product ON sales USING btree (product_id, ends_at);

CREATE INDEX sales_untold ON sales USING btree (ends_at) WHERE (told < 2);

CREATE INDEX sanctions_active ON sanctions USING btree (COALESCE(until, 'infinity'::timestamp with time zone), room_id) WHERE (revoked_at IS NULL);

CREATE INDEX sanctions_changed ON sanctions USING btree (changed_at);

CREATE INDEX sanctions_person ON sanctions USING btree (person, at);

CREATE INDEX sessions_member ON sessions USING btree (member_id);

CREATE INDEX spoken_orders_open ON spoken_orders USING btree (room_id, epoch, "offset") WHERE (done_at IS NULL);

CREATE UNIQUE INDEX variants_code ON variants USING btree (product_id, code) WHERE (removed_at IS NULL);

CREATE INDEX variants_product ON variants USING btree (product_id, place);

CREATE INDEX waiting_product ON waiting USING btree (product_id, seq) WHERE (state = 'waiting'::text);

CREATE INDEX webhook_attempts_at ON webhook_attempts USING btree (at);

CREATE INDEX webhook_attempts_endpoint ON webhook_attempts USING btree (endpoint_id, id);

CREATE INDEX webhook_attempts_event ON webhook_attempts USING btree (event_id, at);

CREATE INDEX webhook_events_unnumbered ON webhook_events USING btree (written) WHERE (number IS NULL);

CREATE INDEX webhook_received_at ON webhook_received USING btree (at);

ALTER TABLE ONLY audit_log
    ADD CONSTRAINT audit_log_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id);

ALTER TABLE ONLY broadcasts
    ADD CONSTRAINT broadcasts_host_id_fkey FOREIGN KEY (host_id) REFERENCES members(id);

ALTER TABLE ONLY broadcasts
    ADD CONSTRAINT broadcasts_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id);

ALTER TABLE ONLY coupon_claims
    ADD CONSTRAINT coupon_claims_coupon_id_fkey FOREIGN KEY (coupon_id) REFERENCES coupons(id);

ALTER TABLE ONLY coupons
    ADD CONSTRAINT coupons_created_by_fkey FOREIGN KEY (created_by) REFERENCES members(id);

ALTER TABLE ONLY coupons
    ADD CONSTRAINT coupons_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id);

ALTER TABLE ONLY coupons
    ADD CONSTRAINT coupons_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id);

ALTER TABLE ONLY giveaway_entries
    ADD CONSTRAINT giveaway_entries_giveaway_id_fkey FOREIGN KEY (giveaway_id) REFERENCES giveaways(id);

ALTER TABLE ONLY giveaways
    ADD CONSTRAINT giveaways_created_by_fkey FOREIGN KEY (created_by) REFERENCES members(id);

ALTER TABLE ONLY giveaways
    ADD CONSTRAINT giveaways_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id);

ALTER TABLE ONLY messages
    ADD CONSTRAINT messages_guest_id_fkey FOREIGN KEY (guest_id) REFERENCES guests(id);

ALTER TABLE ONLY messages
    ADD CONSTRAINT messages_member_id_fkey FOREIGN KEY (member_id) REFERENCES members(id);

ALTER TABLE ONLY one_time_links
    ADD CONSTRAINT one_time_links_member_id_fkey FOREIGN KEY (member_id) REFERENCES members(id) ON DELETE CASCADE;

ALTER TABLE ONLY orders
    ADD CONSTRAINT orders_broadcast_id_fkey FOREIGN KEY (broadcast_id) REFERENCES broadcasts(id);

ALTER TABLE ONLY orders
    ADD CONSTRAINT orders_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id);

ALTER TABLE ONLY orders
    ADD CONSTRAINT orders_reservation_id_fkey FOREIGN KEY (reservation_id) REFERENCES reservations(id);

ALTER TABLE ONLY orders
    ADD CONSTRAINT orders_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id);

ALTER TABLE ONLY orders
    ADD CONSTRAINT orders_variant_id_fkey FOREIGN KEY (variant_id) REFERENCES variants(id);

ALTER TABLE ONLY product_imports
    ADD CONSTRAINT product_imports_member_id_fkey FOREIGN KEY (member_id) REFERENCES members(id);

ALTER TABLE ONLY product_pins
    ADD CONSTRAINT product_pins_broadcast_id_fkey FOREIGN KEY (broadcast_id) REFERENCES broadcasts(id);

ALTER TABLE ONLY product_pins
    ADD CONSTRAINT product_pins_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id);

ALTER TABLE ONLY product_pins
    ADD CONSTRAINT product_pins_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id);

ALTER TABLE ONLY products
    ADD CONSTRAINT products_created_by_fkey FOREIGN KEY (created_by) REFERENCES members(id);

ALTER TABLE ONLY questions
    ADD CONSTRAINT questions_answered_by_fkey FOREIGN KEY (answered_by) REFERENCES members(id);

ALTER TABLE ONLY questions
    ADD CONSTRAINT questions_room_id_id_fkey FOREIGN KEY (room_id, id) REFERENCES messages(room_id, id);

ALTER TABLE ONLY reports
    ADD CONSTRAINT reports_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id);

ALTER TABLE ONLY reservations
    ADD CONSTRAINT reservations_coupon_id_fkey FOREIGN KEY (coupon_id) REFERENCES coupons(id);

ALTER TABLE ONLY reservations
    ADD CONSTRAINT reservations_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id);

ALTER TABLE ONLY reservations
    ADD CONSTRAINT reservations_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id);

ALTER TABLE ONLY reservations
    ADD CONSTRAINT reservations_sale_id_fkey FOREIGN KEY (sale_id) REFERENCES sales(id);

ALTER TABLE ONLY reservations
    ADD CONSTRAINT reservations_variant_id_fkey FOREIGN KEY (variant_id) REFERENCES variants(id);

ALTER TABLE ONLY reviews
    ADD CONSTRAINT reviews_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id);

ALTER TABLE ONLY rooms
    ADD CONSTRAINT rooms_created_by_fkey FOREIGN KEY (created_by) REFERENCES members(id);

ALTER TABLE ONLY rundown
    ADD CONSTRAINT rundown_broadcast_id_fkey FOREIGN KEY (broadcast_id) REFERENCES broadcasts(id) ON DELETE CASCADE;

ALTER TABLE ONLY rundown
    ADD CONSTRAINT rundown_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id);

ALTER TABLE ONLY sales
    ADD CONSTRAINT sales_created_by_fkey FOREIGN KEY (created_by) REFERENCES members(id);

ALTER TABLE ONLY sales
    ADD CONSTRAINT sales_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id);

ALTER TABLE ONLY sales
    ADD CONSTRAINT sales_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id);

ALTER TABLE ONLY sanction_addresses
    ADD CONSTRAINT sanction_addresses_sanction_id_fkey FOREIGN KEY (sanction_id) REFERENCES sanctions(id) ON DELETE CASCADE;

ALTER TABLE ONLY sanctions
    ADD CONSTRAINT sanctions_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id);

ALTER TABLE ONLY sessions
    ADD CONSTRAINT sessions_member_id_fkey FOREIGN KEY (member_id) REFERENCES members(id) ON DELETE CASCADE;

ALTER TABLE ONLY spoken_orders
    ADD CONSTRAINT spoken_orders_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id);

ALTER TABLE ONLY spoken_orders
    ADD CONSTRAINT spoken_orders_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id);

ALTER TABLE ONLY spoken_orders
    ADD CONSTRAINT spoken_orders_variant_id_fkey FOREIGN KEY (variant_id) REFERENCES variants(id);

ALTER TABLE ONLY variants
    ADD CONSTRAINT variants_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id);

ALTER TABLE ONLY waiting
    ADD CONSTRAINT waiting_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id);

ALTER TABLE ONLY waiting
    ADD CONSTRAINT waiting_room_id_fkey FOREIGN KEY (room_id) REFERENCES rooms(id);

ALTER TABLE ONLY waiting
    ADD CONSTRAINT waiting_variant_id_fkey FOREIGN KEY (variant_id) REFERENCES variants(id);

ALTER TABLE ONLY webhook_again
    ADD CONSTRAINT webhook_again_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhook_endpoints(id);

ALTER TABLE ONLY webhook_again
    ADD CONSTRAINT webhook_again_event_id_fkey FOREIGN KEY (event_id) REFERENCES webhook_events(id) ON DELETE CASCADE;

ALTER TABLE ONLY webhook_attempts
    ADD CONSTRAINT webhook_attempts_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhook_endpoints(id);

ALTER TABLE ONLY webhook_attempts
    ADD CONSTRAINT webhook_attempts_event_id_fkey FOREIGN KEY (event_id) REFERENCES webhook_events(id) ON DELETE CASCADE;

ALTER TABLE ONLY webhook_events
    ADD CONSTRAINT webhook_events_product_id_fkey FOREIGN KEY (product_id) REFERENCES products(id);
