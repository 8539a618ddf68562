/* A load client: many WebSocket connections on one thread, which count what they are given.

   usage: client PORT CONNECTIONS [options]

     --host ADDRESS     IPv4 address [127.0.0.1]
     --path PATH        [/v1/live]
     --header LINE      a further line of the handshake, as "Origin: http://…" (repeat)
     --hello FILE       what each connection sends once it is open: lines "text:HEX" or
                        "binary:HEX"; several messages on one line are separated by a space, and
                        connection i takes line i modulo the number of lines
     --wire WIRE        how messages are read [frames]
                          msgpack, json: Hiroba; a connection is ready with the reply to `connect`
                            and from there every hole in the offsets of its channel is counted
                          frames: anything else; each message is one publication
     --ready TEXT       frames: ready with the first message that contains TEXT, not counted
     --count TEXT       frames: a message holds as many publications as it contains TEXT
     --answer TEXT HEX  frames: a message that begins with TEXT is not counted and is answered with
                        the text HEX (repeat)
     --window N         connections that are being opened at once [256]
     --patience SECONDS without any progress, after which opening is given up [20]
     --receive-buffer N SO_RCVBUF of each connection
     --latency          look in every message for "t=" and 16 hexadecimal digits, the nanoseconds of
                        CLOCK_MONOTONIC when it was posted, and keep the time since

   It writes one JSON object a line, first {"say": "ready", "open": …, "dead": …, "seconds": …,
   "cpu_us": …, "closes": {…}}, and reads commands, one a line. Each is answered by one line; they
   are carried out one after another:

     reset                 begin to count anew (positions stay) → {"say": "reset"}
     count                 → the counts since reset: {"say": "counted", "publications", "frames",
                           "passing", "bytes" (of messages), "wire_bytes", "holes" (places where
                           offsets are missing), "repeated", "left_out" (pushes that left something
                           out on purpose), "unread" (messages that could not be read), "least" and
                           "most" (publications of a connection that is open and not stalled),
                           "pings", "open", "dead", "seconds" (since reset), "first" and "last"
                           (seconds from reset to the first and last publication), "cpu_us" (our
                           own since reset), "closes": {CODE: how many}}
     wait EXPECT IDLE_MS   the same, as soon as EXPECT publications came to all connections
                           together, or none for IDLE_MS
     latency               → {"say": "latency", "samples", "p50", "p95", "p99", "most"} in ms since
                           reset
     stall K               the last K connections stop reading → {"say": "stalled", "connections"}
     unstall               they go on → {"say": "unstalled"}
     send I text:HEX       connection I sends one message (or binary:HEX) → {"say": "sent"}
     quit                  the end; so is the end of the input

   A wrong command is answered {"say": "error", "problem": …}. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "websocket.h"
#include "wire.h"

enum { HEAD = 1024, LARGEST = 64 << 20, MOST_RULES = 16, MOST_CLOSES = 32, EVENTS = 1024 };
#define INPUT UINT32_MAX /* stands for our own input among the connections */

enum state { UNUSED, CONNECTING, HANDSHAKE, OPENING, READY, DEAD };

struct connection {
    int fd;
    enum state state;
    bool stalled;
    /* The frame that is being read. */
    uint8_t head[14];
    uint8_t head_size, opcode;
    bool final, in_payload;
    uint64_t left;
    /* The message that is being read: its size, its last two bytes, and what is kept of it. */
    uint8_t tail[2];
    uint64_t size;
    uint8_t *kept;
    size_t kept_size, kept_room;
    uint8_t control[125];
    uint8_t control_size;
    /* Where it stands, and what it was given. */
    uint64_t epoch, offset;
    uint64_t publications;
};

struct message {
    enum opcode opcode;
    size_t size;
    uint8_t *bytes;
};

struct rule {
    const char *begins;
    struct message answer;
};

struct hello {
    struct message *messages;
    int count;
};

static struct {
    int port, count, window, receive_buffer;
    double patience;
    const char *host, *path, *ready, *counted;
    const char *headers[MOST_RULES];
    int header_count;
    struct rule rules[MOST_RULES];
    int rule_count;
    struct hello *hellos;
    int hello_count;
    bool frames, json, latency;
} options = {.window = 256, .patience = 20, .host = "127.0.0.1", .path = "/v1/live", .frames = true};

static struct {
    uint64_t publications, frames, passing, bytes, wire_bytes;
    uint64_t holes, repeated, left_out, unread, pings;
    uint64_t begun, first, last;
    double cpu_us;
} counts;

static struct connection *connections;
static int poller, opening, open_count, dead_count;
static struct {
    int code, times;
} closes[MOST_CLOSES];
static float *samples;
static size_t sample_count, sample_room;
static uint8_t received[1 << 18];

static void *need(void *memory) {
    if (memory == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

static void watch(int index, uint32_t events, int how) {
    struct epoll_event event = {.events = events, .data.u32 = (uint32_t)index};
    epoll_ctl(poller, how, connections[index].fd, &event);
}

/* The end of a connection; 1006 is the standard's code for one that just ended. */
static void bury(struct connection *c, int code) {
    if (c->state == DEAD)
        return;
    if (c->state == READY)
        open_count--;
    else
        opening--;
    c->state = DEAD;
    dead_count++;
    close(c->fd);
    free(c->kept);
    c->kept = NULL;
    for (int i = 0; i < MOST_CLOSES; i++) {
        if (closes[i].times == 0)
            closes[i].code = code;
        if (closes[i].code == code) {
            closes[i].times++;
            break;
        }
    }
}

/* The end of a connection that was not let in, with what was answered for whoever looks why. */
static void refuse(struct connection *c, int code, const uint8_t *at, size_t size) {
    static int told;
    if (told++ < 3)
        fprintf(stderr, "connection %d: %.*s\n", (int)(c - connections),
                (int)(size < 400 ? size : 400), (const char *)at);
    bury(c, code);
}

static void send_message(struct connection *c, enum opcode opcode, const uint8_t *bytes,
                         size_t size) {
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    uint8_t *frame = need(malloc(size + 18));
    size_t used = frame_head(frame, opcode, size, 0x80);
    memcpy(frame + used, mask, 4);
    used += 4;
    for (size_t i = 0; i < size; i++)
        frame[used + i] = bytes[i] ^ mask[i & 3];
    ssize_t sent = send(c->fd, frame, used + size, MSG_NOSIGNAL);
    free(frame);
    /* What we say is small; a server that does not take it does not read. */
    if (sent != (ssize_t)(used + size))
        bury(c, 1006);
}

static void become_ready(struct connection *c) {
    c->state = READY;
    opening--;
    open_count++;
}

static void be_open(struct connection *c) {
    c->state = OPENING;
    if (options.hello_count > 0) {
        struct hello *hello = &options.hellos[(c - connections) % options.hello_count];
        for (int i = 0; i < hello->count && c->state != DEAD; i++)
            send_message(c, hello->messages[i].opcode, hello->messages[i].bytes,
                         hello->messages[i].size);
    }
    if (options.frames && options.ready == NULL && c->state != DEAD)
        become_ready(c);
}

static void count_publications(struct connection *c, uint64_t publications) {
    if (publications == 0)
        return;
    c->publications += publications;
    counts.publications += publications;
    counts.last = nanoseconds();
    if (counts.first == 0)
        counts.first = counts.last;
}

static void sample(const uint8_t *at, size_t size) {
    const uint8_t *end = at + size;
    uint64_t now = nanoseconds();
    while ((at = memmem(at, (size_t)(end - at), "t=", 2)) != NULL) {
        at += 2;
        uint64_t posted = 0;
        int digits = 0;
        for (; digits < 16 && at + digits < end; digits++) {
            uint8_t byte = at[digits];
            if (byte >= '0' && byte <= '9')
                posted = posted << 4 | (uint64_t)(byte - '0');
            else if (byte >= 'a' && byte <= 'f')
                posted = posted << 4 | (uint64_t)(byte - 'a' + 10);
            else
                break;
        }
        if (digits < 16 || posted > now)
            continue;
        if (sample_count == sample_room) {
            sample_room = sample_room ? 2 * sample_room : 1 << 16;
            samples = need(realloc(samples, sample_room * sizeof *samples));
        }
        samples[sample_count++] = (float)((double)(now - posted) / 1e6);
    }
}

static void take_push(struct connection *c, const struct push *push) {
    bool empty = push->to + 1 == push->from;
    if (c->epoch != push->epoch) {
        /* The epoch is 0 before a channel's first publication. */
        if (push->from > 1)
            counts.holes++;
    } else if (push->from > c->offset + 1) {
        counts.holes++;
    } else if (!empty && push->from <= c->offset) {
        counts.repeated++;
    }
    if (push->left_out)
        counts.left_out++;
    if (c->epoch != push->epoch || push->to > c->offset)
        c->offset = push->to;
    c->epoch = push->epoch;
    count_publications(c, push->publications);
}

static void take_hiroba(struct connection *c, const uint8_t *at, size_t size) {
    struct push push;
    if (c->state == OPENING) {
        if (read_position(options.json, at, size, &c->epoch, &c->offset))
            become_ready(c);
        else
            refuse(c, 0, at, size);
        return;
    }
    switch (read_push(options.json, at, size, c->tail, &push)) {
    case PUSH:
        take_push(c, &push);
        break;
    case PASSING:
        counts.passing++;
        break;
    default:
        counts.unread++;
    }
}

static void take_frame(struct connection *c, const uint8_t *at, size_t size) {
    for (int i = 0; i < options.rule_count; i++) {
        struct rule *rule = &options.rules[i];
        size_t length = strlen(rule->begins);
        if (size >= length && memcmp(at, rule->begins, length) == 0) {
            send_message(c, rule->answer.opcode, rule->answer.bytes, rule->answer.size);
            return;
        }
    }
    if (c->state == OPENING) {
        if (memmem(at, size, options.ready, strlen(options.ready)) != NULL)
            become_ready(c);
        return;
    }
    uint64_t publications = 1;
    if (options.counted != NULL) {
        size_t length = strlen(options.counted);
        const uint8_t *end = at + size;
        publications = 0;
        while ((at = memmem(at, (size_t)(end - at), options.counted, length)) != NULL) {
            publications++;
            at += length;
        }
    }
    count_publications(c, publications);
}

/* A whole message came; `size` bytes of it are here, which may be only its head. */
static void take_message(struct connection *c, const uint8_t *at, size_t size) {
    if (c->state == READY) {
        counts.frames++;
        counts.bytes += c->size;
    }
    if (options.latency)
        sample(at, size);
    if (options.frames)
        take_frame(c, at, size);
    else
        take_hiroba(c, at, size);
}

static void take_control(struct connection *c) {
    if (c->opcode == PING) {
        counts.pings++;
        send_message(c, PONG, c->control, c->control_size);
    } else if (c->opcode == CLOSE) {
        bury(c, c->control_size >= 2 ? c->control[0] << 8 | c->control[1] : 1005);
    }
}

static void keep(struct connection *c, const uint8_t *at, size_t size) {
    bool whole = c->state < READY || options.latency || options.frames;
    size_t most = whole ? LARGEST : HEAD;
    if (c->kept_size + size > most)
        size = most - c->kept_size;
    if (size == 0)
        return;
    if (c->kept_size + size > c->kept_room) {
        c->kept_room = 2 * (c->kept_size + size);
        c->kept = need(realloc(c->kept, c->kept_room));
    }
    memcpy(c->kept + c->kept_size, at, size);
    c->kept_size += size;
}

static void end_message(struct connection *c, const uint8_t *at, size_t size) {
    take_message(c, at, size);
    c->size = 0;
    c->kept_size = 0;
    /* Thousands of connections that each keep a large message would be our memory's end. */
    if (c->kept_room > 4 * HEAD) {
        free(c->kept);
        c->kept = NULL;
        c->kept_room = 0;
    }
}

/* Take a piece of a frame's payload; gives how many bytes were used. */
static size_t take_payload(struct connection *c, const uint8_t *at, size_t size) {
    size_t piece = c->left < size ? (size_t)c->left : size;
    c->left -= piece;
    bool over = c->left == 0;
    if (over)
        c->in_payload = false;
    if (c->opcode >= CLOSE) {
        size_t room = sizeof c->control - c->control_size;
        size_t kept = piece < room ? piece : room;
        memcpy(c->control + c->control_size, at, kept);
        c->control_size += (uint8_t)kept;
        if (over)
            take_control(c);
        return piece;
    }
    if (piece >= 2)
        memcpy(c->tail, at + piece - 2, 2);
    else if (piece == 1)
        c->tail[0] = c->tail[1], c->tail[1] = at[0];
    bool alone = c->size == 0 && over && c->final;
    c->size += piece;
    if (alone) {
        end_message(c, at, piece);
    } else {
        keep(c, at, piece);
        if (over && c->final)
            end_message(c, c->kept, c->kept_size);
    }
    return piece;
}

static void take_bytes(struct connection *c, const uint8_t *at, size_t size) {
    while (size > 0 && c->state != DEAD) {
        if (c->in_payload) {
            size_t used = take_payload(c, at, size);
            at += used;
            size -= used;
            continue;
        }
        c->head[c->head_size++] = *at++;
        size--;
        if (c->head_size < 2)
            continue;
        int length = c->head[1] & 127;
        int wanted = length < 126 ? 2 : length == 126 ? 4 : 10;
        if (c->head_size < wanted)
            continue;
        c->left = length < 126 ? (uint64_t)length : 0;
        for (int i = 2; i < wanted; i++)
            c->left = c->left << 8 | c->head[i];
        c->opcode = c->head[0] & 15;
        c->final = c->head[0] >> 7;
        c->head_size = 0;
        c->in_payload = true;
        if (c->opcode >= CLOSE)
            c->control_size = 0;
        if (c->left == 0)
            take_payload(c, at, 0);
    }
}

static void start(int index) {
    struct connection *c = &connections[index];
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        fprintf(stderr, "connection %d: %s\n", index, strerror(errno));
        exit(1);
    }
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (options.receive_buffer > 0)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer, sizeof(int));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    inet_pton(AF_INET, options.host, &address.sin_addr);
    c->state = CONNECTING;
    opening++;
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
        bury(c, 1006);
    else
        watch(index, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
}

static void ask(struct connection *c) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        bury(c, 1006);
        return;
    }
    char request[16384];
    int used = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: " KEY "\r\n",
                        options.path, options.host, options.port);
    for (int i = 0; i < options.header_count && used < (int)sizeof request; i++)
        used += snprintf(request + used, sizeof request - (size_t)used, "%s\r\n",
                         options.headers[i]);
    if (used + 3 > (int)sizeof request) {
        fprintf(stderr, "the handshake is too long\n");
        exit(1);
    }
    memcpy(request + used, "\r\n", 2);
    if (send(c->fd, request, (size_t)used + 2, MSG_NOSIGNAL) != used + 2) {
        bury(c, 1006);
        return;
    }
    c->state = HANDSHAKE;
    watch((int)(c - connections), EPOLLIN, EPOLL_CTL_MOD);
}

static void take_answer(struct connection *c, const uint8_t *at, size_t size) {
    size_t before = c->kept_size;
    keep(c, at, size);
    uint8_t *end = memmem(c->kept, c->kept_size, "\r\n\r\n", 4);
    if (end == NULL) {
        if (c->kept_size >= 16 * HEAD)
            refuse(c, 0, c->kept, c->kept_size);
        return;
    }
    size_t head = (size_t)(end + 4 - c->kept);
    /* A server that refuses answers with an HTTP status, which takes the place of a close code. */
    int status = c->kept_size > 12 ? atoi((char *)c->kept + 9) : 0;
    bool accepted = memmem(c->kept, head, ACCEPT, strlen(ACCEPT)) != NULL;
    if (status != 101 || !accepted) {
        refuse(c, status == 101 ? 0 : status, c->kept, c->kept_size);
        return;
    }
    size_t used = head - before;
    c->kept_size = 0;
    be_open(c);
    if (c->state != DEAD && used < size)
        take_bytes(c, at + used, size - used);
}

static void on_event(int index, uint32_t events) {
    struct connection *c = &connections[index];
    if (c->state == DEAD || c->stalled)
        return;
    if (c->state == CONNECTING) {
        if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
            ask(c);
        return;
    }
    ssize_t size = recv(c->fd, received, sizeof received, 0);
    if (size <= 0) {
        if (size == 0 || (errno != EAGAIN && errno != EINTR))
            bury(c, 1006);
        return;
    }
    counts.wire_bytes += (uint64_t)size;
    if (c->state == HANDSHAKE)
        take_answer(c, received, (size_t)size);
    else
        take_bytes(c, received, (size_t)size);
}

/* What we say */

static void say_closes(void) {
    printf("\"closes\": {");
    for (int i = 0; i < MOST_CLOSES && closes[i].times > 0; i++)
        printf("%s\"%d\": %d", i ? ", " : "", closes[i].code, closes[i].times);
    printf("}}\n");
    fflush(stdout);
}

static double since(uint64_t moment) {
    return moment > counts.begun ? (double)(moment - counts.begun) / 1e9 : 0;
}

static void say_counts(void) {
    uint64_t least = UINT64_MAX, most = 0;
    for (int i = 0; i < options.count; i++) {
        struct connection *c = &connections[i];
        if (c->state != READY || c->stalled)
            continue;
        least = c->publications < least ? c->publications : least;
        most = c->publications > most ? c->publications : most;
    }
    printf("{\"say\": \"counted\", \"publications\": %llu, \"frames\": %llu, \"passing\": %llu, "
           "\"bytes\": %llu, \"wire_bytes\": %llu, \"holes\": %llu, \"repeated\": %llu, "
           "\"left_out\": %llu, \"unread\": %llu, \"least\": %llu, \"most\": %llu, "
           "\"pings\": %llu, \"open\": %d, \"dead\": %d, \"seconds\": %.6f, \"first\": %.6f, "
           "\"last\": %.6f, \"cpu_us\": %.0f, ",
           (unsigned long long)counts.publications, (unsigned long long)counts.frames,
           (unsigned long long)counts.passing, (unsigned long long)counts.bytes,
           (unsigned long long)counts.wire_bytes, (unsigned long long)counts.holes,
           (unsigned long long)counts.repeated, (unsigned long long)counts.left_out,
           (unsigned long long)counts.unread,
           (unsigned long long)(least == UINT64_MAX ? 0 : least), (unsigned long long)most,
           (unsigned long long)counts.pings, open_count, dead_count, since(nanoseconds()),
           since(counts.first), since(counts.last), own_cpu_us() - counts.cpu_us);
    say_closes();
}

static int by_size(const void *a, const void *b) {
    float left = *(const float *)a, right = *(const float *)b;
    return (left > right) - (left < right);
}

static double at_share(double share) {
    if (sample_count == 0)
        return 0;
    size_t place = (size_t)(share * (double)sample_count);
    return samples[place < sample_count ? place : sample_count - 1];
}

static void say_latency(void) {
    qsort(samples, sample_count, sizeof *samples, by_size);
    printf("{\"say\": \"latency\", \"samples\": %zu, \"p50\": %.3f, \"p95\": %.3f, "
           "\"p99\": %.3f, \"most\": %.3f}\n",
           sample_count, at_share(0.5), at_share(0.95), at_share(0.99), at_share(1));
}

static void say_error(const char *problem) {
    printf("{\"say\": \"error\", \"problem\": \"%s\"}\n", problem);
}

/* What we are told */

static bool read_message(const char *text, size_t size, struct message *message) {
    const char *colon = memchr(text, ':', size);
    if (colon == NULL)
        return false;
    size_t name = (size_t)(colon - text);
    bool is_text = name == 4 && memcmp(text, "text", 4) == 0;
    bool is_binary = name == 6 && memcmp(text, "binary", 6) == 0;
    size_t digits = size - name - 1;
    if ((!is_text && !is_binary) || digits % 2)
        return false;
    message->opcode = is_text ? TEXT : BINARY;
    message->size = digits / 2;
    message->bytes = need(malloc(message->size + 1));
    for (size_t i = 0; i < message->size; i++) {
        char pair[3] = {colon[1 + 2 * i], colon[2 + 2 * i], 0}, *end;
        message->bytes[i] = (uint8_t)strtoul(pair, &end, 16);
        if (end != pair + 2) {
            free(message->bytes);
            return false;
        }
    }
    return true;
}

static void reset(void) {
    for (int i = 0; i < options.count; i++)
        connections[i].publications = 0;
    memset(&counts, 0, sizeof counts);
    counts.begun = nanoseconds();
    counts.cpu_us = own_cpu_us();
    sample_count = 0;
}

static int stalled;

static void stall(int wanted) {
    for (int i = options.count - 1; i >= 0 && wanted > 0; i--) {
        struct connection *c = &connections[i];
        if (c->state != READY || c->stalled)
            continue;
        epoll_ctl(poller, EPOLL_CTL_DEL, c->fd, NULL);
        c->stalled = true;
        stalled++;
        wanted--;
    }
    printf("{\"say\": \"stalled\", \"connections\": %d}\n", stalled);
}

static void unstall(void) {
    for (int i = 0; i < options.count; i++) {
        struct connection *c = &connections[i];
        if (c->stalled && c->state == READY)
            watch(i, EPOLLIN, EPOLL_CTL_ADD);
        c->stalled = false;
    }
    stalled = 0;
    printf("{\"say\": \"unstalled\"}\n");
}

static void send_as(const char *arguments) {
    int index = -1, used = 0;
    struct message message;
    if (sscanf(arguments, "%d %n", &index, &used) != 1 || index < 0 || index >= options.count ||
        connections[index].state != READY) {
        say_error("send names an open connection and a message");
        return;
    }
    if (!read_message(arguments + used, strlen(arguments + used), &message)) {
        say_error("a message is text:HEX or binary:HEX");
        return;
    }
    send_message(&connections[index], message.opcode, message.bytes, message.size);
    free(message.bytes);
    printf("{\"say\": \"sent\"}\n");
}

static struct {
    bool on;
    uint64_t publications;
    double idle;
    uint64_t begun;
} waiting;

/* Carry out one line; false is the end. */
static bool carry_out(char *line) {
    unsigned long long expected;
    int idle;
    if (strcmp(line, "quit") == 0)
        return false;
    if (strcmp(line, "reset") == 0) {
        reset();
        printf("{\"say\": \"reset\"}\n");
    } else if (strcmp(line, "count") == 0) {
        say_counts();
    } else if (strcmp(line, "latency") == 0) {
        say_latency();
    } else if (sscanf(line, "wait %llu %d", &expected, &idle) == 2) {
        waiting.on = true;
        waiting.publications = expected;
        waiting.idle = idle / 1e3;
        waiting.begun = nanoseconds();
    } else if (sscanf(line, "stall %d", &idle) == 1) {
        stall(idle);
    } else if (strcmp(line, "unstall") == 0) {
        unstall();
    } else if (strncmp(line, "send ", 5) == 0) {
        send_as(line + 5);
    } else {
        say_error("no such command");
    }
    return true;
}

static void look_whether_over(void) {
    uint64_t last = counts.last > waiting.begun ? counts.last : waiting.begun;
    bool idle = (double)(nanoseconds() - last) / 1e9 > waiting.idle;
    if (counts.publications >= waiting.publications || idle) {
        waiting.on = false;
        say_counts();
    }
}

/* The two phases */

static void poll_once(int milliseconds, bool *input) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(poller, events, EVENTS, milliseconds);
    for (int i = 0; i < count; i++) {
        if (events[i].data.u32 == INPUT)
            *input = true;
        else
            on_event((int)events[i].data.u32, events[i].events);
    }
}

static void open_all(void) {
    uint64_t begun = nanoseconds(), progress = begun;
    int next = 0, known = 0;
    bool input = false;
    while (open_count + dead_count < options.count) {
        while (next < options.count && opening < options.window)
            start(next++);
        poll_once(100, &input);
        if (open_count + dead_count != known) {
            known = open_count + dead_count;
            progress = nanoseconds();
        } else if ((double)(nanoseconds() - progress) / 1e9 > options.patience) {
            break;
        }
    }
    printf("{\"say\": \"ready\", \"open\": %d, \"dead\": %d, \"seconds\": %.6f, \"cpu_us\": %.0f, ",
           open_count, dead_count, (double)(nanoseconds() - begun) / 1e9, own_cpu_us());
    say_closes();
}

static void obey(void) {
    static char input[1 << 16];
    size_t used = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = INPUT};
    epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &event);
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    reset();
    for (;;) {
        bool readable = false;
        poll_once(waiting.on ? 10 : 1000, &readable);
        if (readable) {
            ssize_t size = read(STDIN_FILENO, input + used, sizeof input - used);
            if (size == 0 || (size < 0 && errno != EAGAIN))
                return;
            used += size > 0 ? (size_t)size : 0;
            if (used == sizeof input)
                return;
        }
        if (waiting.on)
            look_whether_over();
        char *end;
        while (!waiting.on && (end = memchr(input, '\n', used)) != NULL) {
            *end = 0;
            if (!carry_out(input))
                return;
            size_t line = (size_t)(end + 1 - input);
            memmove(input, end + 1, used - line);
            used -= line;
        }
        fflush(stdout);
    }
}

static void read_hellos(const char *path) {
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, file) > 0) {
        options.hellos =
            need(realloc(options.hellos, sizeof(struct hello) * (size_t)(options.hello_count + 1)));
        struct hello *hello = &options.hellos[options.hello_count++];
        *hello = (struct hello){NULL, 0};
        for (char *word = strtok(line, " \n"); word != NULL; word = strtok(NULL, " \n")) {
            hello->messages =
                need(realloc(hello->messages, sizeof(struct message) * (size_t)(hello->count + 1)));
            if (!read_message(word, strlen(word), &hello->messages[hello->count++])) {
                fprintf(stderr, "%s: a message is text:HEX or binary:HEX\n", path);
                exit(1);
            }
        }
    }
    free(line);
    fclose(file);
}

static void add_rule(const char *begins, const char *hex) {
    char text[4096];
    snprintf(text, sizeof text, "text:%s", hex);
    struct rule *rule = &options.rules[options.rule_count++];
    rule->begins = begins;
    if (!read_message(text, strlen(text), &rule->answer)) {
        fprintf(stderr, "--answer takes hexadecimal digits\n");
        exit(2);
    }
}

static bool read_option(char **at) {
    const char *name = at[0], *value = at[1];
    if (strcmp(name, "--host") == 0)
        options.host = value;
    else if (strcmp(name, "--path") == 0)
        options.path = value;
    else if (strcmp(name, "--header") == 0 && options.header_count < MOST_RULES)
        options.headers[options.header_count++] = value;
    else if (strcmp(name, "--hello") == 0)
        read_hellos(value);
    else if (strcmp(name, "--ready") == 0)
        options.ready = value;
    else if (strcmp(name, "--count") == 0)
        options.counted = value;
    else if (strcmp(name, "--window") == 0)
        options.window = atoi(value);
    else if (strcmp(name, "--patience") == 0)
        options.patience = atof(value);
    else if (strcmp(name, "--receive-buffer") == 0)
        options.receive_buffer = atoi(value);
    else if (strcmp(name, "--wire") == 0 && strcmp(value, "frames") == 0)
        options.frames = true;
    else if (strcmp(name, "--wire") == 0 &&
             (strcmp(value, "json") == 0 || strcmp(value, "msgpack") == 0)) {
        options.frames = false;
        options.json = value[0] == 'j';
    } else {
        return false;
    }
    return true;
}

static bool read_options(int count, char **words) {
    if (count < 3)
        return false;
    options.port = atoi(words[1]);
    options.count = atoi(words[2]);
    for (int i = 3; i < count;) {
        if (strcmp(words[i], "--latency") == 0) {
            options.latency = true;
            i += 1;
        } else if (strcmp(words[i], "--answer") == 0 && i + 2 < count &&
                   options.rule_count < MOST_RULES) {
            add_rule(words[i + 1], words[i + 2]);
            i += 3;
        } else if (i + 1 < count && read_option(words + i)) {
            i += 2;
        } else {
            fprintf(stderr, "unknown or incomplete option: %s\n", words[i]);
            return false;
        }
    }
    return options.port > 0 && options.count > 0 && options.window > 0;
}

int main(int count, char **words) {
    live_as_a_child();
    if (!read_options(count, words)) {
        fprintf(stderr, "usage: client PORT CONNECTIONS [options]; see the head of client.c\n");
        return 2;
    }
    connections = need(calloc((size_t)options.count, sizeof *connections));
    poller = epoll_create1(EPOLL_CLOEXEC);
    open_all();
    obey();
    return 0;
}
