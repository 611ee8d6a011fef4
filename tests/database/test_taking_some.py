"""Whoever takes the first few that are due takes no more of them than that."""

import re
from pathlib import Path

import pytest

SERVER = Path(__file__).parents[2] / "server"
TAKES = [
    pytest.param(query, id=f"{path.stem}-{query.split()[0]}")
    for path in sorted(SERVER.rglob("sql/*.sql"))
    for query in path.read_text().split("-- name: ")[1:]
    if re.search(r"\blimit\b[^;]*\bskip locked", query)
]


@pytest.mark.parametrize("query", TAKES)
def test_what_is_taken_by_a_limit_is_looked_up_once(query: str) -> None:
    """In a plain subquery PostgreSQL may look anew for each row, past what it has locked, and take all."""
    text = re.sub(r"--.*", "", query.partition("\n")[2]).strip()
    beside = re.sub(r"as materialized \((?:[^()]|\([^()]*\))*\)", "", text)
    assert "limit" not in beside or text.startswith("select")


def test_there_are_such_queries() -> None:
    assert len(TAKES) > 5
