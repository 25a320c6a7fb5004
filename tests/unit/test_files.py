"""Files that are written whole: what stays of an older one, and what is said where there is no place for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from kshot.errors import StorageError
from kshot.files import cache_dir, write_atomic


def test_an_older_file_keeps_who_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "m.kshot"
    write_atomic(path, "old")
    path.chmod(0o600)
    write_atomic(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_stays_one_and_what_it_names_is_written(tmp_path: Path) -> None:
    path, link = tmp_path / "models" / "m.kshot", tmp_path / "m.kshot"
    link.symlink_to(path)
    for content in ("old", "new"):  # not there yet, and there
        write_atomic(link, content)
        assert link.readlink() == path
        assert path.read_text() == content
        assert [one.name for one in path.parent.iterdir()] == ["m.kshot"]


def test_links_that_go_in_a_circle_give_way(tmp_path: Path) -> None:
    path = tmp_path / "m.kshot"
    path.symlink_to(path)
    write_atomic(path, "new")
    assert path.read_text() == "new"


def test_where_the_cache_cannot_be_written_the_mend_names_what_chooses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").touch()
    monkeypatch.delenv("KSHOT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / ".cache"))
    with pytest.raises(StorageError, match="choose a folder as KSHOT_CACHE that can be written"):
        write_atomic(cache_dir("embeddings", "one"), "new")
    with pytest.raises(StorageError, match="choose a folder that can be written"):
        write_atomic(tmp_path / "home" / "results.json", "new")


def test_a_user_without_a_home_is_told_what_chooses_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("KSHOT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(StorageError, match="no home folder for a cache; choose a folder as KSHOT_CACHE"):
        cache_dir()
