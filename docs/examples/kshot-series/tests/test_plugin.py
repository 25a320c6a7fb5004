"""What the plugin registers, what that costs, and that it keeps kshot's contracts."""

from __future__ import annotations

import subprocess
import sys

from kshot.registry import load_registry
from kshot.testing import PluginConformance

BRINGS = {
    "encoders": ("autocorrelation", "tcn"),
    "sources": ("processes", "series_table"),
    "readers": ("series",),
}


def test_it_is_installed_and_usable() -> None:
    [report] = [one for one in load_registry().plugins if one.distribution == "kshot-series"]
    assert report.error is None
    assert dict(report.specs) == BRINGS


class TestPlugin(PluginConformance):
    """The contracts of all that it brings, by kshot's own suite."""

    plugin = "kshot-series"


def test_the_entry_point_is_light() -> None:
    code = (
        "import sys, kshot_series.plugin as p; p.kshot_encoders(); p.kshot_sources(); p.kshot_readers(); "
        "print(*sorted({'torch', 'numpy', 'matplotlib', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
