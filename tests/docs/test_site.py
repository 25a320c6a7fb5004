"""The site builds without a warning, shows all of it, and asks nothing of the network."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT
from tests.unit.browsing import QUIET, browser

NEEDED = ("mkdocs", "material", "mkdocstrings", "mkdocstrings_handlers.python")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    for module in NEEDED:
        if importlib.util.find_spec(module.partition(".")[0]) is None:
            pytest.skip(f"{module} is not installed: pip install 'kshot[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment, timeout=600
    )
    assert done.returncode == 0, done.stderr[-6000:]
    return folder


class Asked(HTMLParser):
    """What a page loads, and what stands on it."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.pictures: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ("script", "img", "source", "iframe", "audio", "video"):
            self.loads.append(given.get("src", ""))
        if tag == "link" and given.get("rel") != "canonical":
            self.loads.append(given.get("href", ""))
        if tag == "img":
            self.pictures.append((given.get("src", ""), given.get("alt", "")))


def pages(site: Path) -> dict[Path, Asked]:
    """Every page, read."""
    found: dict[Path, Asked] = {}
    for path in site.rglob("*.html"):
        found[path] = Asked()
        found[path].feed(path.read_text())
    return found


def test_it_builds_and_has_every_page(site: Path) -> None:
    written = {
        path.relative_to(DOCS).as_posix()
        for path in DOCS.rglob("*.md")
        if "/." not in path.relative_to(ROOT).as_posix()
    }
    for page in written:
        shown = re.sub(r"(^|/)README$", r"\1index", page.removesuffix(".md"))
        assert (site / f"{shown}.html").exists(), page
    for beyond in ("reference/images", "about/changes", "notebooks/images"):
        assert (site / f"{beyond}.html").exists()


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for path, page in pages(site).items():
        far = [one for one in page.loads if one.startswith(("http:", "https:", "//"))]
        assert not far, f"{path.relative_to(site)} loads {far}"
    for path in site.rglob("*.css"):
        far = re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^\"')]+", path.read_text())
        assert not far, f"{path.name}: {far}"


def test_every_picture_has_a_description(site: Path) -> None:
    for path, page in pages(site).items():
        for source, words in page.pictures:
            assert words.strip() or "logo" in source, f"{path.relative_to(site)}: {source}"


def test_the_site_holds_no_code_of_its_making(site: Path) -> None:
    """Nor what is large: the checkpoints of results stay in the repository."""
    assert not list(site.rglob("*.py"))
    assert not list(site.rglob("*.safetensors.gz"))


def test_reference_pages_are_made_of_docstrings_and_commands(site: Path) -> None:
    commands = (site / "reference" / "commands.html").read_text()
    assert "kshot sources export" in commands
    assert "--negatives" in commands
    keys = (site / "reference" / "keys.html").read_text()
    assert "checkpoint_seconds" in keys
    learners = (site / "reference" / "learners.html").read_text()
    assert "inner_rate" in learners
    for page in site.glob("reference/*.html"):
        assert not re.search(r":(?:class|func|meth|mod):", page.read_text()), f"{page.name} shows a role"


def test_a_browser_asks_the_network_for_nothing(site: Path, tmp_path: Path) -> None:
    asking = tmp_path / "asking.html"
    asking.write_text('<img src="http://127.0.0.1:9/picture.png">')
    assert asked_by(asking, tmp_path) == ["http://127.0.0.1:9/picture.png"], "this test would find nothing"
    assert asked_by(site / "start.html", tmp_path) == []
    assert asked_by(site / "concepts" / "learners.html", tmp_path) == []


def asked_by(page: Path, folder: Path) -> list[str]:
    """What a page asks the network for; what the browser asks for itself has no origin."""
    log = folder / "net.json"
    options = [f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", "--virtual-time-budget=4000"]
    command = [browser(), *QUIET, *options, "--dump-dom", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    told = [event.get("params", {}) for event in json.loads(log.read_text())["events"]]
    far = [one for one in told if str(one.get("url", "")).startswith("http") and "initiator" in one]
    return [one["url"] for one in far if one["initiator"] != "not an origin"]
