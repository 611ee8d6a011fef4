"""What the peers are made of, fetched by their own package managers into the scratch folder, without root."""

import shutil
import subprocess
from pathlib import Path

from bench.compiler import Missing
from bench.rig import SCRATCH, say

NPM = ("ws@8", "socket.io@4")
DEBIAN = ("nginx", "libnginx-mod-nchan", "nats-server")
PATIENCE = 240.0


def node() -> tuple[str, Path]:
    """Node, and the folder of its packages."""
    node, npm, folder = shutil.which("node"), shutil.which("npm"), SCRATCH / "npm"
    if node is None:
        raise Missing("there is no node here")
    if not (folder / "complete").exists():
        if npm is None:
            raise Missing("there is no npm here to fetch it")
        say("fetching ws and Socket.IO (npm)")
        folder.mkdir(parents=True, exist_ok=True)
        _run([npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", *NPM])
        (folder / "complete").touch()
    return node, folder / "node_modules"


def debian() -> Path:
    """The root of the unpacked packages, after they were downloaded with apt's own client."""
    folder = SCRATCH / "debian"
    if (folder / "complete").exists():
        return folder / "root"
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise Missing("its Debian package needs apt-get and dpkg-deb, which are not here")
    say("fetching nginx, nchan and nats-server (Debian)")
    for part in ("lists/partial", "archives/partial", "root"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    # lists and caches of our own: whoever runs a bench need not be root
    own = ["-o", f"Dir::State::lists={folder / 'lists'}", "-o", f"Dir::Cache={folder}"]
    own += ["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User="]
    _run(["apt-get", *own, "update"], folder)
    _run(["apt-get", *own, "download", *DEBIAN], folder)
    for package in folder.glob("*.deb"):
        _run(["dpkg-deb", "-x", str(package), str(folder / "root")])
    shutil.rmtree(folder / "lists")
    _may_run_anywhere(folder / "root/usr/sbin/nginx")
    _may_run_anywhere(folder / "root/usr/lib/nginx/modules/ngx_nchan_module.so")
    (folder / "complete").touch()
    return folder / "root"


def _may_run_anywhere(program: Path) -> None:
    """Its folders of scratch files lie where only root may make them, whatever its configuration says.

    Without the slash in front they lie under the prefix that it is started with.
    """
    program.write_bytes(program.read_bytes().replace(b"/var/lib/nginx/", b"var-lib-nginx--"))


def _run(command: list[str], folder: Path | None = None) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"{Path(command[0]).name} did not end within {PATIENCE:.0f} s") from None
    if done.returncode:
        what = (done.stderr.strip().splitlines() or ["without a word"])[-1]
        raise Missing(f"{Path(command[0]).name} failed: {_without_addresses(what)}")


def _without_addresses(text: str) -> str:
    """Reasons are published; where packages were looked for is nobody's business."""
    return " ".join("…" if "://" in word else word for word in text.split())[:160]
