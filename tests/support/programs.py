"""Small programs that stand for others on a PATH of a test's own."""

from pathlib import Path


def program(path: Path, script: str) -> Path:
    """An executable shell script at `path`."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path
