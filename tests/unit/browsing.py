"""A page in a real browser, where one is installed: what it does, asks for and complains of."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--enable-logging=stderr",
]

WATCH = """<script>
window.problems = [];
addEventListener("error", (event) => problems.push(String(event.message ?? event.target)), true);
addEventListener("unhandledrejection", (event) => problems.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => problems.push(`${event.violatedDirective} ${event.blockedURI}`));
for (const level of ["error", "warn"]) console[level] = (...told) => problems.push(told.join(" "));
</script>"""

PROBE = """<script>
const frame = document.querySelector("iframe");
frame.onload = () => {
  const view = frame.contentWindow, page = frame.contentDocument;
  const told = (key, value) => { found[key] = value; };
  const found = {};
  try { (%s)(page, told); } catch (error) { found.failed = String(error); }
  found.width = page.documentElement.scrollWidth;
  found.problems = view.problems;
  found.requests = view.performance.getEntriesByType("resource").map((one) => one.name.slice(0, 60))
    .filter((name) => !name.startsWith("data:"));
  const output = document.createElement("output");
  output.textContent = JSON.stringify(found);
  document.body.append(output);
};
</script>"""


def browser() -> str:
    """The browser's program; a test without one is skipped."""
    for program in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(program):
            return path
    pytest.skip("no chromium on this machine")


def browse(address: str, *options: str, cwd: Path) -> str:
    """Open a page; what the browser prints. A message of the page on its console is a failure."""
    command = [browser(), *QUIET, f"--user-data-dir={cwd / 'profile'}", *options, address]
    run = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=120)
    assert "CONSOLE" not in run.stderr, run.stderr
    return run.stdout


def probe(source: str, width: int, script: str, folder: Path) -> dict[str, Any]:
    """Show a page ``width`` pixels wide and ask it something.

    Args:
        source: the page.
        width: of the window that it sees.
        script: a JavaScript function of the page and of ``told(key, value)``.
        folder: for temporary files.

    Returns:
        what the script told; ``width`` of the document, ``problems`` and ``requests`` to the network.
    """
    watched = source.replace("<head>", f"<head>{WATCH}", 1)
    frame = f'<iframe srcdoc="{html.escape(watched)}" style="width:{width}px;height:900px;border:0"></iframe>'
    text = f"<!doctype html><body style='margin:0'>{frame}{PROBE % script}"
    (folder / "frame.html").write_text(text, encoding="utf-8")
    shown = browse((folder / "frame.html").as_uri(), "--dump-dom", cwd=folder)
    found = re.search(r"<output>(.*?)</output>", shown)
    assert found
    return json.loads(html.unescape(found[1]))
