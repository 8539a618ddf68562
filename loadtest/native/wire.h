/* Reads as much of Hiroba's messages as a load client needs, in both encodings, without copying.

   A push: {"ch": …, "epoch": E, "from": A, "to": B, "pubs": […], "of": N, "why": …}, its keys in
   this order, so that the head of a message is enough. A passing event: {"ch": …, "now": […]}.
   The reply to `connect`: {"id": …, "ok": {…, "subscriptions": {CHANNEL: {"ok": {"epoch": E,
   "offset": O, …}}}}}. */
#ifndef HIROBA_WIRE_H
#define HIROBA_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A place in a message. After a failure every further read gives nothing. */
struct reader {
    const uint8_t *at, *end;
    bool json, failed;
};

struct text {
    const uint8_t *at;
    size_t size;
};

enum kind { OTHER, PUSH, PASSING };

struct push {
    uint64_t epoch, from, to;
    uint64_t publications;
    bool left_out; /* fewer publications than offsets: some were left out on purpose */
};

static bool is(struct text text, const char *word) {
    return text.size == strlen(word) && memcmp(text.at, word, text.size) == 0;
}

static uint8_t next_byte(struct reader *r) {
    if (r->failed || r->at >= r->end) {
        r->failed = true;
        return 0;
    }
    return *r->at++;
}

static void pass(struct reader *r, uint64_t count) {
    if (r->failed || count > (uint64_t)(r->end - r->at))
        r->failed = true;
    else
        r->at += count;
}

/* msgpack */

static uint64_t big_endian(struct reader *r, int bytes) {
    uint64_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | next_byte(r);
    return value;
}

static uint64_t packed_count(struct reader *r, uint8_t few, uint8_t mask, uint8_t two) {
    uint8_t head = next_byte(r);
    if ((head & (uint8_t)~mask) == few)
        return head & mask;
    if (head == two)
        return big_endian(r, 2);
    if (head == two + 1)
        return big_endian(r, 4);
    r->failed = true;
    return 0;
}

static struct text packed_text(struct reader *r) {
    uint8_t head = next_byte(r);
    uint64_t size = 0;
    if ((head & 0xe0) == 0xa0)
        size = head & 0x1f;
    else if (head >= 0xd9 && head <= 0xdb)
        size = big_endian(r, 1 << (head - 0xd9));
    else
        r->failed = true;
    struct text text = {r->at, size};
    pass(r, size);
    return r->failed ? (struct text){r->end, 0} : text;
}

static uint64_t packed_number(struct reader *r) {
    uint8_t head = next_byte(r);
    if (head < 0x80)
        return head;
    if (head >= 0xcc && head <= 0xcf)
        return big_endian(r, 1 << (head - 0xcc));
    r->failed = true;
    return 0;
}

static void packed_skip(struct reader *r) {
    static const uint8_t sizes[] = {
        /* c7 to c9: ext */ 0, 0, 0, /* ca, cb: floats */ 4, 8, /* cc to cf */ 1, 2, 4, 8,
        /* d0 to d3 */ 1, 2, 4, 8, /* d4 to d8: ext with its type */ 2, 3, 5, 9, 17};
    uint64_t left = 1;
    while (left > 0 && !r->failed) {
        left--;
        uint8_t head = next_byte(r);
        if (head < 0x80 || head >= 0xe0 || (head >= 0xc0 && head <= 0xc3))
            continue;
        if (head < 0x90)
            left += 2 * (uint64_t)(head & 0x0f);
        else if (head < 0xa0)
            left += head & 0x0f;
        else if (head < 0xc0)
            pass(r, head & 0x1f);
        else if (head <= 0xc6)
            pass(r, big_endian(r, 1 << (head - 0xc4)));
        else if (head <= 0xc9)
            pass(r, big_endian(r, 1 << (head - 0xc7)) + 1);
        else if (head <= 0xd8)
            pass(r, sizes[head - 0xc7]);
        else if (head <= 0xdb)
            pass(r, big_endian(r, 1 << (head - 0xd9)));
        else if (head <= 0xdd)
            left += big_endian(r, head == 0xdc ? 2 : 4);
        else
            left += 2 * big_endian(r, head == 0xde ? 2 : 4);
    }
}

/* JSON, as our server writes it: without spaces, and keys without escapes. */

static void expect(struct reader *r, char wanted) {
    if (next_byte(r) != (uint8_t)wanted)
        r->failed = true;
}

static struct text written_text(struct reader *r) {
    expect(r, '"');
    struct text text = {r->at, 0};
    while (!r->failed) {
        uint8_t byte = next_byte(r);
        if (byte == '"') {
            text.size = (size_t)(r->at - 1 - text.at);
            return text;
        }
        if (byte == '\\')
            pass(r, 1);
    }
    return (struct text){r->end, 0};
}

static uint64_t written_number(struct reader *r) {
    uint64_t value = 0;
    const uint8_t *start = r->at;
    while (!r->failed && r->at < r->end && *r->at >= '0' && *r->at <= '9')
        value = value * 10 + (uint64_t)(*r->at++ - '0');
    /* A number that reaches the end of what we have may go on behind it. */
    if (r->at == start || r->at == r->end)
        r->failed = true;
    return value;
}

static void written_skip(struct reader *r) {
    int depth = 0;
    do {
        if (r->failed || r->at >= r->end) {
            r->failed = true;
            return;
        }
        uint8_t byte = *r->at;
        if (byte == '"') {
            written_text(r);
        } else if (byte == '{' || byte == '[') {
            depth++;
            r->at++;
        } else if (byte == '}' || byte == ']') {
            if (depth == 0)
                return;
            depth--;
            r->at++;
        } else if (byte == ',' && depth == 0) {
            return;
        } else {
            r->at++;
            continue;
        }
    } while (depth > 0 || (r->at < r->end && *r->at != ',' && *r->at != '}' && *r->at != ']'));
}

/* Both. */

static uint64_t number(struct reader *r) { return r->json ? written_number(r) : packed_number(r); }

/* Go to the value of a key of the object that begins here; NULL is the first key. */
static bool enter(struct reader *r, const char *key) {
    uint64_t left = UINT64_MAX;
    if (r->json)
        expect(r, '{');
    else
        left = packed_count(r, 0x80, 0x0f, 0xde);
    while (!r->failed && left-- > 0) {
        if (r->json && r->at < r->end && *r->at == '}')
            return false;
        struct text name = r->json ? written_text(r) : packed_text(r);
        if (r->json)
            expect(r, ':');
        if (r->failed)
            return false;
        if (key == NULL || is(name, key))
            return true;
        if (r->json) {
            written_skip(r);
            if (r->at < r->end && *r->at == ',')
                r->at++;
        } else {
            packed_skip(r);
        }
    }
    return false;
}

/* Read the position that the reply to `connect` gives for its one subscription. */
static bool read_position(bool json, const uint8_t *at, size_t size, uint64_t *epoch,
                          uint64_t *offset) {
    struct reader r = {at, at + size, json, false};
    if (!enter(&r, "ok") || !enter(&r, "subscriptions") || !enter(&r, NULL) || !enter(&r, "ok"))
        return false;
    struct reader again = r;
    if (!enter(&r, "epoch") || !enter(&again, "offset"))
        return false;
    *epoch = number(&r);
    *offset = number(&again);
    return !r.failed && !again.failed;
}

/* Read what a message is; `size` bytes of its head are here, `tail` are its last two bytes. */
static enum kind read_push(bool json, const uint8_t *at, size_t size, const uint8_t tail[2],
                           struct push *push) {
    struct reader r = {at, at + size, json, false};
    if (json)
        expect(&r, '{');
    else
        packed_count(&r, 0x80, 0x0f, 0xde);
    memset(push, 0, sizeof *push);
    for (int key = 0; key < 8 && !r.failed; key++) {
        if (json && key > 0)
            expect(&r, ',');
        struct text name = json ? written_text(&r) : packed_text(&r);
        if (json)
            expect(&r, ':');
        if (r.failed)
            return OTHER;
        if (is(name, "now"))
            return PASSING;
        if (is(name, "pubs")) {
            uint64_t span = push->to - push->from + 1;
            /* JSON does not count; but only a push that left something out ends with a text. */
            if (!json)
                push->publications = packed_count(&r, 0x90, 0x0f, 0xdc);
            else if (tail[0] == ']')
                push->publications = span;
            push->left_out = push->publications < span;
            return r.failed ? OTHER : PUSH;
        }
        if (is(name, "epoch"))
            push->epoch = number(&r);
        else if (is(name, "from"))
            push->from = number(&r);
        else if (is(name, "to"))
            push->to = number(&r);
        else if (is(name, "ch"))
            json ? written_skip(&r) : packed_skip(&r);
        else
            return OTHER;
    }
    return OTHER;
}

#endif
