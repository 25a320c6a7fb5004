"""What the plugin registers, and what that costs."""

from __future__ import annotations

import subprocess
import sys

import pytest
from kshot.registry import load_registry

BRINGS = {
    "encoders": ("autocorrelation", "tcn"),
    "sources": ("processes", "series_table"),
    "readers": ("series",),
}


def test_it_is_installed_and_usable() -> None:
    [report] = [one for one in load_registry().plugins if one.distribution == "kshot-series"]
    assert report.error is None
    assert dict(report.specs) == BRINGS


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in BRINGS.items() for name in names])
def test_every_factory_is_there(kind: str, name: str) -> None:
    entry = load_registry().find(kind, name, "series")
    assert entry.resolve().__doc__


def test_the_entry_point_is_light() -> None:
    code = (
        "import sys, kshot_series.plugin as p; p.kshot_encoders(); p.kshot_sources(); p.kshot_readers(); "
        "print(*sorted({'torch', 'numpy', 'matplotlib', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
