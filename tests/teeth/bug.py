"""A planted bug: a few words of the product's text put in the place of others, in a test's process alone.

Nothing of the product is imported here: what is planted has to be there before anything is.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


class DoesNotApply(Exception):
    """The text that was to be replaced is not there just once."""


@dataclass(frozen=True)
class Patch:
    """In a file (from the root of the repository) `old`, which is there once, becomes `new`."""

    file: str
    old: str
    new: str

    @property
    def path(self) -> Path:
        """Where the file is."""
        return ROOT / self.file

    def of(self, text: str) -> str:
        """The text with the bug in it."""
        count = text.count(self.old)
        if count != 1:
            raise DoesNotApply(f"{self.file} has {count} times: {self.old}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Bug:
    """`breaks` are the promises (docs/architecture.md), `after` its number in the research if it has one.

    `checks` are tests of which the first that fails has to say `says`; they have to pass without the bug.
    """

    name: str
    breaks: tuple[str, ...]
    patches: tuple[Patch, ...]
    checks: tuple[str, ...]
    says: str
    after: str = ""


def patched(patches: Iterable[Patch]) -> dict[Path, str]:
    """The files' texts with all of these in them."""
    by_file: dict[Path, list[Patch]] = defaultdict(list)
    for patch in patches:
        by_file[patch.path].append(patch)
    texts: dict[Path, str] = {}
    for path, its in by_file.items():
        text = path.read_text(encoding="utf-8")
        for patch in its:
            text = patch.of(text)
        texts[path] = text
    return texts
