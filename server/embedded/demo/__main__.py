"""`python -m server.embedded.demo` draws the demo's seating plans anew into the files beside it."""

import json
from pathlib import Path

from server.embedded.demo.club import club
from server.embedded.demo.drawing import Json
from server.embedded.demo.hall import hall

HERE = Path(__file__).parent


def files() -> dict[Path, str]:
    """What each file is to hold."""
    return {
        HERE / "hall.seating-plan.json": _written(hall()),
        HERE / "club.seating-plan.json": _written(club()),
    }


def _written(plan: Json) -> str:
    return json.dumps(plan, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")
