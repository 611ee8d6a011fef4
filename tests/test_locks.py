"""The locks install the same everywhere: hashed, and from whatever mirror the machine uses."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = {name: (ROOT / "requirements" / f"{name}.txt").read_text() for name in ("demo", "dev")}


def pins(text: str) -> dict[str, str]:
    """`uvloop==0.23.0 ; marker` → its hashes, by name and version."""
    found = re.findall(
        r"^(\S+==\S+)(?: ;[^\\\n]*)? \\\n((?:    --hash=\S+(?: \\)?\n)+)", LOCKS[text], re.MULTILINE
    )
    return dict(found)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_address(name: str) -> None:
    assert "://" not in LOCKS[name]
    assert not re.search(r"^\s*-(?!-hash)", LOCKS[name], re.MULTILINE)


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_is_a_hashed_pin(name: str) -> None:
    lines = LOCKS[name].splitlines()
    assert len([line for line in lines if not line.startswith("    ")]) == len(pins(name))


def test_what_the_demo_installs_the_tests_install_too() -> None:
    assert pins("demo").items() <= pins("dev").items()


def test_the_locks_have_all_that_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {
        "demo": project["project"]["dependencies"] + project["project"]["optional-dependencies"]["demo"],
        "dev": [*project["dependency-groups"]["dev"], *project["dependency-groups"]["build"]],
    }
    for name, requirements in wanted.items():
        locked = {pin.partition("==")[0] for pin in pins(name)}
        asked = {re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower() for requirement in requirements}
        assert asked <= locked
