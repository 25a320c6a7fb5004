"""A real browser, driven by WebDriver (W3C), where chromium and its driver are installed."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import pytest

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_OPTIONS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *(
        "--disable-background-networking",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
    ),
]


@final
class Page:
    """One window.

    Args:
        call: asks the driver: method, path and body → value.
    """

    def __init__(self, call: Callable[[str, str, Any], Any]) -> None:
        self._call = call

    def open(self, address: str) -> None:
        """Go there."""
        self._call("POST", "/url", {"url": address})

    def find(self, selector: str, seconds: float = 20) -> Any:
        """The first element of that selector which is to be seen, as soon as there is one."""
        shown = f"[...document.querySelectorAll({json.dumps(selector)})].find((one) => one.checkVisibility())"
        return self.until(f"return {shown}", seconds)

    def until(self, script: str, seconds: float = 20) -> Any:
        """The script's value as soon as it is something."""
        end = time.monotonic() + seconds
        while not (value := self.run(script)):
            assert time.monotonic() < end, f"never came to be: {script}; the page says: {self.text()}"
            time.sleep(0.1)
        return value

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self) -> str:
        """All that is to be read."""
        return self.run("return document.body.innerText")

    def click(self, selector: str) -> None:
        """A click in the middle of it, if nothing lies above it there."""
        self._call("POST", f"/element/{self.find(selector)[_ELEMENT]}/click", {})

    def type(self, selector: str, text: str) -> None:
        """Type into it; into a chooser of files, their paths."""
        found = self.until(f"return document.querySelector({json.dumps(selector)})")
        self._call("POST", f"/element/{found[_ELEMENT]}/value", {"text": text})

    def keys(self, *keys: str) -> None:
        """Press keys, whatever has the focus."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def complaints(self) -> list[str]:
        """What the browser's console holds."""
        found = self._call("POST", "/se/log", {"type": "browser"})
        return [one["message"] for one in found]

    def devtools(self, command: str, **parameters: Any) -> Any:
        """A command of the DevTools protocol."""
        return self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def look(self, path: Path, width: int, *, dark: bool = False, phone: bool = False) -> None:
        """A picture of the whole page at some width."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", features=[scheme])
        size = {"width": width, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        self.devtools("Emulation.setDeviceMetricsOverride", height=800, **size)
        tall = self.run("return document.documentElement.scrollHeight")
        self.devtools("Emulation.setDeviceMetricsOverride", height=tall, **size)
        path.write_bytes(base64.b64decode(self._call("GET", "/screenshot", None)))


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A browser with a profile of its own; a test without one is skipped."""
    driver = shutil.which("chromedriver")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if driver is None or program is None:
        pytest.skip("no chromium with its driver on this machine")
    with subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, text=True) as process:
        try:
            root = f"http://127.0.0.1:{_port(process)}"
            options = {"binary": program, "args": [*_OPTIONS, f"--user-data-dir={folder / 'profile'}"]}
            asked = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            started = _call(root, "POST", "/session", {"capabilities": {"alwaysMatch": asked}})
            session = f"{root}/session/{started['sessionId']}"
            try:
                yield Page(lambda method, path, body: _call(session, method, path, body))
            finally:
                _call(session, "DELETE", "", None)
        finally:
            process.terminate()


def _port(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"started successfully on port (\d+)", line):
            return found[1]
    raise AssertionError("chromedriver did not start")


def _call(root: str, method: str, path: str, body: Any) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(root + path, data, {"content-type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise AssertionError(json.load(error)["value"]["message"]) from None
