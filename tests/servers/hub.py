"""A stand-in for the Hugging Face hub on this machine, for the real clients (huggingface_hub, timm, open_clip).

    with StandInHub() as hub:
        commit = hub.add_model("org/model", folder, gated=True)
        subprocess.run(command, env={**os.environ, **hub.environment(tmp_path, token=hub.member)})

It answers as the real one does: listings, revisions, `resolve` with its redirect to another host for large files,
byte ranges, and its ways of saying no. A gated repository's listing is public, its files are not. `HF_ENDPOINT` is
read when huggingface_hub is imported, so it counts in new processes only; `use_hub` leads a running one here.
"""

import contextlib
import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from tests.servers.hub_files import HubFault, HubFile, HubRequest, Repo, blob_facts, tree

_LARGE = (".safetensors", ".bin", ".pt", ".pth", ".parquet", ".h5", ".zip")
_KINDS = {"models": "model", "datasets": "dataset"}
_BLOCK = 16_384


class StandInHub:
    """Repositories and who may read them, served on ports of 127.0.0.1 while the context is open.

    Attributes:
        member: a token with access to every gated repository.
        stranger: a token with access to none.
        requests: what was asked for, in order.
        faults: end of a path (`config.json`) -> faults of the coming answers, used up one by one. A status strikes the
            next answer of any kind, a cut the next that carries the file's bytes.
    """

    member = "hf_memberMemberMemberMemberMemberMember"
    stranger = "hf_strangerStrangerStrangerStrangerStran"

    def __init__(self) -> None:
        self.requests: list[HubRequest] = []
        self.faults: dict[str, list[HubFault]] = {}
        self._repos: dict[tuple[str, str], Repo] = {}

    @property
    def url(self) -> str:
        """What HF_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self._servers['hub'].server_port}"

    def add_model(self, repo: str, folder: Path, gated: bool = False, tag: str | None = None) -> str:
        """Publishes the files in `folder` as the next commit of `repo`, on main and, if given, under `tag`.

        Returns:
            the commit; earlier ones stay.
        """
        return self._publish("model", repo, folder, gated, tag)

    def add_dataset(self, repo: str, folder: Path, gated: bool = False, tag: str | None = None) -> str:
        """As `add_model`, for a data set."""
        return self._publish("dataset", repo, folder, gated, tag)

    def environment(self, tmp: Path, token: str | None = None) -> dict[str, str]:
        """Variables that lead a new process here, its cache in `tmp`, logged in with `token`: merge over os.environ."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(tmp / "huggingface"),
            "HF_HUB_CACHE": str(tmp / "huggingface" / "hub"),
            "HF_XET_CACHE": str(tmp / "huggingface" / "xet"),
            "HF_TOKEN_PATH": str(tmp / "huggingface" / "token"),
            "HF_TOKEN": token or "",
            "HUGGING_FACE_HUB_TOKEN": "",
            "HF_HUB_OFFLINE": "0",
            "TRANSFORMERS_OFFLINE": "0",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "NO_PROXY": "127.0.0.1",
        }

    def asked(self, path: str, method: str = "GET") -> list[HubRequest]:
        """The requests so far for a path with this end."""
        return [request for request in self.requests if request.method == method and request.path.endswith(path)]

    def __enter__(self) -> Self:
        self._servers = {host: _listening(self, host) for host in ("hub", "cdn")}
        return self

    def __exit__(self, *error: object) -> None:
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def _publish(self, kind: str, name: str, folder: Path, gated: bool, tag: str | None) -> str:
        files = {
            path.relative_to(folder).as_posix(): HubFile(path.read_bytes(), path.suffix in _LARGE)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        repo = self._repos.setdefault((kind, name), Repo(kind, name))
        repo.gated = gated
        listing = [kind, name, len(repo.commits), sorted((path, file.blob) for path, file in files.items())]
        commit = hashlib.sha1(json.dumps(listing).encode(), usedforsecurity=False).hexdigest()
        repo.commits[commit] = files
        repo.refs |= {"main": commit} | ({tag: commit} if tag else {})
        return commit

    # What follows is for the handler.

    def repo(self, kind: str, name: str) -> Repo | None:
        return self._repos.get((kind, name))

    def content(self, sha256: str) -> bytes | None:
        """A large file, by its digest."""
        files = (file for repo in self._repos.values() for commit in repo.commits.values() for file in commit.values())
        return next((file.content for file in files if file.large and file.sha256 == sha256), None)

    def cdn(self, path: str, file: HubFile) -> str:
        """The address of a large file's bytes; it is good for whoever knows it."""
        return f"http://127.0.0.1:{self._servers['cdn'].server_port}/{file.sha256}{quote(path)}?Signature=s"

    def fault(self, path: str, *, body: bool) -> HubFault | None:
        """The fault that is next for `path`, if it strikes an answer with or without the file's bytes."""
        script = next((faults for end, faults in self.faults.items() if faults and path.endswith(end)), None)
        return script.pop(0) if script and bool(script[0].status) != body else None


class _Listening(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: StandInHub
    host: str


def _listening(owner: StandInHub, host: str) -> _Listening:
    server = _Listening(("127.0.0.1", 0), _Handler)
    server.owner, server.host = owner, host
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server


class _No(Exception):
    """The hub says no."""

    def __init__(self, status: int, code: str | None, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.headers = status, {"X-Error-Message": message, **headers}
        if code:
            self.headers["X-Error-Code"] = code


class _Handler(BaseHTTPRequestHandler):
    server: _Listening

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        split = urlsplit(self.path)
        path, query = unquote(split.path), parse_qs(split.query)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = HubRequest(self.command, self.server.host, path, headers)
        self.server.owner.requests.append(request)
        with contextlib.suppress(ConnectionError):
            try:
                if fault := self.server.owner.fault(path, body=False):
                    wait = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
                    self._send(fault.status or 500, b"", wait)
                elif self.server.host == "cdn":
                    self._cdn(path)
                else:
                    self._hub(request, query)
            except _No as no:
                self._send(no.status, json.dumps({"error": str(no)}).encode(), no.headers)

    def _cdn(self, path: str) -> None:
        content = self.server.owner.content(path.split("/")[1])
        if content is None:
            raise _No(403, None, "no such signature")
        self._send_file(content, path, {})

    def _hub(self, request: HubRequest, query: Mapping[str, list[str]]) -> None:
        path, owner = request.path, self.server.owner
        if request.token not in (None, owner.member, owner.stranger):
            raise _No(401, None, "Invalid credentials in Authorization header")
        if path == "/api/whoami-v2":
            if request.token is None:
                raise _No(401, None, "Invalid username or password.")
            self._json({"type": "user", "name": "member" if request.token == owner.member else "stranger"})
        elif match := re.fullmatch(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/([a-z-]+)(?:/([^/]+)(?:/(.+))?)?)?", path):
            kind, name, verb, revision, within = match.groups()
            self._api(self._repo(_KINDS[kind], name, request), request, verb, revision or "main", within or "", query)
        elif match := re.fullmatch(r"/(?:api/resolve-cache/(models|datasets)/)(.+?/.+?)/([0-9a-f]{40})/(.+)", path):
            kind, name, revision, file_path = match.groups()
            self._file(self._repo(_KINDS[kind], name, request), revision, file_path, request, cached=True)
        elif match := re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            kind, name, revision, file_path = match.groups()
            repo = self._repo("dataset" if kind else "model", name, request)
            self._file(repo, revision, file_path, request)
        else:
            raise _No(404, None, "Sorry, we can't find the page you are looking for.")

    def _repo(self, kind: str, name: str, request: HubRequest) -> Repo:
        repo = self.server.owner.repo(kind, name)
        if repo is None:
            raise _No(404 if request.token else 401, "RepoNotFound", "Repository not found")
        return repo

    def _check_access(self, repo: Repo, request: HubRequest) -> None:
        if not repo.gated or request.token == self.server.owner.member:
            return
        page = f"{'datasets/' if repo.kind == 'dataset' else ''}{repo.name}"
        if request.token is None:
            raise _No(
                401,
                "GatedRepo",
                f"Access to {repo.kind} {repo.name} is restricted. You must have access to it and be authenticated to "
                "access it. Please log in.",
            )
        raise _No(
            403,
            "GatedRepo",
            f"Access to {repo.kind} {repo.name} is restricted and you are not in the authorized list. Visit "
            f"https://huggingface.co/{page} to ask for access.",
        )

    def _commit(self, repo: Repo, revision: str) -> str:
        commit = repo.commit(revision)
        if commit is None:
            raise _No(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    def _api(
        self,
        repo: Repo,
        request: HubRequest,
        verb: str | None,
        revision: str,
        within: str,
        query: Mapping[str, list[str]],
    ) -> None:
        if verb == "auth-check":
            self._check_access(repo, request)
            return self._send(200, b"OK")
        commit = self._commit(repo, revision)
        files = repo.commits[commit]
        if verb in (None, "revision"):
            with_blobs = query.get("blobs", ["false"])[0].lower() == "true"
            return self._json(
                {
                    "_id": commit[:24],
                    "id": repo.name,
                    "private": False,
                    "gated": "manual" if repo.gated else False,
                    "sha": commit,
                    "tags": [],
                    "siblings": [{"rfilename": path, **blob_facts(file, with_blobs)} for path, file in files.items()],
                }
            )
        if verb != "tree":
            raise _No(404, None, "Sorry, we can't find the page you are looking for.")
        recursive = query.get("recursive", ["false"])[0].lower() == "true"
        entries = list(tree(files, within, recursive))
        if within and not entries:
            raise _No(404, "EntryNotFound", f"{within} does not exist on {revision}", **{"X-Repo-Commit": commit})
        return self._json(entries)

    def _file(self, repo: Repo, revision: str, path: str, request: HubRequest, *, cached: bool = False) -> None:
        self._check_access(repo, request)
        commit = self._commit(repo, revision)
        headers = {"X-Repo-Commit": commit}
        file = repo.commits[commit].get(path)
        if file is None:
            raise _No(404, "EntryNotFound", "Entry not found", **headers)
        if file.large:
            headers |= {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(len(file.content))}
            return self._send(302, b"", headers | {"Location": self.server.owner.cdn(request.path, file)})
        if not cached:
            here = f"/api/resolve-cache/{repo.kind}s/{repo.name}/{commit}/{quote(path)}"
            return self._send(307, b"", headers | {"Location": here})
        return self._send_file(file.content, path, headers | {"ETag": f'"{file.blob}"'})

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_file(self, content: bytes, path: str, headers: dict[str, str]) -> None:
        first = 0
        if "Range" in self.headers:
            first = int(self.headers["Range"].removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self.send_response(206 if first else 200)
        for name, value in {**headers, "Accept-Ranges": "bytes", "Content-Length": str(len(content) - first)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        fault = self.server.owner.fault(path, body=True) or HubFault()
        for at in range(first, end := min(first + (fault.cut or len(content)), len(content)), _BLOCK):
            self.wfile.write(content[at : min(at + _BLOCK, end)])
        if fault.reset:
            # Lingering for no time makes close() send a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, *args: object) -> None:
        pass


def use_hub(monkeypatch: pytest.MonkeyPatch, tmp: Path, endpoint: str, token: str | None = None) -> Path:
    """Leads the huggingface_hub of this process to `endpoint`, logged in with `token`; returns its cache, in `tmp`."""
    from huggingface_hub import constants

    cache = tmp / "huggingface" / "hub"
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp / "huggingface" / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", token or "")
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", "")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return cache
