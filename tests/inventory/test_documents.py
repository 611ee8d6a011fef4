"""Files become values, and what can't is named by its line."""

import pytest

from server.inventory import documents
from server.inventory.documents import Document, Unreadable, decode_text, read_json, read_yaml

YAML = """\
# a catalogue
resources:
  - id: hall
    title: "Winter: a serenade"
    opens: 10:30
    date: 2026-11-21
    free: no
    price: 4500
    scale: 1.5
    sold: true
    note: ~
"""


def test_plain_yaml_means_what_it_looks_like() -> None:
    assert read_yaml(YAML).value == {
        "resources": [
            {
                "id": "hall",
                "title": "Winter: a serenade",
                "opens": "10:30",
                "date": "2026-11-21",
                "free": "no",
                "price": 4500,
                "scale": 1.5,
                "sold": True,
                "note": None,
            }
        ]
    }


def test_every_path_knows_its_line_or_its_parents() -> None:
    document = read_yaml(YAML)
    assert document.line_of("resources[0].title") == 4
    assert document.line_of("resources[0].owner") == 3
    assert document.line_of("resources[0].price.amount[3]") == 8
    assert document.line_of("elsewhere") == 2
    assert Document(None).line_of("resources[0]") is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\na: 2\n", "line 2: the key 'a' stands twice"),
        ("a: &x 1\nb: *x\n", "used by an alias"),
        ("a: !!python/object:os.system x\n", "has the tag"),
        ("a: !x y\n", "line 1: has the tag"),
        ("? [a]\n: b\n", "line 1: a key is a text"),
        ("a: [1, 2\nb: 3\n", "line 2: is not YAML"),
        ("a: \x07\n", "is not YAML"),
        ("[" * 5000, "nested too deeply"),
    ],
)
def test_yaml_that_nobody_should_trust_is_refused(text: str, problem: str) -> None:
    with pytest.raises(Unreadable, match=problem):
        read_yaml(text)


def test_an_empty_file_is_nothing() -> None:
    assert read_yaml("# nothing\n") == Document(None, {})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": 1,\n "b" 2}', "line 2, column 6: is not JSON"),
        ('{"a": 1, "a": 2}', "the key 'a' stands twice"),
        ('{"a": NaN}', "NaN is no number"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_json_that_is_none_is_refused(text: str, problem: str) -> None:
    with pytest.raises(Unreadable, match=problem):
        read_json(text)


def test_json_is_read() -> None:
    assert read_json('{"a": [1, "\\u00d6"]}').value == {"a": [1, "Ö"]}


def test_a_byte_order_mark_is_no_text() -> None:
    assert decode_text(b"\xef\xbb\xbfid,label") == "id,label"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"id\nM\xfcller", "line 2: is not UTF-8"),
        (b"id\n\nx\0", "line 3: has a NUL"),
    ],
)
def test_other_encodings_are_refused_by_line(data: bytes, problem: str) -> None:
    with pytest.raises(Unreadable, match=problem):
        decode_text(data)


def test_endless_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "LARGEST", 10)
    monkeypatch.setattr(documents, "LARGEST_YAML", 5)
    with pytest.raises(Unreadable, match="has 11 bytes; 10 are the most"):
        decode_text(b"x" * 11)
    with pytest.raises(Unreadable, match="has 6 characters; 5 are the most"):
        read_yaml("a: 1\n\n")
