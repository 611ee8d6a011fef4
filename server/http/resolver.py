"""Asks the system where names lead, on a few threads of its own.

The system takes its own time over a name that nobody answers for, and the thread is held until then, whoever
has stopped waiting: of one name only one is.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

Ask = Callable[[str, int], Sequence[str]]


def ask_system(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, in the system's order; OSError where it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Resolver:
    """`await resolver(host, port)` as often as you like at once; `ask` runs on one of `threads`."""

    def __init__(self, threads: int, ask: Ask = ask_system) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolver")
        self._ask = ask
        self._asking: dict[tuple[str, int], asyncio.Future[Sequence[str]]] = {}

    def close(self) -> None:
        """Ask no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """OSError where the name leads nowhere. Who stops waiting leaves the answer to the others."""
        name = host, port
        answer = self._asking.get(name)
        if answer is None:
            answer = asyncio.get_running_loop().run_in_executor(self._threads, self._ask, host, port)
            self._asking[name] = answer
            answer.add_done_callback(lambda done: self._answered(name, done))
        return await asyncio.shield(answer)

    def _answered(self, name: tuple[str, int], answer: asyncio.Future[Sequence[str]]) -> None:
        del self._asking[name]
        if not answer.cancelled():
            answer.exception()  # looked at, though nobody may be waiting any more
