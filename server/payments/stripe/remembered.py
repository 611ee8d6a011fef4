"""Facts about objects that never change: kept so that they are not asked for again."""

from typing import Final

MOST: Final = 10_000


class Remembered(dict[str, str]):
    """Forgets the oldest of more than MOST."""

    def __setitem__(self, name: str, fact: str) -> None:
        super().__setitem__(name, fact)
        if len(self) > MOST:
            del self[next(iter(self))]
