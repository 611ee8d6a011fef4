"""Scripts, styles and pictures under a name made of their content, so that a browser may keep them for ever.

The tree is read once: `/static/<hash of the whole tree>/…`. Modules that import each other by relative paths
therefore always meet the versions they were made for.
"""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.errors import NotFound
from server.http.answers import accepts_gzip
from server.http.problems import problem

TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_COMPRESSED_ALREADY: Final = frozenset({".png", ".webp", ".woff2"})
_EMBEDDED: Final = "embed/embed.js"
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file ready to be sent; `compressed` is None where that gains nothing."""

    content: bytes
    compressed: bytes | None
    media_type: str


class StaticTree:
    """All files below a folder, in memory, under one hash. Pages are left out: pages.py serves those."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        paths = sorted(path for path in folder.rglob("*") if path.suffix in TYPES and path.is_file())
        self._files = {
            name: _read(path) for path in paths if not _is_page(name := path.relative_to(folder).as_posix())
        }
        self.hash = self._hash()

    @property
    def prefix(self) -> str:
        """What stands for `__STATIC__` in a page."""
        return f"/static/{self.hash}"

    def find(self, name: str) -> StaticFile | None:
        """The file by its path below the folder, or None."""
        return self._files.get(name)

    def _hash(self) -> str:
        digest = hashlib.sha256()
        for name, file in self._files.items():
            digest.update(f"{name}\0{len(file.content)}\0".encode() + file.content)
        return digest.hexdigest()[:16]


def _is_page(name: str) -> bool:
    return name.startswith("pages/") and name.endswith(".html")


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    compressed = None
    if path.suffix not in _COMPRESSED_ALREADY:
        candidate = gzip.compress(content, mtime=0)
        compressed = candidate if len(candidate) < len(content) else None
    return StaticFile(content, compressed, TYPES[path.suffix])


def send(request: Request, file: StaticFile, cache: str) -> Response:
    """The whole file: `Range` is never honoured, so that no list of ranges costs more than the file does."""
    headers = {"Cache-Control": cache, "Vary": "Accept-Encoding"}
    content = file.content
    if file.compressed is not None and accepts_gzip(request.headers.get("accept-encoding", "")):
        content, headers["Content-Encoding"] = file.compressed, "gzip"
    return Response(content, headers=headers, media_type=file.media_type)


def static_routes(tree: StaticTree) -> list[Route]:
    """`/static/<hash>/…`, the icon that browsers ask for unasked, and the address that other sites know.

    That is `/static/embed.js`: it names the present tree, so that the modules of one release stay together.
    """

    async def serve(request: Request) -> Response:
        file = tree.find(request.path_params["name"])
        if file is None:
            return problem(NotFound())
        # Another hash comes from a page of another release, in a rolling deploy: it may not keep the answer.
        return send(request, file, _FOR_EVER if request.path_params["hash"] == tree.hash else "no-store")

    async def icon(request: Request) -> Response:
        file = tree.find("favicon.ico") or tree.find("favicon.svg")
        return problem(NotFound()) if file is None else send(request, file, "public, max-age=86400")

    async def embed(request: Request) -> Response:
        module = f'export * from "./{tree.hash}/{_EMBEDDED}";\n'.encode()
        response = send(request, StaticFile(module, None, TYPES[".js"]), "no-cache")
        response.headers["ETag"] = f'W/"{tree.hash}"'
        return response

    return [
        Route("/static/embed.js", embed),
        Route("/static/{hash}/{name:path}", serve),
        Route("/favicon.ico", icon),
    ]
