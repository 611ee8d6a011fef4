/* A wall clock that stands apart from the machine's: LD_PRELOAD this, name a file in HOLDFAST_SKEW, and write
 * into it by how much (struct skew below, in the machine's byte order). It is looked at anew with each call, so
 * a process sees its clock jump, or run faster, while it runs. Monotonic clocks stay as they are.
 *
 *     wall = true + offset + (true - since) * rate      (rate in parts per million, none before `since`)
 *
 * The system call is made by ourselves: libc's way to it is what we replace. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct skew {
    int64_t offset; /* nanoseconds */
    int64_t since;  /* nanoseconds since the epoch */
    int64_t rate;   /* parts per million */
};

#define SECOND 1000000000LL

static const volatile struct skew *skew;

__attribute__((constructor)) static void open_skew(void)
{
    const char *path = getenv("HOLDFAST_SKEW");
    if (path == NULL)
        return;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    void *found = mmap(NULL, sizeof(struct skew), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (found != MAP_FAILED)
        skew = found;
}

static int64_t skewed(int64_t now)
{
    if (skew == NULL)
        return now;
    int64_t run = skew->rate != 0 && now > skew->since ? (now - skew->since) / 1000000 * skew->rate : 0;
    return now + skew->offset + run;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    long failed = syscall(SYS_clock_gettime, clock, out);
    if (failed != 0)
        return -1;
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
        int64_t wall = skewed((int64_t)out->tv_sec * SECOND + out->tv_nsec);
        out->tv_sec = wall / SECOND;
        out->tv_nsec = wall % SECOND;
    }
    return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    (void)zone;
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *out, int base)
{
    if (base != TIME_UTC || clock_gettime(CLOCK_REALTIME, out) != 0)
        return 0;
    return base;
}
