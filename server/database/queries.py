"""SQL stands in `.sql` files, one named block for each query, not in strings of the program."""

import re
from pathlib import Path

_HEAD = re.compile(r"^-- name: (?P<name>.*)$", re.MULTILINE)
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Queries:
    """The queries of one file: `queries.take_lines` is the text of the block `-- name: take_lines`."""

    def __init__(self, source: str, queries: dict[str, str]) -> None:
        self._source = source
        self._queries = queries

    def __getattr__(self, name: str) -> str:
        try:
            return self._queries[name]
        except KeyError:
            raise AttributeError(f"{self._source} has no query named {name!r}") from None

    def names(self) -> list[str]:
        """Every query's name, in the order of the file."""
        return list(self._queries)


def load(module_file: str, name: str = "queries.sql") -> Queries:
    """Read the file `name` that stands beside a module; `load(__file__)` is the usual way to call it."""
    path = Path(module_file).parent / name
    return parse(path.read_text(encoding="utf-8"), source=f"{path.parent.name}/{name}")


def parse(text: str, *, source: str) -> Queries:
    """Split a file at its `-- name:` lines; ValueError for a bad or doubled name or an empty query."""
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    queries: dict[str, str] = {}
    for head, end in zip(heads, ends, strict=True):
        name = head["name"].strip()
        if not _NAME.fullmatch(name):
            raise ValueError(f"{source}: {name!r} is no name of a query")
        if name in queries:
            raise ValueError(f"{source}: two queries are named {name!r}")
        queries[name] = _body(text[head.start() : end])
        if not queries[name]:
            raise ValueError(f"{source}: the query {name!r} is empty")
    return Queries(source, queries)


def _body(block: str) -> str:
    lines = [line for line in block.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")
