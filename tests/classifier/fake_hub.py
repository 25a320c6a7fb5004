"""A hub on loopback: as much of its protocol as uploads and downloads need, of large files too (Git LFS)."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_right"


def _is_large(path: str) -> bool:
    """The hub keeps files of tensors apart, whatever their size."""
    return path.endswith(".safetensors")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Hub:
    """What the server holds, and what it was asked.

    Attributes:
        repos: by name, the commits: hash → files; the last one is the main branch.
        objects: content of the large files that were sent, by its SHA-256.
        full: True where no room is left for large files.
        asked: method and path of every request.
    """

    repos: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    full: bool = False
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def files(self, repo: str) -> dict[str, bytes]:
        """Of the main branch."""
        return self.at(repo, "main")[1]

    def at(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]]:
        """Commit and files of a revision.

        Raises:
            KeyError: there is none.
        """
        commits = self.repos[repo]
        commit = next(reversed(commits)) if revision == "main" else revision
        return commit, commits[commit]

    def commit(self, repo: str, added: dict[str, bytes]) -> str:
        """A new commit on the main branch."""
        before = self.files(repo) if self.repos[repo] else {}
        name = hashlib.sha1(repr([repo, len(self.repos[repo])]).encode()).hexdigest()
        self.repos[repo][name] = {**before, **added}
        return name


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub that answers at its address as long as the block runs."""
    hub = Hub()

    class Handler(_Handler):
        held = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    held: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *given: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Create a repository, say how to send files, take a commit."""
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self._noted()
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._refuse(401, "Invalid username or password.")
        elif path == "/api/repos/create":
            asked = json.loads(content)
            repo = f"{asked['organization']}/{asked['name']}"
            if asked["organization"] == "stranger":
                self._refuse(403, "You don't have the rights to create a model under this namespace")
            elif repo in self.held.repos:
                content = {
                    "error": "You already created this model repo",
                    "url": f"{self.held.address}/{repo}",
                }
                self._answer(content, 409)
            else:
                self.held.repos[repo] = {}
                self._answer({"url": f"{self.held.address}/{repo}"})
        elif "/preupload/" in path:
            files = json.loads(content)["files"]
            told = [
                {
                    "path": one["path"],
                    "uploadMode": "lfs" if _is_large(one["path"]) else "regular",
                    "shouldIgnore": False,
                }
                for one in files
            ]
            self._answer({"files": told})
        elif path.endswith(".git/info/lfs/objects/batch"):
            self._answer(
                {"transfer": "basic", "objects": list(map(self._where, json.loads(content)["objects"]))}
            )
        elif path == "/verify":
            known = json.loads(content)["oid"] in self.held.objects
            self._answer({}) if known else self._refuse(404, "no such object")
        elif "/commit/" in path:
            repo = path.removeprefix("/api/models/").partition("/commit/")[0]
            lines = [json.loads(line) for line in content.splitlines()]
            added = {
                one["value"]["path"]: base64.b64decode(one["value"]["content"])
                for one in lines
                if one["key"] == "file"
            }
            large = [one["value"] for one in lines if one["key"] == "lfsFile"]
            added |= {one["path"]: self.held.objects[one["oid"]] for one in large}
            name = self.held.commit(repo, added)
            address = f"{self.held.address}/{repo}/commit/{name}"
            self._answer({"success": True, "commitOid": name, "commitUrl": address})
        else:  # validation of the card's metadata
            self._answer({"errors": [], "warnings": []})

    def do_PUT(self) -> None:
        """Take a large file."""
        content = self.rfile.read(int(self.headers["Content-Length"]))
        name = self._noted().removeprefix("/objects/")
        if self.held.full or _digest(content) != name:
            return self._refuse(403, "no room is left" if self.held.full else "damaged on its way")
        self.held.objects[name] = content
        return self._answer({})

    def do_HEAD(self) -> None:
        """Where a file is."""
        self._file(body=False)

    def do_GET(self) -> None:
        """A file."""
        self._file(body=True)

    def _where(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Where a large file is to be sent, which is nowhere when it is there already."""
        if asked["oid"] in self.held.objects:
            return asked
        address = self.held.address
        return {
            **asked,
            "actions": {
                "upload": {"href": f"{address}/objects/{asked['oid']}"},
                "verify": {"href": f"{address}/verify"},
            },
        }

    def _file(self, *, body: bool) -> None:
        path = self._noted()
        if path.startswith("/objects/"):
            return self._send(200, self.held.objects[path.removeprefix("/objects/")], {}, body)
        repo, _, rest = path.removeprefix("/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        if repo not in self.held.repos:
            return self._refuse(404, "Repository not found", "RepoNotFound")
        try:
            commit, files = self.held.at(repo, revision)
        except KeyError:
            return self._refuse(404, "Invalid rev id", "RevisionNotFound")
        if name not in files:
            return self._refuse(404, "Entry not found", "EntryNotFound", {"X-Repo-Commit": commit})
        content = files[name]
        if _is_large(name):
            digest = _digest(content)
            self.held.objects[digest] = content  # of what a test committed itself
            there = {
                "X-Repo-Commit": commit,
                "X-Linked-Etag": f'"{digest}"',
                "X-Linked-Size": str(len(content)),
                # Another host's, as far as its name goes: one that is given no token.
                "Location": f"{self.held.address}/objects/{digest}".replace("127.0.0.1", "localhost"),
            }
            return self._send(302, b"", there)
        etag = f'"{hashlib.sha1(content).hexdigest()}"'
        return self._send(200, content, {"X-Repo-Commit": commit, "ETag": etag}, body)

    def _noted(self) -> str:
        path = self.path.partition("?")[0]
        self.held.asked.append(f"{self.command} {path}")
        return path

    def _answer(self, content: dict[str, Any], status: int = 200) -> None:
        self._send(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _refuse(self, status: int, message: str, code: str = "", more: dict[str, str] | None = None) -> None:
        headers = {"X-Error-Message": message, "Content-Type": "application/json", **(more or {})}
        if code:
            headers["X-Error-Code"] = code
        self._send(status, json.dumps({"error": message}).encode(), headers, self.command != "HEAD")

    def _send(self, status: int, content: bytes, headers: dict[str, str], body: bool = True) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)
