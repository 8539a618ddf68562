/* What both programs know of RFC 6455, and of running under a load test. */
#ifndef HIROBA_WEBSOCKET_H
#define HIROBA_WEBSOCKET_H

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

enum opcode { CONTINUED = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

/* The key of the RFC's example: a server has to answer with the hash that belongs to it. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

/* Write a frame's header without a mask; gives its size. */
static size_t frame_head(uint8_t *at, enum opcode opcode, uint64_t size, uint8_t mask_bit) {
    size_t used = 0;
    at[used++] = 0x80 | (uint8_t)opcode;
    if (size < 126) {
        at[used++] = mask_bit | (uint8_t)size;
    } else if (size < 65536) {
        at[used++] = mask_bit | 126;
        at[used++] = (uint8_t)(size >> 8);
        at[used++] = (uint8_t)size;
    } else {
        at[used++] = mask_bit | 127;
        for (int shift = 56; shift >= 0; shift -= 8)
            at[used++] = (uint8_t)(size >> shift);
    }
    return used;
}

static uint64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double own_cpu_us(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* End with the load test, also when it is killed, and open as many files as we may. */
static void live_as_a_child(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
}

#endif
