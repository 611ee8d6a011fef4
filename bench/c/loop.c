/* The limit: a loop of send() with the same frame on every socket, and nothing else.
 *
 *     loop PORT ORDERS_PORT FRAME_FILE
 *
 * Whoever connects to PORT is answered 101 and gets, for each byte that comes in on ORDERS_PORT, one frame.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 65536
static int sockets[MOST], count;
static char frame[65536], request[8192];
static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

static int listens(int port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (void *)&at, sizeof at) || listen(fd, 4096)) exit(2);
    return fd;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    FILE *file = fopen(argv[3], "rb");
    if (!file) return 2;
    size_t size = fread(frame, 1, sizeof frame, file);
    struct pollfd seen[3] = {{listens(atoi(argv[1])), POLLIN, 0}, {listens(atoi(argv[2])), POLLIN, 0}, {-1, POLLIN, 0}};
    for (;;) {
        poll(seen, 3, -1);
        if (seen[0].revents & POLLIN && count < MOST) {
            int yes = 1, fd = accept(seen[0].fd, NULL, NULL);
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            if (recv(fd, request, sizeof request, 0) > 0 && send(fd, answer, sizeof answer - 1, 0) > 0)
                sockets[count++] = fd;
        }
        if (seen[1].revents & POLLIN) seen[2].fd = accept(seen[1].fd, NULL, NULL);
        if (seen[2].revents & (POLLIN | POLLHUP)) {
            char orders[64];
            ssize_t got = recv(seen[2].fd, orders, sizeof orders, 0);
            if (got <= 0) return 0;
            while (got-- > 0)
                for (int i = 0; i < count; i++) send(sockets[i], frame, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
    }
}
