"""Whom clipit speaks to, and that nobody can speak to it."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import yaml

PROJECT = Path(__file__).parents[2]
CONFIGS = sorted((PROJECT / "config").glob("*.yaml"))
LISTENING = """
import socket
def refuse(self, *arguments):
    raise AssertionError("a socket listens")
socket.socket.listen = refuse
import sys
from clipit.cli import app
sys.argv = ["clipit", "doctor", "--json"]
app()
"""


def addresses() -> set[str]:
    """Every address that a shipped configuration fetches from."""
    sections = (yaml.safe_load(file.read_text()).get("downloads") or {} for file in CONFIGS)
    return {entry["url"] for section in sections for entry in section.values() if entry["kind"] == "http"}


def test_the_catalog_names_https_alone() -> None:
    assert len(addresses()) > 10
    assert {urlsplit(address).scheme for address in addresses()} == {"https"}


def test_the_page_names_every_host() -> None:
    page = (PROJECT / "docs" / "security.md").read_text()
    for host in {urlsplit(address).hostname for address in addresses()} | {"huggingface.co"}:
        assert f"`{host}`" in page


def test_the_doctor_opens_no_port() -> None:
    done = subprocess.run([sys.executable, "-c", LISTENING], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert "findings" in done.stdout
