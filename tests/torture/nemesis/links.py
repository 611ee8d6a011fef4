"""What a proxy does to whoever goes by way of it."""

import random
from typing import Final, Literal

from tests.torture.proxy import (
    CutAfter,
    Delay,
    Drip,
    HalfClose,
    Healthy,
    Mode,
    Proxy,
    Refuse,
    Reset,
    Silence,
)

Kind = Literal[
    "delay", "cut_after_effect", "half_close", "drip", "refuse", "reset", "silence", "silence_of_answers"
]

MODES: Final[dict[Kind, Mode]] = {
    "delay": Delay(0.2),
    "cut_after_effect": CutAfter(),
    "half_close": HalfClose(),
    "drip": Drip(4_000),
    "refuse": Refuse(),
    "reset": Reset(),
    "silence": Silence(),
    "silence_of_answers": Silence("answers"),
}


class ProxyFault:
    """One of MODES, or a mode of one's own, on one of several proxies at random or on all of them.

    Refusing counts for those who come; so whoever is connected is cut with it.
    """

    def __init__(self, *proxies: Proxy, kind: Kind | Mode, name: str = "", all_at_once: bool = False) -> None:
        self.mode = MODES[kind] if isinstance(kind, str) else kind
        self.name = name or (kind if isinstance(kind, str) else type(kind).__name__.lower())
        self._proxies = proxies
        self._all_at_once = all_at_once
        self._struck: list[Proxy] = []

    async def strike(self, chance: random.Random) -> str:
        chosen = self._proxies if self._all_at_once else (chance.choice(self._proxies),)
        for proxy in chosen:
            self._struck.append(proxy)
            proxy.mode = self.mode
            if isinstance(self.mode, Refuse):
                proxy.cut_all()
        return f"{self.mode} on the way to {', '.join(str(proxy.upstream[1]) for proxy in chosen)}"

    async def heal(self) -> None:
        while self._struck:
            self._struck[-1].mode = Healthy()
            self._struck.pop()
