"""Becomes another program that dies with its parent, as a user that program accepts. Run as a script.

    python child.py PARENT SIGNAL USER PROGRAM ARGUMENT…

PARENT is the pid that must be alive, SIGNAL what the kernel sends when it no longer is. USER is `same`,
`namespace` (root sees itself as user 1000 in a user namespace of its own), or a numeric uid.
"""

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000  # linux/sched.h
PR_SET_PDEATHSIG = 1  # linux/prctl.h
MAPPED_USER = 1000


def become(user: str) -> None:
    """Change this process's user; raise OSError where that is not allowed."""
    if user == "same":
        return
    if user == "namespace":
        _enter_namespace()
        return
    os.setgroups([])
    os.setgid(int(user))
    os.setuid(int(user))


def _enter_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "a user namespace is refused")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{MAPPED_USER} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{MAPPED_USER} {group} 1")


def die_with_parent(parent: int, signal: int) -> None:
    """Ask the kernel for `signal` when the parent ends; last, since a change of user would undo it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal)
    if os.getppid() != parent:
        sys.exit("the parent ended before its child began")


def main(arguments: list[str]) -> None:
    parent, signal, user, *command = arguments
    become(user)
    die_with_parent(int(parent), int(signal))
    os.execv(command[0], command)  # noqa: S606  # to become it, without a shell, is the point


if __name__ == "__main__":
    main(sys.argv[1:])
