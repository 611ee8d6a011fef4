/* The limit of a join: who comes is accepted, answered 101, and what they say next is answered with a file's bytes.
 *
 *     welcome PORT ANSWER_FILE
 *
 * Nothing is read for what it says, but that a head ends; so this is what the kernel takes for a join, and nothing else.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 65536
static char shaken[MOST], said[65536], welcome[262144];
static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
                             "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                             "sec-websocket-protocol: holdfast.v1.msgpack\r\n\r\n";

static int listens(int port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (void *)&at, sizeof at) || listen(fd, 2048)) exit(2);
    return fd;
}

static void watch(int poller, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static void comes(int poller, int listener) {
    int yes = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0 || fd >= MOST) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    shaken[fd] = 0;
    watch(poller, fd);
}

static void speaks(int fd, size_t size) {
    ssize_t got = recv(fd, said, sizeof said, 0);
    if (got <= 0) close(fd);
    else if (shaken[fd]) send(fd, welcome, size, MSG_NOSIGNAL);
    else if (memmem(said, (size_t)got, "\r\n\r\n", 4)) {
        shaken[fd] = 1;
        send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
    }
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    FILE *file = fopen(argv[2], "rb");
    if (!file) return 2;
    size_t size = fread(welcome, 1, sizeof welcome, file);
    int poller = epoll_create1(0), listener = listens(atoi(argv[1]));
    struct epoll_event ready[512];
    watch(poller, listener);
    for (;;) {
        int found = epoll_wait(poller, ready, 512, -1);
        for (int i = 0; i < found; i++)
            if (ready[i].data.fd == listener) comes(poller, listener);
            else speaks(ready[i].data.fd, size);
    }
}
