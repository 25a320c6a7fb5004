"""How to cite kshot is said once, in three places that agree."""

from __future__ import annotations

import tomllib

import yaml

from tests.docs.pages import ROOT

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_citation_has_what_the_format_asks_for() -> None:
    assert CITATION["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "type"} <= set(CITATION)


def test_it_agrees_with_the_package_and_the_readme() -> None:
    assert CITATION["version"] == PROJECT["version"]
    assert CITATION["license"] == PROJECT["license"]
    assert [one["name"] for one in CITATION["authors"]] == [one["name"] for one in PROJECT["authors"]]
    readme = (ROOT / "README.md").read_text()
    assert f"version = {{{PROJECT['version']}}}" in readme
    assert CITATION["title"] in readme
