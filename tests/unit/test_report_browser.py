"""The report in a real browser, at the width of a desktop and of a phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from kshot.results import Results

from .browsing import probe
from .made_up import made_up_results, made_up_samples, many_results, written

SORT = """(page, told) => {
  const table = page.querySelector("table.scores");
  const order = () => [...table.tBodies[0].rows].map((row) => row.cells[1].dataset.sort ?? "");
  const button = table.tHead.querySelectorAll("button")[1];
  button.click();
  told("down", order());
  button.click();
  told("up", order());
}"""

FILTER = """(page, told) => {
  const bar = page.querySelector(".filter");
  const rows = () => [...page.querySelectorAll("table.scores tbody tr")].filter((row) => row.getClientRects().length);
  const names = () => rows().map((row) => `${row.dataset.modality}/${row.dataset.learner}/${row.dataset.encoder}`);
  const set = (what, value) => {
    const field = bar.querySelector(`[data-filter=${what}]`);
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
  told("shown", bar.getClientRects().length > 0);
  told("all", names());
  set("text", "MAML conv");
  told("text", names());
  told("count", bar.querySelector("output").textContent);
  set("text", "");
  set("modality", "audio");
  told("modality", names());
  set("learner", "prototypical");
  told("both", names());
  const cells = [...page.querySelectorAll("#cells tbody tr")].filter((row) => !row.hidden);
  told("cells", cells.map((row) => row.dataset.learner));
  set("text", "nothing like this");
  told("none", names());
  told("empty", [...page.querySelectorAll(".tables .scroll")].filter((one) => one.getClientRects().length).length);
  set("text", ""); set("modality", ""); set("learner", "");
  told("again", names());
}"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("make", [made_up_results, many_results])
def test_a_browser_shows_and_sorts_it(tmp_path: Path, width: int, make: Callable[[], Results]) -> None:
    found = probe(written(tmp_path, make(), made_up_samples()), width, SORT, tmp_path)
    assert found["width"] <= width
    assert found["problems"] == found["requests"] == []
    assert found["down"] == sorted(found["down"], key=float, reverse=True)
    assert found["up"] == sorted(found["up"], key=float)


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_filters_rows(tmp_path: Path, width: int) -> None:
    found = probe(written(tmp_path, made_up_results()), width, FILTER, tmp_path)
    assert found["problems"] == []
    assert found["shown"]
    assert len(found["all"]) == 9
    assert found["text"] == ["image/maml/conv4"]
    assert found["count"] == "1 of 9 rows"
    assert [name.split("/")[0] for name in found["modality"]] == ["audio"] * 3
    assert found["both"] == ["audio/prototypical/dvector"]
    assert found["cells"] == ["prototypical"]
    assert found["none"] == []
    assert found["empty"] == 0
    assert found["again"] == found["all"]


@pytest.mark.slow
def test_the_first_column_stays_where_a_table_is_scrolled(tmp_path: Path) -> None:
    script = """(page, told) => {
      const box = page.querySelector("#heatmap .scroll"), first = box.querySelector("tbody th");
      const before = first.getBoundingClientRect().left;
      box.scrollLeft = 200;
      told("scrolled", box.scrollLeft);
      told("moved", first.getBoundingClientRect().left - before);
    }"""
    found = probe(written(tmp_path, made_up_results()), 390, script, tmp_path)
    assert found["scrolled"] > 50
    assert abs(found["moved"]) < 10
