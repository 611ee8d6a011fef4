"""Builds .venv from a hashed lock, unless it is up to date: `python3 scripts/bootstrap.py demo|dev`.

Needs Python 3.11 with venv; written so that an older Python can still say so.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
NEWER_PYTHONS = ("python3.14", "python3.13", "python3.12", "python3.11")
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "holdfast.stamp"


def main(kind: str) -> None:
    require_python()
    if read_stamp().startswith("dev\n"):
        kind = "dev"  # it holds all that the demo needs
    wanted = stamp_of(kind)
    if read_stamp() != wanted:
        build(kind)
        STAMP.write_text(wanted)


def require_python() -> None:
    """Go on in a newer Python where there is one, else say what is missing."""
    if sys.version_info >= OLDEST:
        return
    for name in NEWER_PYTHONS:
        path = shutil.which(name)
        if path:
            os.execv(path, [path, *sys.argv])
    found = ".".join(map(str, sys.version_info[:3]))
    sys.exit(
        f"Holdfast needs Python {OLDEST[0]}.{OLDEST[1]} or later, and {sys.executable} is {found}.\n"
        "Install a newer one, or name it: make demo PYTHON=/path/to/python3.11"
    )


def stamp_of(kind: str) -> str:
    """The kind on the first line, then everything that a finished .venv depends on."""
    digest = hashlib.sha256()
    for path in (lock(kind), ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return f"{kind}\n{digest.hexdigest()}\n{ROOT}\n{sys.version}\n"


def read_stamp() -> str:
    return STAMP.read_text() if STAMP.exists() else ""


def lock(kind: str) -> Path:
    return ROOT / "requirements" / f"{kind}.txt"


def build(kind: str) -> None:
    print(
        f"Setting up .venv from requirements/{kind}.txt (once; about half a minute) …",
        file=sys.stderr,
        flush=True,
    )
    if not is_usable():
        create()
    pip("--require-hashes", "-r", str(lock(kind)))
    # what builds it is in the lock, so nothing is fetched for it
    pip("--no-deps", "--no-index", "--no-build-isolation", "--editable", str(ROOT))


def python() -> Path:
    return VENV / ("Scripts" if os.name == "nt" else "bin") / "python"


def is_usable() -> bool:
    """Whether .venv is one of this Python and has its pip; a moved or half-made one is built anew."""
    if not python().exists():
        return False
    question = "import pip, sys; print(sys.version)"
    answer = subprocess.run([str(python()), "-c", question], capture_output=True, text=True, check=False)
    return answer.stdout.rstrip("\n") == sys.version


def create() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        version = ".".join(map(str, sys.version_info[:2]))
        sys.exit(
            f"{made.stdout}{made.stderr}\n"
            f"{sys.executable} cannot make a virtual environment.\n"
            f"On Debian and Ubuntu: apt install python3-venv (or python{version}-venv); "
            "elsewhere install Python's venv and ensurepip.\n"
            "Or name another Python: make demo PYTHON=/path/to/python3"
        )


def pip(*arguments: str) -> None:
    quiet = (
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "--no-compile",
    )  # compiled when first used
    done = subprocess.run([str(python()), "-m", "pip", "install", *quiet, *arguments], check=False)
    if done.returncode != 0:
        sys.exit("pip could not install what the lock names (see above). The first set-up needs the network.")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not lock(sys.argv[1]).exists():
        sys.exit("usage: bootstrap.py demo|dev")
    main(sys.argv[1])
