"""The report: JSON."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.torture.matrix import Outcome


def write(folder: Path, outcomes: Sequence[Outcome], *, seed: int, command: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.json"
    path.write_bytes(msgspec.json.encode({"seed": seed, "command": command, "cells": outcomes}))
    return path
