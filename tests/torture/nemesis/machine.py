"""What this machine lets a nemesis do: found out by trying, and a no comes with its reason."""

import functools
import os
import shutil
import subprocess
from pathlib import Path

PATIENCE_SECONDS = 60


class NotHere(Exception):
    """A fault cannot be done on this machine; the text is the reason that was measured."""


def tried(*command: str) -> str:
    """Why a command does not work here; empty where it does."""
    if shutil.which(command[0]) is None:
        return f"there is no `{command[0]}`"
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"`{' '.join(command)}`: {error}"
    last = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
    return f"`{' '.join(command)}`: {last}" if done.returncode else ""


@functools.cache
def no_namespaces() -> str:
    """Why there are no network namespaces joined by links here; empty where there are."""
    return (
        tried("unshare", "--net", "true")
        or tried("nsenter", "--version")
        or tried("unshare", "--net", "ip", "link", "add", "one", "type", "veth", "peer", "name", "two")
    )


@functools.cache
def no_blackhole() -> str:
    """Why a link cannot be made to swallow what goes one way; empty where it can."""
    return no_namespaces() or tried(
        "unshare", "--net", "sh", "-c",
        "ip link add one type veth peer name two && tc qdisc add dev one root blackhole",
    )  # fmt: skip


@functools.cache
def no_loss() -> str:
    """Why a link cannot lose some packets and be slow; empty where it can."""
    return no_blackhole() or tried(
        "unshare", "--net", "sh", "-c",
        "ip link add one type veth peer name two && tc qdisc add dev one root handle 1: htb default 10"
        " && tc filter add dev one parent 1: bpf bytecode '1,6 0 0 0' flowid 1:20",
    )  # fmt: skip


@functools.cache
def no_mounts() -> str:
    """Why there is no small disk here; empty where there is."""
    reason = tried("unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "none", "/mnt")
    if not reason or os.geteuid() == 0:
        return reason
    alone = tried("unshare", "--user", "--map-root-user", "--mount", "true")
    return reason if alone else f"{reason}; run all of it in `unshare --user --map-root-user --mount`"


@functools.cache
def cgroup(controller: str) -> Path:
    """The folder of our own group, where one below it can be made, of version 1 or 2; else NotHere.

    Below our own: whatever bounds us bounds those that we move, too.
    """
    reasons = []
    for root in (Path("/sys/fs/cgroup") / controller, Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        folder = root / group_of(os.getpid(), root)
        reason = _no_group(folder, controller)
        if not reason:
            return folder
        reasons.append(reason)
    raise NotHere("; ".join(reasons))


def group_of(pid: int, root: Path) -> str:
    """The group that the process is in, below the root that its controller is mounted at."""
    controller = "" if root.name in {"cgroup", "unified"} else root.name
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except FileNotFoundError:
        return ""
    groups = {
        name: path for _, names, path in (line.split(":", 2) for line in lines) for name in names.split(",")
    }
    return groups.get(controller, "").lstrip("/")


@functools.cache
def no_cgroup(controller: str) -> str:
    """Why there is no group of that controller here; empty where there is."""
    try:
        cgroup(controller)
    except NotHere as reason:
        return str(reason)
    return ""


def _no_group(folder: Path, controller: str) -> str:
    """Why no group can be made in the folder."""
    wanted = {"cpu": ("cpu.cfs_quota_us", "cpu.max"), "memory": ("memory.limit_in_bytes", "memory.max")}
    trial = folder / f"holdfast-trial-{os.getpid()}"
    try:
        trial.mkdir()
    except OSError as error:
        return f"{folder}: {error.strerror}"
    try:
        if any((trial / name).exists() for name in wanted[controller]):
            return ""
        return f"{folder} has no {controller}"
    finally:
        trial.rmdir()
