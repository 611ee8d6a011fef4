"""Queries stand in files, by name."""

from pathlib import Path

import pytest

from server.database.queries import load, parse

TWO = """-- all about seats
-- name: take
-- in: id
update seat set taken = true where id = $1;

-- name: count
select count(*)
from seat;
"""


def test_each_block_is_one_query_without_its_comments() -> None:
    queries = parse(TWO, source="seats/queries.sql")
    assert queries.names() == ["take", "count"]
    assert queries.take == "update seat set taken = true where id = $1"
    assert queries.count == "select count(*)\nfrom seat"


def test_an_unknown_query_is_named_with_its_file() -> None:
    with pytest.raises(AttributeError, match=r"seats/queries\.sql has no query named 'tale'"):
        _ = parse(TWO, source="seats/queries.sql").tale


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("-- name: take\nselect 1;\n-- name: take\nselect 2;", "two queries are named 'take'"),
        ("-- name: Take It\nselect 1;", "'Take It' is no name"),
        ("-- name: take\n-- nothing here\n", "the query 'take' is empty"),
    ],
)
def test_a_file_that_nobody_should_trust_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse(text, source="seats/queries.sql")


def test_a_room_loads_the_file_beside_its_module(tmp_path: Path) -> None:
    (tmp_path / "queries.sql").write_text("-- name: one\nselect 1;", encoding="utf-8")
    assert load(str(tmp_path / "store.py")).one == "select 1"
