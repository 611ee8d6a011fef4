/* Many watchers of one WebSocket server, in one thread: epoll, one shared buffer, frames known by their length.
 *
 *     watchers PORT HANDSHAKE_FILE LOG
 *
 * Commands come one a line on standard input; each is answered with one line (bench/watchers.py is the other end).
 * With `log 1` every data frame is written down: distinct frames once in LOG.frames, who got which when in
 * LOG.events. So each watcher's whole story can be told afterwards at the cost of a hash while it happens.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST 65536
#define READ_BYTES (256 * 1024)
#define TOKEN 98 /* a session's token: bench/viewers.py writes as many blanks where it belongs */
#define SOURCES 4 /* 127.0.0.2 and on: each has ports of its own */
enum { NONE, CONNECTING, UPGRADING, OPEN, CLOSED };
enum { READS, PAUSED, TRICKLES };
enum { EV_STARTED = -1, EV_OPENED = -2, EV_CLOSED = -3 };

typedef struct {
    int fd, state, mode;
    char *part;
    size_t kept, room;
    uint64_t frames, bytes;
    char token[TOKEN];
} Watcher;

typedef struct { int32_t watcher, frame; int64_t ns; } Event;
typedef struct { uint64_t hash; uint32_t size; int32_t id; } Known;

static Watcher all[MOST];
static int count, inflight, limit = 200, next_open, open_until, failed, lost, poller, port, logging;
static char handshake[8192], message[65536], buffer[READ_BYTES];
static size_t handshake_size, message_size;
static uint64_t total_frames, total_bytes, need;
static Event *events;
static size_t n_events, room_events;
static Known *known;
static size_t n_known, room_known;
static char *frames;
static size_t n_frames, room_frames;
static double deadline;
static int waiting;
static const char *log_name;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void *grown(void *memory, size_t *room, size_t wanted, size_t each) {
    if (wanted <= *room) return memory;
    while (*room < wanted) *room = *room ? *room * 2 : 4096;
    if (!(memory = realloc(memory, *room * each))) exit(3);
    return memory;
}

static void note(Watcher *w, int what) {
    struct timespec t;
    if (!logging) return;
    clock_gettime(CLOCK_REALTIME, &t);
    events = grown(events, &room_events, n_events + 1, sizeof *events);
    events[n_events++] = (Event){(int32_t)(w - all), what, t.tv_sec * 1000000000LL + t.tv_nsec};
}

static uint64_t hash_of(const unsigned char *data, size_t size) {
    uint64_t h = 0x9E3779B97F4A7C15ULL ^ size, word;
    for (; size >= 8; data += 8, size -= 8) {
        memcpy(&word, data, 8);
        h = (h ^ word) * 0xD6E8FEB86659FD93ULL;
        h ^= h >> 32;
    }
    for (; size; data++, size--) h = (h ^ *data) * 0x100000001B3ULL;
    return h ^ (h >> 29);
}

/* The number of a frame: another one for each other content. `head` is its first byte (FIN, RSV1, opcode). */
static int known_as(unsigned char head, const char *data, size_t size) {
    uint64_t hash = hash_of((const unsigned char *)data, size) ^ head;
    if (n_known * 2 >= room_known) {
        size_t room = room_known ? room_known * 2 : 65536, i;
        Known *wider = calloc(room, sizeof *wider);
        if (!wider) exit(3);
        for (i = 0; i < room_known; i++)
            if (known[i].id) {
                size_t at = known[i].hash & (room - 1);
                while (wider[at].id) at = (at + 1) & (room - 1);
                wider[at] = known[i];
            }
        free(known);
        known = wider;
        room_known = room;
    }
    size_t at = hash & (room_known - 1);
    for (; known[at].id; at = (at + 1) & (room_known - 1))
        if (known[at].hash == hash && known[at].size == size) return known[at].id;
    known[at] = (Known){hash, (uint32_t)size, (int32_t)++n_known};
    frames = grown(frames, &room_frames, n_frames + 5 + size, 1);
    frames[n_frames] = (char)head;
    memcpy(frames + n_frames + 1, &known[at].size, 4);
    memcpy(frames + n_frames + 5, data, size);
    n_frames += 5 + size;
    return known[at].id;
}

static void end(Watcher *w) {
    struct linger hard = {1, 0}; /* no port stays behind in TIME_WAIT */
    if (w->state == CONNECTING || w->state == UPGRADING) inflight--;
    setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(w->fd);
    free(w->part);
    w->part = NULL;
    w->kept = w->room = 0;
    w->state = CLOSED;
}

static void is_lost(Watcher *w) {
    if (w->state == OPEN) lost++;
    else failed++;
    note(w, EV_CLOSED);
    end(w);
}

static void watch(Watcher *w, uint32_t what, int how) {
    struct epoll_event e = {.events = what, .data.ptr = w};
    epoll_ctl(poller, how, w->fd, &e);
}

static void begin(Watcher *w) {
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int yes = 1;
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (w->fd < 0) { w->state = CLOSED; failed++; return; }
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(w->fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &yes, sizeof yes);
    from.sin_addr.s_addr = htonl(0x7F000002 + (w - all) % SOURCES);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(w->fd, (void *)&from, sizeof from);
    w->state = CONNECTING;
    w->mode = READS;
    w->frames = w->bytes = 0;
    inflight++;
    note(w, EV_STARTED);
    watch(w, EPOLLOUT, EPOLL_CTL_ADD);
    if (connect(w->fd, (void *)&to, sizeof to) && errno != EINPROGRESS) is_lost(w);
}

static void pong(Watcher *w, const char *data, size_t size) {
    unsigned char out[131] = {0x8A, (unsigned char)(0x80 | (size & 0x7F)), 0, 0, 0, 0};
    memcpy(out + 6, data, size & 0x7F);
    if (send(w->fd, out, 6 + (size & 0x7F), MSG_NOSIGNAL) < 0) return;
}

/* Of a welcome in msgpack, what the next hello of this watcher shows. */
static void keep_token(Watcher *w, const char *data, size_t size) {
    const char key[] = {(char)0xA5, 't', 'o', 'k', 'e', 'n', (char)0xD9, TOKEN};
    const char *found = memmem(data, size, key, sizeof key);
    if (found && found + sizeof key + TOKEN <= data + size) memcpy(w->token, found + sizeof key, TOKEN);
}

/* Say what each says; 0 if it can't be said. */
static int speaks(Watcher *w) {
    char blanks[TOKEN], own[sizeof message], *place;
    if (!message_size) return 1;
    memset(blanks, ' ', TOKEN);
    memcpy(own, message, message_size);
    if (*w->token && (place = memmem(own, message_size, blanks, TOKEN))) memcpy(place, w->token, TOKEN);
    return send(w->fd, own, message_size, MSG_NOSIGNAL) == (ssize_t)message_size;
}

/* Take whole frames from `data`; how many bytes that were. */
static size_t take(Watcher *w, char *data, size_t size) {
    size_t at = 0;
    if (w->state == UPGRADING) {
        char *ends = memmem(data, size, "\r\n\r\n", 4);
        if (!ends) return 0;
        if (size < 12 || memcmp(data + 9, "101", 3)) { is_lost(w); return 0; }
        w->state = OPEN;
        inflight--;
        note(w, EV_OPENED);
        if (!speaks(w)) {
            is_lost(w);
            return 0;
        }
        at = (size_t)(ends + 4 - data);
    }
    while (size - at >= 2) {
        unsigned char *f = (unsigned char *)data + at;
        size_t head = 2, length = f[1] & 0x7F;
        if (length == 126) {
            if (size - at < 4) break;
            length = f[2] << 8 | f[3];
            head = 4;
        } else if (length == 127) {
            if (size - at < 10) break;
            length = (size_t)f[6] << 24 | f[7] << 16 | f[8] << 8 | f[9];
            head = 10;
        }
        if (size - at < head + length) break;
        if ((f[0] & 0x0F) == 9) pong(w, data + at + head, length);
        else if ((f[0] & 0x0F) == 8) { is_lost(w); return 0; }
        else if ((f[0] & 0x0F) < 3) {
            if (!w->frames++) keep_token(w, data + at + head, length);
            w->bytes += head + length;
            total_frames++;
            total_bytes += head + length;
            if (logging) note(w, known_as(f[0], data + at + head, length));
        }
        at += head + length;
    }
    return at;
}

static void reads(Watcher *w, size_t most) {
    ssize_t got = recv(w->fd, buffer, most, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) { is_lost(w); return; }
    if (got < 0) return;
    char *data = buffer;
    size_t size = (size_t)got, used;
    if (w->kept) {
        w->part = grown(w->part, &w->room, w->kept + size, 1);
        memcpy(w->part + w->kept, buffer, size);
        data = w->part;
        size += w->kept;
    }
    used = take(w, data, size);
    if (w->state == CLOSED) return;
    if (used == size) {
        free(w->part);
        w->part = NULL;
        w->kept = w->room = 0;
        return;
    }
    if (data == buffer) {
        w->part = grown(w->part, &w->room, size - used, 1);
        memcpy(w->part, buffer + used, size - used);
    } else if (used) memmove(w->part, w->part + used, size - used);
    w->kept = size - used;
}

static void happens(Watcher *w, uint32_t what) {
    if (w->state == CLOSED) return;
    if (w->state == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error || send(w->fd, handshake, handshake_size, MSG_NOSIGNAL) != (ssize_t)handshake_size) {
            is_lost(w);
            return;
        }
        w->state = UPGRADING;
        watch(w, EPOLLIN, EPOLL_CTL_MOD);
    } else if (w->mode == READS || what & (EPOLLERR | EPOLLHUP)) reads(w, READ_BYTES);
}

static int all_have(void) {
    if (inflight || next_open < open_until) return 0;
    for (int i = 0; i < count; i++)
        if (all[i].state == OPEN && all[i].mode == READS && all[i].frames < need) return 0;
    return 1;
}

static int hex(const char *text, char *out) {
    int n = 0;
    unsigned value;
    for (; sscanf(text, "%2x", &value) == 1; text += 2) out[n++] = (char)value;
    return n;
}

static int write_all(const char *end_of_name, const void *data, size_t size) {
    char name[4096];
    snprintf(name, sizeof name, "%s.%s", log_name, end_of_name);
    FILE *file = fopen(name, "wb");
    if (!file) return 0;
    int done = fwrite(data, 1, size, file) == size;
    return fclose(file) == 0 && done;
}

static void tell(const char *word) {
    int open = 0;
    uint64_t least = UINT64_MAX, most = 0;
    for (int i = 0; i < count; i++)
        if (all[i].state == OPEN) {
            open++;
            if (all[i].frames < least) least = all[i].frames;
            if (all[i].frames > most) most = all[i].frames;
        }
    printf("%s open=%d failed=%d lost=%d frames=%llu bytes=%llu least=%llu most=%llu cpu=%.6f\n", word, open, failed,
           lost, (unsigned long long)total_frames, (unsigned long long)total_bytes,
           (unsigned long long)(open ? least : 0), (unsigned long long)most, cpu());
    fflush(stdout);
}

static void obey(char *line) {
    int first = 0, number = 0;
    double seconds = 0;
    if (sscanf(line, "log %d", &logging) == 1) tell("ok");
    else if (sscanf(line, "limit %d", &limit) == 1) tell("ok");
    else if (!strncmp(line, "message ", 8)) { message_size = hex(line + 8, message); tell("ok"); }
    else if (sscanf(line, "open %d %d", &first, &number) == 2) {
        next_open = first;
        open_until = first + number;
        if (open_until > count) count = open_until;
        tell("ok");
    } else if (sscanf(line, "wait %d %lf", &number, &seconds) == 2) {
        need = (uint64_t)number;
        deadline = now() + seconds;
        waiting = 1;
    } else if (sscanf(line, "drop %d %d", &first, &number) == 2) {
        for (int i = first; i < first + number; i++)
            if (all[i].state != CLOSED && all[i].state != NONE) end(&all[i]);
        tell("ok");
    } else if (sscanf(line, "pause %d %d", &first, &number) == 2 || sscanf(line, "trickle %d %d", &first, &number) == 2) {
        for (int i = first; i < first + number; i++) {
            all[i].mode = *line == 'p' ? PAUSED : TRICKLES;
            watch(&all[i], 0, EPOLL_CTL_MOD);
        }
        tell("ok");
    } else if (sscanf(line, "resume %d %d", &first, &number) == 2) {
        for (int i = first; i < first + number; i++) {
            all[i].mode = READS;
            if (all[i].state == OPEN) watch(&all[i], EPOLLIN, EPOLL_CTL_MOD);
        }
        tell("ok");
    } else if (!strncmp(line, "zero", 4)) {
        for (int i = 0; i < count; i++) all[i].frames = 0;
        tell("ok");
    } else if (!strncmp(line, "dump", 4)) {
        int done = write_all("frames", frames, n_frames) && write_all("events", events, n_events * sizeof *events);
        tell(done ? "ok" : "error");
        n_events = 0;
    } else if (!strncmp(line, "stats", 5)) tell("ok");
    else if (!strncmp(line, "quit", 4)) {
        for (int i = 0; i < count; i++)
            if (all[i].state != CLOSED && all[i].state != NONE) end(&all[i]);
        tell("ok");
        exit(0);
    } else tell("unknown");
}

static void listen_to_orders(void) {
    static char line[2 * sizeof message];
    static size_t size;
    ssize_t got = read(0, line + size, sizeof line - size - 1);
    if (got <= 0) exit(0);
    size += (size_t)got;
    char *ends;
    while ((ends = memchr(line, '\n', size))) {
        *ends = 0;
        obey(line);
        size -= (size_t)(ends + 1 - line);
        memmove(line, ends + 1, size);
    }
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    port = atoi(argv[1]);
    log_name = argv[3];
    FILE *file = fopen(argv[2], "rb");
    if (!file) return 2;
    handshake_size = fread(handshake, 1, sizeof handshake, file);
    fclose(file);
    poller = epoll_create1(0);
    struct epoll_event ready[512], orders = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &orders);
    double drips = now() + 1, looks = 0;
    for (;;) {
        int n = epoll_wait(poller, ready, 512, waiting ? 10 : 100);
        for (int i = 0; i < n; i++)
            if (ready[i].data.ptr) happens(ready[i].data.ptr, ready[i].events);
            else listen_to_orders();
        while (next_open < open_until && inflight < limit) begin(&all[next_open++]);
        double time = now();
        if (time >= drips) { /* one byte a second */
            drips += 1;
            for (int i = 0; i < count; i++)
                if (all[i].mode == TRICKLES && all[i].state == OPEN) reads(&all[i], 1);
        }
        if (waiting && time >= looks) {
            int done = all_have();
            looks = time + 0.005;
            if (done || time > deadline) { waiting = 0; tell(done ? "ok" : "late"); }
        }
    }
}
