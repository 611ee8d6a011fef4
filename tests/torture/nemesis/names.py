"""Names by which servers know what they talk to, and that stop resolving.

    with Names(folder) as names:
        ...  # start a process with names.environment, that knows Redis as names.of("redis")
        fault = NamesLost(names, proxies)

The machine's own names are never touched. The shim is C, compiled where there is a compiler; see names.c.
"""

import mmap
import random
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from tests.torture.nemesis.clock import shim
from tests.torture.proxy import Proxy

SOURCE: Final = Path(__file__).with_name("names.c")
LAYOUT: Final = struct.Struct("q26q")
WAIT: Final = struct.Struct("q")
KNOWN: Final = -1


class Names:
    """`redis.holdfast.test` and so on, for all processes that are started with its `environment`."""

    def __init__(self, folder: Path) -> None:
        self.environment: dict[str, str] = {}
        self._folder = folder
        self._map: mmap.mmap | None = None

    def __enter__(self) -> Self:
        path = self._folder / "names"
        path.write_bytes(bytes(LAYOUT.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), LAYOUT.size)
        self._waits(KNOWN)
        self.environment = {"LD_PRELOAD": str(shim(self._folder, SOURCE)), "HOLDFAST_NAMES": str(path)}
        return self

    def __exit__(self, *_: object) -> None:
        assert self._map is not None
        self._map.close()

    @staticmethod
    def of(what: str) -> str:
        """What `redis`, say, is called."""
        return f"{what}.holdfast.test"

    def are_known(self) -> None:
        """From now on they lead to this machine."""
        self._waits(KNOWN)

    def are_unknown(self, after: float = 0.0) -> None:
        """From now on nobody knows them, and says so after so many seconds."""
        self._waits(int(1000 * after))

    def asked(self, what: str) -> int:
        """How often this one was asked for."""
        assert self._map is not None
        return int(LAYOUT.unpack(self._map[:])[1 + ord(what[0]) - ord("a")])

    def _waits(self, milliseconds: int) -> None:
        assert self._map is not None
        self._map[: WAIT.size] = WAIT.pack(milliseconds)


class NamesLost:
    """Every connection is cut, and no name leads anywhere: known to nobody at once, or `after` a silence."""

    def __init__(self, names: Names, proxies: Sequence[Proxy], *, after: float = 0.0) -> None:
        self.name = f"names nobody knows, said after {after:g} s"
        self._names = names
        self._proxies = proxies
        self._after = after

    async def strike(self, _chance: random.Random) -> str:
        self._names.are_unknown(self._after)
        for proxy in self._proxies:
            proxy.cut_all()
        return f"cut {len(self._proxies)} ways"

    async def heal(self) -> None:
        self._names.are_known()
