"""`ScriptedHub`: a stand-in for the Hugging Face hub on loopback, for tests of whatever reads data sets from there.

It answers what `huggingface_hub` asks to look up a repository and to fetch files of it: point `HF_ENDPOINT` at its url.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

_LOOK = re.compile(r"/api/(?P<kind>models|datasets|spaces)/(?P<repo>[^/]+/[^/]+)(?:/revision/(?P<revision>.+))?")
_TREE = re.compile(r"/api/(?P<kind>models|datasets|spaces)/(?P<repo>[^/]+/[^/]+)/tree/(?P<revision>[^/]+)")
_FILE = re.compile(r"/(?:(?P<kind>datasets|spaces)/)?(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
_LOOKS_UP_EVERY = 0.02  # seconds, for the word that it is to stop


class ScriptedHub:
    """Repositories with files in them, behind a real HTTP server.

    Args:
        repositories: by name (`owner/name`), the files: path to content. All of one kind.
        kind: `datasets`, `models` or `spaces`.
        token: callers must send it; without it a repository is gated for nobody.
        port: 0 takes a free one.
    """

    def __init__(
        self,
        repositories: Mapping[str, Mapping[str, bytes]],
        *,
        kind: str = "datasets",
        token: str | None = None,
        port: int = 0,
    ) -> None:
        self.repositories = repositories
        self.kind = kind
        self.token = token
        self.downloads: list[str] = []
        """The files that were fetched, in order, as `owner/name/path`."""
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="scripted hub", daemon=True
        )

    @property
    def url(self) -> str:
        """What `HF_ENDPOINT` is set to."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def sha(self, repository: str) -> str:
        """The commit that a repository is at: it changes with its files."""
        found = hashlib.sha1(usedforsecurity=False)
        for path, content in sorted(self.repositories[repository].items()):
            found.update(path.encode() + b"\0" + content)
        return found.hexdigest()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(hub: ScriptedHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            look, tree, file = _LOOK.fullmatch(path), _TREE.fullmatch(path), _FILE.fullmatch(path)
            if look is not None and look["kind"] == hub.kind and self._may(look["repo"]):
                self._look(look["repo"], look["revision"])
            elif file is not None and (file["kind"] or "models") == hub.kind and self._may(file["repo"]):
                self._file(file["repo"], file["revision"], file["path"])
            elif tree is not None and tree["kind"] == hub.kind and self._may(tree["repo"]):
                self._list(tree["repo"], tree["revision"])
            elif look is None and tree is None and file is None:
                self._say(404, b"", {})

        def _may(self, repository: str) -> bool:
            """Whether the caller may see it; if not, that is answered."""
            if repository not in hub.repositories:
                self._say(404, b'{"error":"Repository not found"}', {"X-Error-Code": "RepoNotFound"})
            elif hub.token is not None and self.headers.get("Authorization") != f"Bearer {hub.token}":
                self._say(401, b'{"error":"Access is restricted"}', {"X-Error-Code": "GatedRepo"})
            else:
                return True
            return False

        def _known(self, repository: str, revision: str | None) -> bool:
            if revision in (None, "main", hub.sha(repository)):
                return True
            self._say(404, b'{"error":"Invalid rev id"}', {"X-Error-Code": "RevisionNotFound"})
            return False

        def _look(self, repository: str, revision: str | None) -> None:
            if not self._known(repository, revision):
                return
            files = [
                {"rfilename": path, "size": len(content), "blobId": hashlib.sha1(content).hexdigest()}
                for path, content in hub.repositories[repository].items()
            ]
            told = {"id": repository, "sha": hub.sha(repository), "private": False, "siblings": files}
            self._say(200, json.dumps(told).encode(), {"Content-Type": "application/json"})

        def _list(self, repository: str, revision: str) -> None:
            """All files, in the form of a folder's listing."""
            if not self._known(repository, revision):
                return
            files = [
                {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for path, content in hub.repositories[repository].items()
            ]
            self._say(200, json.dumps(files).encode(), {"Content-Type": "application/json"})

        def _file(self, repository: str, revision: str, path: str) -> None:
            if not self._known(repository, revision):
                return
            content = hub.repositories[repository].get(path)
            if content is None:
                self._say(404, b"Entry not found", {"X-Error-Code": "EntryNotFound"})
                return
            if self.command == "GET":
                hub.downloads.append(f"{repository}/{path}")
            etag = hashlib.sha256(content).hexdigest()
            headers = {"ETag": f'"{etag}"', "X-Repo-Commit": hub.sha(repository), "Accept-Ranges": "bytes"}
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if wanted is None:
                self._say(200, content, headers)
                return
            first, last = int(wanted[1]), int(wanted[2] or len(content) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            self._say(206, content[first : last + 1], headers)

        def _say(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

    return Handler
