"""Tests have caches of their own, in this process and in those that they start."""

from __future__ import annotations

from pathlib import Path

import pytest
from kshot.files import cache_dir

from tests.conftest import Site

TOLD = """
import datasets
from kshot.files import cache_dir

print(cache_dir())
print(datasets.config.HF_DATASETS_CACHE)
"""


def test_processes_of_tests_use_no_cache_of_the_user(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pytest.importorskip("datasets", reason="tables need kshot[tables]")
    done = site.run("-c", TOLD)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        assert Path(line).is_relative_to(tmp_path_factory.getbasetemp().parent)


@pytest.mark.parametrize("variable", ["KSHOT_CACHE", "XDG_CACHE_HOME"])
def test_an_empty_variable_is_as_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str) -> None:
    for name in ("KSHOT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(variable, "")
    assert cache_dir("embeddings") == tmp_path / ".cache" / "kshot" / "embeddings"
