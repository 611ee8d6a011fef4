"""Turns a file's bytes into text, and JSON or YAML into values, knowing the line of each."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

LARGEST = 64 * 1024 * 1024
LARGEST_YAML = 8 * 1024 * 1024

_DEEPEST = 50

_WHOLE = re.compile(r"[-+]?[0-9]{1,30}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_PLAIN_TAGS = frozenset({"map", "seq", "str", "int", "float", "bool", "null", "timestamp", "value"})
_PART = re.compile(r"(\.[^.\[\]]*|\[\d+\])$")


class Unreadable(Exception):
    """A file that is not what its name says; the message names the line and what would be right."""


@dataclass(frozen=True, slots=True)
class Document:
    """Decoded values, and for YAML the line (from 1) of each path: `resources[0].title` → 4."""

    value: object
    lines: dict[str, int] = field(default_factory=dict)

    def line_of(self, path: str) -> int | None:
        """The line of a path, or of the nearest thing around it."""
        while path and path not in self.lines:
            shorter = _PART.sub("", path)
            path = "" if shorter == path else shorter
        return self.lines.get(path)


def decode_text(data: bytes) -> str:
    """UTF-8 with or without a byte order mark."""
    if len(data) > LARGEST:
        raise Unreadable(f"has {len(data)} bytes; {LARGEST} are the most")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"line {line}: is not UTF-8; save the file with the encoding UTF-8") from None
    if "\0" in text:
        raise Unreadable(
            f"line {text.count(chr(10), 0, text.index(chr(0))) + 1}: has a NUL; this is no text file"
        )
    return text


def read_json(text: str) -> Document:
    """JSON in which no key stands twice and every number is one."""
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise Unreadable(f"line {error.lineno}, column {error.colno}: is not JSON: {error.msg}") from None
    except RecursionError:
        raise Unreadable("is nested too deeply") from None
    except ValueError as error:
        raise Unreadable(f"is not JSON: {error}") from None
    return Document(value)


def read_yaml(text: str) -> Document:
    """YAML's plain part: maps, lists, texts, numbers, true, false, null (those of YAML 1.2).

    `10:30`, `no` and dates are texts. Anchors, aliases and tags are refused.
    """
    if len(text) > LARGEST_YAML:
        raise Unreadable(
            f"has {len(text)} characters; {LARGEST_YAML} are the most in YAML, more in JSON or CSV"
        )
    lines: dict[str, int] = {}
    try:
        node = yaml.compose(text, Loader=_Loader)
        return Document(None if node is None else _Reader(lines).read(node, ""), lines)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Unreadable(f"line {line}: is not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise Unreadable(f"is not YAML: {error}") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return found


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no number")


class _Loader(yaml.SafeLoader):
    """Stops at a depth that no catalogue has; the scanner's time grows with its square."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Unreadable("is nested too deeply")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Reader:
    """Walks the tree of nodes that the YAML parser composed."""

    def __init__(self, lines: dict[str, int]) -> None:
        self._lines = lines
        self._seen: set[int] = set()

    def read(self, node: yaml.Node, path: str) -> object:
        line = node.start_mark.line + 1
        self._lines.setdefault(path, line)
        if id(node) in self._seen:
            raise Unreadable(f"line {line}: is used by an alias (*); write it out in each place")
        self._seen.add(id(node))
        if node.tag.removeprefix("tag:yaml.org,2002:") not in _PLAIN_TAGS:
            raise Unreadable(f"line {line}: has the tag {node.tag[:40]!r}; plain values are wanted")
        if isinstance(node, yaml.MappingNode):
            return self._map(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, f"{path}[{place}]") for place, item in enumerate(node.value)]
        return _scalar(node.value, plain=getattr(node, "style", None) is None)

    def _map(self, node: yaml.MappingNode, path: str) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise Unreadable(f"line {line}: a key is a text")
            if key.value in found:
                raise Unreadable(f"line {line}: the key {key.value!r} stands twice")
            inner = f"{path}.{key.value}" if path else key.value
            self._lines[inner] = line
            found[key.value] = self.read(value, inner)
        return found


def _scalar(text: str, *, plain: bool) -> object:
    if not plain:
        return text  # quoted, or a block
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
