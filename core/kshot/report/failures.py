"""What went wrong: each failed cell with its error."""

from __future__ import annotations

from kshot.report.figures import plural
from kshot.report.markup import Html, element, join, name
from kshot.results import Results

_OPEN = 4
"""More failures than this stay folded."""


def failures_section(results: Results) -> Html:
    """The errors of all failed cells; empty when there are none."""
    failed = [cell for cell in results.cells if cell.status == "failed"]
    if not failed:
        return Html()
    title = element("h2", f"{plural(len(failed), 'cell')} failed", id="failed-title")
    errors = [
        join(element("dt", name(cell.id)), element("dd", element("pre", cell.error or "no reason given")))
        for cell in failed
    ]
    body = element("dl", *errors)
    if len(failed) > _OPEN:
        body = element("details", element("summary", "Errors"), body)
    return element("div", title, body, class_="alarm")
