"""What our code never calls: ruff's rules for most of it, and what these do not know."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
RUFF = Path(sys.executable).with_name("ruff")
OURS = ("src", "workflow", "envs", "benchmarks")
FILES = sorted(path for folder in OURS for path in (PROJECT / folder).rglob("*.py"))

REFUSED_BY_RUFF = {
    "S102": "exec('a')",
    "S103": "import os\nos.chmod('a', 0o777)",
    "S104": "import socket\nsocket.socket().bind(('0.0.0.0', 80))",
    "S113": "import requests\nrequests.get('https://a')",
    "S202": "import tarfile\ntarfile.open('a').extractall('b')",
    "S301": "import pickle\npickle.loads(b'')",
    "S302": "import marshal\nmarshal.loads(b'')",
    "S306": "import tempfile\ntempfile.mktemp()",
    "S307": "eval('a')",
    "S323": "import ssl\nssl._create_unverified_context()",
    "S501": "import requests\nrequests.get('https://a', timeout=1, verify=False)",
    "S506": "import yaml\nyaml.load('a', yaml.Loader)",
    "S602": "import subprocess\nsubprocess.run(command, shell=True)",
    "S605": "import os\nos.system(command)",
}
OTHERS = {
    "numpy unpickles": "import numpy as np\nnp.load('a.npy', allow_pickle=True)",
    "joblib unpickles": "from joblib import load\nload('a')",
    "torch unpickles": "import torch as t\nt.load('a', weights_only=flag)",
    "Lightning unpickles": "trainer.fit(model, ckpt_path='a')",
    "a model brings its own code": "AutoModel.from_pretrained('a', trust_remote_code=True)",
    "an object is unpickled by its class": "import pickle\npickle.Unpickler(file).load()",
    "a command is one string": "import subprocess\nsubprocess.run('ls')",
    "a command is put together as one string": "import subprocess\ncommand = f'ls {a}'\nsubprocess.Popen(command)",
    "a socket listens": "listening.listen()",
    "a socket is bound": "import socket\nsocket.socket().bind(('127.0.0.1', 80))",
    "a server is started": "from http.server import HTTPServer\nHTTPServer(('', 80), None)",
    "asyncio serves": "import asyncio\nasyncio.start_server(f, port=80)",
}
_UNPICKLE = {"joblib.load", "pandas.read_pickle", "dill.load", "cloudpickle.load", "torch.hub.load"}
_SERVERS = ("http.server.", "socketserver.", "wsgiref.", "xmlrpc.server.", "multiprocessing.managers.")
_LISTENS = {"bind", "listen", "start_server", "create_server", "serve_forever"}
_COMMANDS = {f"subprocess.{name}" for name in ("run", "Popen", "call", "check_call", "check_output")}


def ruff(*arguments: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [RUFF, "check", "--no-cache", "--output-format", "concise", *arguments]
    return subprocess.run(command, cwd=PROJECT, input=code, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("rule", REFUSED_BY_RUFF)
def test_lint_refuses(rule: str) -> None:
    said = ruff("--stdin-filename", "src/clipit/new.py", "-", code=REFUSED_BY_RUFF[rule])
    assert f" {rule} " in said.stdout


def test_no_line_is_let_off() -> None:
    said = ruff("--select", ",".join(REFUSED_BY_RUFF), "--ignore-noqa", *OURS)
    assert said.stdout == "All checks passed!\n"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PROJECT)))
def test_nothing_that_ruff_does_not_know_either(file: Path) -> None:
    assert list(faults(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("code", OTHERS.values(), ids=OTHERS)
def test_what_ruff_does_not_know_is_found(code: str) -> None:
    assert len(list(faults(code))) == 1


def faults(source: str) -> Iterator[str]:
    """What is wrong with calls in `source`."""
    tree = ast.parse(source)
    names, lists = _imported(tree), _lists(tree)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        called = _dotted(call.func, names)
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        method = called.rpartition(".")[2]
        if called in _UNPICKLE or called.startswith(("pickle.", "_pickle.")):
            yield f"{called} is called"
        if "allow_pickle" in keywords or "trust_remote_code" in keywords:
            yield "it is allowed to run code"
        if ("ckpt_path" in keywords or called == "torch.load") and not _is(keywords.get("weights_only"), True):
            yield "a checkpoint is unpickled"
        if called in _COMMANDS and not _is_list(call.args[0], lists):
            yield f"{called} gets no list"
        if called.startswith(_SERVERS) or (method in _LISTENS and isinstance(call.func, ast.Attribute)):
            yield f"{called or method} opens a port"


def _imported(tree: ast.AST) -> dict[str, str]:
    """What names stand for: `np` for numpy, `load` for joblib.load."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, names)}.{node.attr}"
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else ""


def _lists(tree: ast.AST) -> set[str]:
    """Names that are given lists alone."""
    given: dict[str, list[bool]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    given.setdefault(target.id, []).append(isinstance(node.value, ast.List))
    return {name for name, values in given.items() if all(values)}


def _is_list(node: ast.expr, lists: set[str]) -> bool:
    return isinstance(node, ast.List) or (isinstance(node, ast.Name) and node.id in lists)


def _is(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value
