"""The requests that change something on the local Hub of `hub_server`."""

import base64
import hashlib
import json
from typing import Any

LFS_SUFFIXES = (".safetensors", ".bin", ".pt", ".png", ".jpg", ".parquet", ".onnx")
KINDS = {"models": "model", "datasets": "dataset", "spaces": "space"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def blob_id(content: bytes) -> str:
    """The git blob id of a file with this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_lfs(path: str) -> bool:
    return path.endswith(LFS_SUFFIXES)


class Writing:
    """Mixin of the request handler, which has the hub, reads bodies and finds repos."""

    hub: Any
    command: str
    body: bytes

    def whoami(self) -> None:
        if self.may_write():
            self.answer(200, {"type": "user", "name": "user", "auth": {"accessToken": {"role": "write"}}})

    def validate_yaml(self) -> None:
        self.answer(200, {"errors": [], "warnings": []})

    def create(self) -> None:
        if not self.may_write():
            return
        wish = json.loads(self.body)
        kind, repo_id = wish.get("type", "model"), f"{wish.get('organization') or 'user'}/{wish['name']}"
        prefix = "" if kind == "model" else f"{kind}s/"
        url = {"url": f"{self.hub.url}/{prefix}{repo_id}"}
        if (kind, repo_id) in self.hub.repos:
            return self.answer(409, {**url, "error": "You already created this repo"})
        repo = self.hub.add_repo(repo_id, {".gitattributes": b"*.safetensors filter=lfs\n"}, kind=kind)
        repo.private = wish.get("visibility") == "private" or wish.get("private") is True
        repo.created_with = wish
        repo.variables = {item["key"]: item["value"] for item in wish.get("variables", [])}
        self.answer(200, url)

    def delete(self) -> None:
        if self.may_write():
            wish = json.loads(self.body)
            self.hub.repos.pop((wish.get("type", "model"), f"{wish.get('organization') or 'user'}/{wish['name']}"))
            self.answer(200, {})

    def variables(self, repo_id: str) -> None:
        repo = self.find("space", repo_id)
        if repo is None or not self.may_write():
            return
        if self.command == "POST":
            wish = json.loads(self.body)
            repo.variables[wish["key"]] = wish["value"]
        self.answer(200, {key: {"value": value} for key, value in repo.variables.items()})

    def hardware(self, repo_id: str) -> None:
        repo = self.find("space", repo_id)
        if repo is not None and self.may_write():
            repo.created_with["hardware"] = json.loads(self.body)["flavor"]
            runtime = {"stage": "BUILDING", "hardware": {"current": None, "requested": repo.created_with["hardware"]}}
            self.answer(200, runtime)

    def preupload(self, kinds: str, repo_id: str, revision: str) -> None:
        repo = self.find(KINDS[kinds], repo_id)
        if repo is None or not self.may_write():
            return
        answers = []
        for file in json.loads(self.body)["files"]:
            path, mine = file["path"], repo.files.get(file["path"])
            oid = None if mine is None else sha256(mine) if is_lfs(path) else blob_id(mine)
            mode = "lfs" if is_lfs(path) else "regular"
            answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self.answer(200, {"files": answers})

    def lfs_batch(self, kinds: str | None, repo_id: str) -> None:
        if self.find(KINDS[kinds or "models"], repo_id) is None or not self.may_write():
            return
        objects = []
        for wish in json.loads(self.body)["objects"]:
            answer = {"oid": wish["oid"], "size": wish["size"]}
            if wish["oid"] not in self.hub.lfs:
                href = f"{self.hub.url}/lfs-store/{wish['oid']}"
                answer["actions"] = {"upload": {"href": href, "header": {}}, "verify": {"href": f"{href}/verify"}}
            objects.append(answer)
        self.answer(200, {"transfer": "basic", "objects": objects})

    def lfs_put(self, oid: str) -> None:
        if sha256(self.body) != oid:
            return self.answer(400, {"error": "the content does not have that hash"})
        self.hub.lfs[oid] = self.body
        self.answer(200, {})

    def lfs_verify(self, oid: str) -> None:
        wish = json.loads(self.body)
        whole = oid in self.hub.lfs and len(self.hub.lfs[oid]) == wish["size"]
        self.answer(200 if whole else 404, {})

    def commit(self, kinds: str, repo_id: str, revision: str) -> None:
        repo = self.find(KINDS[kinds], repo_id)
        if repo is None or not self.may_write():
            return
        files, message = dict(repo.files), ""
        for line in self.body.splitlines():
            key, value = (item := json.loads(line))["key"], item["value"]
            if key == "header":
                message = value["summary"]
            elif key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                if value["oid"] not in self.hub.lfs:
                    return self.answer(400, {"error": f"LFS object {value['oid']} was never uploaded"})
                files[value["path"]] = self.hub.lfs[value["oid"]]
            elif key == "deletedFile":
                files.pop(value["path"], None)
            elif key == "deletedFolder":
                files = {path: c for path, c in files.items() if not path.startswith(value["path"].rstrip("/") + "/")}
        number = repo.commit(files, message)
        prefix = "" if kinds == "models" else f"{kinds}/"
        url = f"{self.hub.url}/{prefix}{repo_id}/commit/{number}"
        self.answer(200, {"success": True, "commitOid": number, "commitUrl": url, "hookOutput": ""})
