"""Accuracy against shot: what more labelled examples of a class are worth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kshot.report.frame import Frame, linear, spread, stepped
from kshot.report.markup import Html, element, join, name
from kshot.report.palette import Palette
from kshot.report.plot import Point, curve
from kshot.report.rows import Scored, scored_rows
from kshot.results import Results
from kshot.results.text import percent

_HEIGHT = 210.0


class _Task(NamedTuple):
    """What the episodes of one drawing have in common."""

    source: str
    way: int
    queries: int
    within: str | None
    apart: str | None

    @property
    def title(self) -> str:
        """Without the source."""
        groups = [
            f"{word} {value}" for word, value in (("within", self.within), ("apart", self.apart)) if value
        ]
        return " ".join([f"{self.way}-way", *groups])


def shots_section(results: Results) -> Html:
    """A drawing for each source that was scored with two shots of the same way; empty without any."""
    tasks = [(task, rows) for task, rows in _tasks(scored_rows(results)).items() if len(_shots(rows)) > 1]
    if not tasks:
        return Html()
    palette = Palette(results)
    heading = element("h2", "Accuracy against shot", id="shots-title")
    lead = element(
        "p",
        "Accuracy in per cent with its 95\u00a0% band over test episodes; shots on a logarithmic axis. "
        "A colour is a learner, a dash an encoder.",
        class_="lead",
    )
    cards = [_card(task, rows, palette) for task, rows in tasks]
    return join(heading, lead, palette.learners(), element("div", *cards, class_="charts"))


def _tasks(rows: Iterable[Scored]) -> dict[_Task, list[Scored]]:
    tasks: dict[_Task, list[Scored]] = {}
    for row in rows:
        score = row.scores[0]
        if not score.fixed:
            task = _Task(row.source, score.way, score.queries, score.within, score.apart)
            tasks.setdefault(task, []).append(row)
    return tasks


def _shots(rows: Iterable[Scored]) -> list[int]:
    return sorted({row.scores[0].shot for row in rows})


def _card(task: _Task, rows: Sequence[Scored], palette: Palette) -> Html:
    edges = [row.accuracy + side * (row.ci95 or 0) for row in rows for side in (-1, 1)]
    low, high = spread(edges)
    y = linear(max(0.0, low), min(1.0, high), lambda share: f"{100 * share:.3g}", most=6)
    shots = _shots(rows)
    frame = Frame(stepped(shots, lambda shot: f"{shot:g}", title="shot"), y, _HEIGHT)
    lines = [_line(frame, own, palette) for own in _by_pair(rows)]
    label = f"Accuracy on {task.source}, {task.title}, against {len(shots)} shots"
    encoders = dict.fromkeys(row.encoder for row in rows)
    title = element("figcaption", element("span", name(task.source), class_="learner"), task.title)
    drawn = frame.drawn(*lines, label=label, kind="lines")
    return element("figure", title, drawn, palette.lines(encoders), class_="card")


def _by_pair(rows: Iterable[Scored]) -> list[list[Scored]]:
    groups: dict[tuple[str, str], list[Scored]] = {}
    for row in rows:
        groups.setdefault((row.learner, row.encoder), []).append(row)
    return [sorted(group, key=lambda row: row.scores[0].shot) for group in groups.values()]


def _line(frame: Frame, rows: Sequence[Scored], palette: Palette) -> Html:
    points = [Point(row.scores[0].shot, row.accuracy, row.ci95) for row in rows]
    figures = ", ".join(f"{row.shape} {percent(row.accuracy)}" for row in rows)
    drawn = curve(frame, points, title=f"{rows[0].title}: {figures}")
    dash = palette.dash(rows[0].encoder)
    return element("g", *drawn, class_=palette.colour(rows[0].learner), stroke_dasharray=dash)
