/* The yardstick: a server that does nothing but write one ready-made frame to every connection.

   usage: yardstick [send|ring]

   It listens on a free loopback port, answers every handshake, reads nothing further, and writes
   one JSON object a line, first {"say": "ready", "port": …, "way": …}. Commands on its input:

     go FRAMES GAP_US BYTES   write FRAMES frames whose payload has BYTES to every connection,
                              with a pause of GAP_US after each → {"say": "done", "connections",
                              "deliveries", "short" (writes that were not taken whole), "cpu_us",
                              "seconds"}
     quit                     the end; so is the end of the input

   "send" calls send() for every frame; "ring" prepares one io_uring submission for all of them,
   without completions for what succeeded. MSG_WAITALL makes a short send count as a failure: under
   IOSQE_CQE_SKIP_SUCCESS it would go unseen. Exit 3 where the kernel or its headers have no ring. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __has_include(<linux/io_uring.h>)
#include <linux/io_uring.h>
#endif

#include "websocket.h"

enum { MOST = 1 << 17, LARGEST = 1 << 20, ENTRIES = 4096 };

static const char ANSWER[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n";

static int listener, poller;
static int readers[MOST], reader_count;
static bool answered[MOST];
static uint8_t frame[LARGEST + 16];
static size_t frame_size;
static uint64_t short_writes;

#if defined(IORING_SETUP_SINGLE_ISSUER) && defined(__NR_io_uring_setup)
static struct {
    int fd;
    unsigned *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail;
    struct io_uring_sqe *entries;
} ring;

static bool open_ring(void) {
    struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN};
    ring.fd = (int)syscall(__NR_io_uring_setup, ENTRIES, &p);
    if (ring.fd < 0)
        return false;
    size_t sq_size = p.sq_off.array + p.sq_entries * sizeof(unsigned);
    size_t cq_size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
    int how = PROT_READ | PROT_WRITE, kind = MAP_SHARED | MAP_POPULATE;
    char *sq = mmap(NULL, sq_size, how, kind, ring.fd, IORING_OFF_SQ_RING);
    char *cq = mmap(NULL, cq_size, how, kind, ring.fd, IORING_OFF_CQ_RING);
    ring.entries = mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), how, kind, ring.fd,
                        IORING_OFF_SQES);
    if (sq == MAP_FAILED || cq == MAP_FAILED || (void *)ring.entries == MAP_FAILED)
        return false;
    ring.sq_tail = (unsigned *)(sq + p.sq_off.tail);
    ring.sq_mask = (unsigned *)(sq + p.sq_off.ring_mask);
    ring.sq_array = (unsigned *)(sq + p.sq_off.array);
    ring.cq_head = (unsigned *)(cq + p.cq_off.head);
    ring.cq_tail = (unsigned *)(cq + p.cq_off.tail);
    return true;
}

static void write_by_ring(void) {
    for (int done = 0; done < reader_count;) {
        int count = reader_count - done < ENTRIES ? reader_count - done : ENTRIES;
        unsigned tail = *ring.sq_tail;
        for (int i = 0; i < count; i++, tail++) {
            unsigned slot = tail & *ring.sq_mask;
            ring.entries[slot] = (struct io_uring_sqe){
                .opcode = IORING_OP_SEND,
                .flags = IOSQE_CQE_SKIP_SUCCESS,
                .fd = readers[done + i],
                .addr = (uint64_t)(uintptr_t)frame,
                .len = (uint32_t)frame_size,
                .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_WAITALL,
            };
            ring.sq_array[slot] = slot;
        }
        __atomic_store_n(ring.sq_tail, tail, __ATOMIC_RELEASE);
        long taken = syscall(__NR_io_uring_enter, ring.fd, count, 0, 0, NULL, 0);
        if (taken != count) {
            fprintf(stderr, "io_uring_enter: %ld of %d: %s\n", taken, count, strerror(errno));
            exit(1);
        }
        unsigned failed = __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE);
        short_writes += failed - *ring.cq_head;
        __atomic_store_n(ring.cq_head, failed, __ATOMIC_RELEASE);
        done += count;
    }
}
#else
static bool open_ring(void) { return false; }
static void write_by_ring(void) {}
#endif

static void write_by_send(void) {
    for (int i = 0; i < reader_count; i++)
        if (send(readers[i], frame, frame_size, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)frame_size)
            short_writes++;
}

static void make_frame(size_t size) {
    frame_size = frame_head(frame, BINARY, size, 0);
    memset(frame + frame_size, 0x85, size);
    frame_size += size;
}

static void forget(int fd) {
    for (int i = 0; i < reader_count; i++)
        if (readers[i] == fd)
            readers[i] = readers[--reader_count];
    close(fd);
}

static void accept_some(void) {
    for (int i = 0; i < 64; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
        if (fd < 0)
            return;
        if (fd >= MOST) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        answered[fd] = false;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

static void on_reader(int fd) {
    char bytes[4096];
    ssize_t size = recv(fd, bytes, sizeof bytes, 0);
    if (size == 0 || (size < 0 && errno != EAGAIN)) {
        forget(fd);
    } else if (size > 0 && !answered[fd]) {
        answered[fd] = true;
        send(fd, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL);
        readers[reader_count++] = fd;
    }
}

static void go(unsigned frames, unsigned gap_us, bool by_ring) {
    struct timespec gap = {gap_us / 1000000, (long)(gap_us % 1000000) * 1000};
    double cpu = own_cpu_us();
    uint64_t begun = nanoseconds();
    short_writes = 0;
    for (unsigned i = 0; i < frames; i++) {
        by_ring ? write_by_ring() : write_by_send();
        if (gap_us > 0)
            nanosleep(&gap, NULL);
    }
    printf("{\"say\": \"done\", \"connections\": %d, \"deliveries\": %llu, \"short\": %llu, "
           "\"cpu_us\": %.0f, \"seconds\": %.6f}\n",
           reader_count, (unsigned long long)frames * (unsigned)reader_count,
           (unsigned long long)short_writes, own_cpu_us() - cpu,
           (double)(nanoseconds() - begun) / 1e9);
}

static bool obey(bool by_ring) {
    static char input[4096];
    static size_t used;
    ssize_t size = read(STDIN_FILENO, input + used, sizeof input - used);
    if (size <= 0)
        return false;
    used += (size_t)size;
    char *end;
    while ((end = memchr(input, '\n', used)) != NULL) {
        unsigned frames, gap_us, bytes;
        *end = 0;
        if (strcmp(input, "quit") == 0)
            return false;
        if (sscanf(input, "go %u %u %u", &frames, &gap_us, &bytes) == 3 && bytes <= LARGEST) {
            make_frame(bytes);
            go(frames, gap_us, by_ring);
        } else {
            printf("{\"say\": \"error\", \"problem\": \"no such command\"}\n");
        }
        size_t line = (size_t)(end + 1 - input);
        memmove(input, end + 1, used - line);
        used -= line;
    }
    return used < sizeof input;
}

int main(int count, char **words) {
    live_as_a_child();
    bool by_ring = count > 1 && strcmp(words[1], "ring") == 0;
    if (by_ring && !open_ring()) {
        fprintf(stderr, "no io_uring here\n");
        return 3;
    }
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096) ||
        getsockname(listener, (struct sockaddr *)&address, &size)) {
        perror("listen");
        return 1;
    }
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    event.data.fd = STDIN_FILENO;
    epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &event);
    printf("{\"say\": \"ready\", \"port\": %d, \"way\": \"%s\"}\n", ntohs(address.sin_port),
           by_ring ? "ring" : "send");
    for (;;) {
        struct epoll_event events[256];
        int happened = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < happened; i++) {
            if (events[i].data.fd == listener)
                accept_some();
            else if (events[i].data.fd != STDIN_FILENO)
                on_reader(events[i].data.fd);
            else if (!obey(by_ring))
                return 0;
        }
    }
}
