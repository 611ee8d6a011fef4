"""C programs of bench/c, compiled into the scratch folder: with cc, else with the ziglang wheel."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.rig import SCRATCH, say

SOURCES = Path(__file__).parent / "c"


class Missing(Exception):
    """Something that a bench needs cannot be had here; the text says what and why."""


def compiled(name: str) -> Path:
    """The program made from bench/c/`name`.c, compiled only when that has changed."""
    source = SOURCES / f"{name}.c"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    program = SCRATCH / f"{name}-{digest}"
    if not program.exists():
        SCRATCH.mkdir(parents=True, exist_ok=True)
        making = program.with_suffix(f".{os.getpid()}")
        command = [*compiler(), "-O2", "-o", str(making), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"{name}.c does not compile: {done.stderr.strip()[-300:]}")
        making.rename(program)
    return program


def compiler() -> list[str]:
    """The command of a C compiler."""
    for name in ("cc", "gcc", "clang"):
        if path := shutil.which(name):
            return [path]
    folder = SCRATCH / "zig"
    if not folder.exists():
        say("no C compiler: fetching the ziglang wheel")
        pip_install(folder, "ziglang")
    zig = next(folder.glob("ziglang/zig*"), None)
    if zig is None:
        raise Missing("there is no C compiler (cc, gcc, clang), and no ziglang wheel")
    return [str(zig), "cc"]


def pip_install(folder: Path, package: str) -> None:
    """Fetch a wheel into a folder of its own; Missing says why it could not be."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    done = subprocess.run([*command, package], capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise Missing(f"pip could not install {package}: {done.stderr.strip()[-200:]}")
