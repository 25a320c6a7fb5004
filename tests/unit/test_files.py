"""Files that are written whole: what stays of an older one."""

from __future__ import annotations

from pathlib import Path

from kshot.files import write_atomic


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
