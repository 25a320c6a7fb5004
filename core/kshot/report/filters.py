"""The filter above the score tables: a search and a choice of modality, learner and encoder.

The bar is hidden until the page's script shows it, so that without the script nothing is there that
does not work.
"""

from __future__ import annotations

from collections.abc import Iterable

from kshot.report.markup import Html, element
from kshot.results import Results
from kshot.results.text import printable

_FEW = 2
"""With fewer rows than this there is nothing to choose."""


def filter_bar(results: Results) -> Html:
    """The bar; it acts on the rows of all tables that say which learner and encoder they are of."""
    cells = results.cells
    if len({(cell.learner, cell.encoder, cell.modality) for cell in cells}) < _FEW:
        return Html()
    search = element(
        "input", type="search", placeholder="Search", aria_label="Search rows", data_filter="text"
    )
    selects = [
        _select("modality", "All modalities", (cell.modality for cell in cells)),
        _select("learner", "All learners", (cell.learner for cell in cells)),
        _select("encoder", "All encoders", (cell.encoder for cell in cells)),
    ]
    shown = element("output", class_="shown")
    return element("div", search, *selects, shown, class_="filter", role="search", hidden=True)


def row_data(modality: str, learner: str, encoder: str) -> dict[str, str]:
    """What a row must say of itself to be filtered, as attributes."""
    return {
        "data_modality": printable(modality),
        "data_learner": printable(learner),
        "data_encoder": printable(encoder),
    }


def _select(what: str, everything: str, values: Iterable[str]) -> Html:
    options = [element("option", everything, value="")]
    options += [
        element("option", value, value=value) for value in dict.fromkeys(printable(value) for value in values)
    ]
    return element("select", *options, data_filter=what, aria_label=f"Show one {what}")
