"""The answers of the local Hub of `hub_server` to each request."""

import json
import re
import socket
import time
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from hub_writing import KINDS, Writing, blob_id, is_lfs, sha256


class Handler(Writing, BaseHTTPRequestHandler):
    hub: Any  # the LocalHub of hub_server
    protocol_version = "HTTP/1.1"
    # Without these two, small answers wait 40 ms for an acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # clients hang up as part of the tests

    def do_GET(self) -> None:
        self.serve()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def serve(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.fault = None
        url = urlsplit(self.path)
        self.query, path = parse_qs(url.query), unquote(url.path)
        self.hub.requests.append((self.command, path))
        self.fault = self.hub.next_fault(self.command, path)
        if self.fault and self.fault.kind == "hang":
            self.hub.closing.wait()
            self.close_connection = True
            return
        if self.fault and self.fault.kind == "status":
            return self.send(self.fault.status, b'{"error": "injected"}', self.fault.headers)
        self.reply = (404, json.dumps({"error": f"no route for {self.command} {path}"}).encode(), {})
        with self.hub.lock:
            for method, pattern, action in ROUTES:
                match = re.fullmatch(pattern, path)
                if match and self.command in method:
                    getattr(self, action)(**match.groupdict())
                    break
        self.send(*self.reply)

    def answer(self, status: int, content: Any = None, **headers: str) -> None:
        """Set the answer, which is sent when the work is done and the lock is free again."""
        self.reply = (status, json.dumps(content).encode(), {"Content-Type": "application/json", **headers})

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        fault = self.fault.kind if self.fault else None
        if fault == "lose":
            return self.hang_up()
        if fault == "corrupt":
            middle = len(body) // 2
            body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        if fault == "short":
            body = body[: -self.fault.after]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault in ("cut", "stall"):
            self.wfile.write(body[: self.fault.after])
            self.wfile.flush()
            if fault == "stall":
                self.hub.closing.wait()
            return self.hang_up()
        if fault == "trickle":
            for start in range(0, len(body), self.fault.after):
                self.wfile.write(body[start : start + self.fault.after])
                self.wfile.flush()
                time.sleep(self.fault.pause)
            return
        self.wfile.write(body)

    def hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    # Permissions and lookup
    def token(self) -> str | None:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None

    def may_write(self) -> bool:
        if self.token() in self.hub.tokens:
            return True
        self.answer(401, {"error": "Invalid username or password."})
        return False

    def find(self, kind: str, repo_id: str) -> Any:
        """The repo, or None after an answer that there is none (401 for anonymous requests, like the Hub)."""
        token = self.token()
        if token is not None and token not in self.hub.tokens:
            message = "Invalid credentials in Authorization header"
            self.answer(401, {"error": message}, **{"X-Error-Message": message})
            return None
        repo = self.hub.repos.get((kind, repo_id))
        if repo is None or (repo.private and token is None):
            self.answer(404 if token else 401, {"error": "Repository not found"}, **{"X-Error-Code": "RepoNotFound"})
            return None
        return repo

    def find_commit(self, kinds: str, repo_id: str, revision: str) -> tuple[Any, str | None]:
        repo = self.find(KINDS[kinds], repo_id)
        commit = repo.resolve(revision) if repo else None
        if repo and commit is None:
            self.answer(404, {"error": "Invalid rev id"}, **{"X-Error-Code": "RevisionNotFound"})
        return repo, commit

    # Reading
    def entry(self, path: str, content: bytes) -> dict[str, Any]:
        lfs = {"lfs": {"oid": sha256(content), "size": len(content), "pointerSize": 134}} if is_lfs(path) else {}
        return {"type": "file", "path": path, "size": len(content), "oid": blob_id(content), **lfs}

    def info(self, kinds: str, repo_id: str, revision: str = "main") -> None:
        repo, commit = self.find_commit(kinds, repo_id, revision)
        if commit is None:
            return
        siblings = []
        for path, content in repo.commits[commit].items():
            sibling: dict[str, Any] = {"rfilename": path}
            if "blobs" in self.query:
                sibling |= {"size": len(content), "blobId": blob_id(content)}
                if is_lfs(path):
                    sibling["lfs"] = {"sha256": sha256(content), "size": len(content), "pointerSize": 134}
            siblings.append(sibling)
        facts = {"id": repo_id, "modelId": repo_id, "sha": commit, "private": repo.private, "tags": [], "gated": False}
        self.answer(200, {**facts, "siblings": siblings, "disabled": False, "downloads": 0, "likes": 0})

    def tree(self, kinds: str, repo_id: str, revision: str, folder: str | None = None) -> None:
        repo, commit = self.find_commit(kinds, repo_id, revision)
        if commit is None:
            return
        prefix = f"{folder.strip('/')}/" if folder and folder.strip("/") else ""
        entries: dict[str, dict[str, Any]] = {}
        for path, content in sorted(repo.commits[commit].items()):
            if not path.startswith(prefix):
                continue
            parts = path.removeprefix(prefix).split("/")
            folders = [prefix + "/".join(parts[:n]) for n in range(1, len(parts))]
            recursive = self.query.get("recursive", ["false"])[0].lower() == "true"
            for name in folders if recursive else folders[:1]:
                entries[name] = {"type": "directory", "path": name, "size": 0, "oid": blob_id(name.encode())}
            if recursive or not folders:
                entries[path] = self.entry(path, content)
        self.answer(200, list(entries.values()))

    def paths_info(self, kinds: str, repo_id: str, revision: str) -> None:
        repo, commit = self.find_commit(kinds, repo_id, revision)
        if commit is None:
            return
        asked = parse_qs(self.body.decode()).get("paths", [])
        files = repo.commits[commit]
        found = [self.entry(path, files[path]) for path in asked if path in files]
        for path in asked:
            if path not in files and any(name.startswith(f"{path}/") for name in files):
                found.append({"type": "directory", "path": path, "size": 0, "oid": blob_id(path.encode())})
        self.answer(200, found)

    def download(self, kinds: str | None, repo_id: str, revision: str, path: str) -> None:
        repo, commit = self.find_commit(kinds or "models", repo_id, revision)
        if commit is None:
            return
        content = repo.commits[commit].get(path)
        if content is None:
            codes = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}
            return self.answer(404, {"error": "Entry not found"}, **codes)
        headers = {"X-Repo-Commit": commit, "ETag": f'"{blob_id(content)}"', "Accept-Ranges": "bytes"}
        if is_lfs(path):
            oid = sha256(content)
            headers |= {"ETag": f'"{oid}"', "X-Linked-Etag": f'"{oid}"', "X-Linked-Size": str(len(content))}
        span = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or "")
        if span and self.command == "GET":
            total = len(content)
            first = int(span[1]) if span[1] else total - int(span[2])
            last = int(span[2]) if span[1] and span[2] else total - 1
            part = content[first : last + 1]
            headers["Content-Range"] = f"bytes {first}-{first + len(part) - 1}/{total}"
            self.reply = (206, part, headers)
            return
        self.reply = (200, content, headers)


_API = r"/api/(?P<kinds>models|datasets|spaces)/(?P<repo_id>[^/]+/[^/]+)"
_PLAIN = r"/(?:(?P<kinds>datasets|spaces)/)?(?P<repo_id>[^/]+/[^/]+)"
# A branch such as refs/pr/1 comes percent-encoded, but is decoded before it is matched.
_REVISION = r"(?P<revision>refs/[^/]+/[^/]+|[^/]+)"
ROUTES: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("GET",), r"/api/whoami-v2", "whoami"),
    (("POST",), r"/api/validate-yaml", "validate_yaml"),
    (("POST",), r"/api/repos/create", "create"),
    (("DELETE",), r"/api/repos/delete", "delete"),
    (("GET", "POST"), r"/api/spaces/(?P<repo_id>[^/]+/[^/]+)/variables", "variables"),
    (("POST",), r"/api/spaces/(?P<repo_id>[^/]+/[^/]+)/hardware", "hardware"),
    (("GET",), _API, "info"),
    (("GET",), rf"{_API}/revision/{_REVISION}", "info"),
    (("GET",), rf"{_API}/tree/{_REVISION}(?P<folder>/.*)?", "tree"),
    (("POST",), rf"{_API}/paths-info/{_REVISION}", "paths_info"),
    (("POST",), rf"{_API}/preupload/{_REVISION}", "preupload"),
    (("POST",), rf"{_API}/commit/{_REVISION}", "commit"),
    (("POST",), rf"{_PLAIN}\.git/info/lfs/objects/batch", "lfs_batch"),
    (("GET", "HEAD"), rf"{_PLAIN}/resolve/{_REVISION}/(?P<path>.+)", "download"),
    (("PUT",), r"/lfs-store/(?P<oid>[0-9a-f]{64})", "lfs_put"),
    (("POST",), r"/lfs-store/(?P<oid>[0-9a-f]{64})/verify", "lfs_verify"),
)
