"""What the figures of a run depend on beside its configuration."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

import kshot
from kshot.registry import Registry

_LIBRARIES = ("torch", "numpy", "torchvision", "torchaudio", "transformers", "tokenizers", "datasets")


def versions(registry: Registry) -> dict[str, str]:
    """Versions of kshot, of every plugin's distribution and of the libraries that compute."""
    found = {plugin.distribution: plugin.version for plugin in registry.plugins if plugin.usable}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"kshot": kshot.__version__, **dict(sorted(found.items()))}


def environment(registry: Registry, device: torch.device) -> dict[str, Any]:
    """Versions, Python, machine, device, and the commit where kshot runs from a checkout."""
    described: dict[str, Any] = {
        "versions": versions(registry),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": device.type,
        "commit": _commit(),
    }
    if device.type == "cuda":
        described["device_name"] = torch.cuda.get_device_name(device)
    return described


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str | None:
    """The checkout's commit, marked where files differ from it; None for an installed wheel."""
    folder = Path(kshot.__file__).parent

    def git(*arguments: str) -> str:
        # Without its locks, which a run that is killed here would leave to the user.
        command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        if not git("ls-files", "__init__.py"):
            return None
        dirty = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("-dirty" if dirty else "")
    except (OSError, subprocess.SubprocessError):
        return None
