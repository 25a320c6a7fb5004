"""Inside the learners: inner losses, gates, attention, over training and over inner steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kshot.report.figures import plural
from kshot.report.frame import Frame, linear, spread
from kshot.report.markup import Html, element, join, name
from kshot.report.material import Material
from kshot.report.palette import colour
from kshot.report.plot import Point, curve
from kshot.results import Cell, Inside, Moment

_HEIGHT = 150.0

_OPEN = 6
"""With more cells than this each stays folded."""

_LINES = 10
"""In one drawing, as many as there are colours; of more (a deep network's weights) some evenly spread."""

_FEW = 2
"""Up to so many figures of one kind show their first and their last inner step over training; of more the
mean over the steps."""


@dataclass
class _Kind:
    """Figures of one kind, which share axes: each with its points."""

    over_training: dict[str, list[Point]] = field(default_factory=dict[str, list[Point]])
    over_steps: dict[str, list[Point]] = field(default_factory=dict[str, list[Point]])


def inside_section(material: Material) -> Html:
    """The drawings of one seed of every learner, encoder and source; empty where nobody looked."""
    trouble = material.troubles.get("inside", "")
    cells: dict[tuple[str, str, str], Cell] = {}
    for cell in material.results.cells:
        if cell.id in material.inside and material.inside[cell.id].moments:
            cells.setdefault((cell.learner, cell.encoder, cell.source), cell)
    if not cells and not trouble:
        return Html()
    heading = element("h2", "Inside the learners", id="inside-title")
    lead = element(
        "p",
        "What learners told of themselves while an observer looked, now and then: in training batches "
        "(over training), and in the first test episodes (over inner steps, where step 0 is before any "
        "adaptation). Means over the episodes looked into. Losses are in nats; gates and attention are from "
        "0 to 1, the entropy of attention is a share of that of even attention.",
        class_="lead",
    )
    notes = [element("p", f"Some cannot be shown: {trouble}", class_="trouble")] if trouble else []
    groups = [_group(cell, material.inside[cell.id], len(cells) <= _OPEN) for cell in cells.values()]
    return join(heading, lead, *notes, *groups)


def _group(cell: Cell, inside: Inside, is_open: bool) -> Html:
    tag = element("span", name(f"{cell.encoder} · {cell.source} · seed {cell.seed}"), class_="tag")
    training = sorted((one for one in inside.moments if one.stage == "train"), key=lambda one: one.episodes)
    tests = [one for one in inside.moments if one.stage == "evaluate"]
    kinds = _kinds(training, tests)
    cards = [card for kind, own in kinds.items() for card in _cards(kind, own)]
    remark = [element("p", _told(training, tests), class_="remark")]
    body = [*remark, element("div", *cards, class_="charts"), *_at_the_end(tests)]
    return element("details", element("summary", name(cell.learner), tag), *body, open=is_open)


def _told(training: Sequence[Moment], tests: Sequence[Moment]) -> str:
    looks = [f"{plural(len(training), 'look')} at training"] if training else []
    looks += [f"{plural(one.seen, 'test episode')} of {one.shape}" for one in tests]
    return f"{', '.join(looks)}."


def _kinds(training: Sequence[Moment], tests: Sequence[Moment]) -> Mapping[str, _Kind]:
    kinds: dict[str, _Kind] = {}
    stepwise = [_split(key)[0] for one in training[:1] for key in one.steps]
    for moment in training:
        for key, value in moment.values.items():
            kind, figure = _split(key)
            _add(kinds.setdefault(kind, _Kind()).over_training, figure, moment.episodes, value)
        for key, steps in moment.steps.items():
            kind, figure = _split(key)
            few = stepwise.count(kind) <= _FEW and len(steps) > 1
            for label, value in _first_and_last(figure, steps) if few else [(figure, _mean(steps))]:
                _add(kinds.setdefault(kind, _Kind()).over_training, label, moment.episodes, value)
    for moment in tests[:1]:
        for key, steps in moment.steps.items():
            kind, figure = _split(key)
            for step, value in enumerate(steps):
                _add(kinds.setdefault(kind, _Kind()).over_steps, figure, step, value)
    return kinds


def _split(key: str) -> tuple[str, str]:
    """A figure's kind, and what it is called among its kind."""
    kind, _, figure = key.partition("/")
    return kind, figure or kind


def _first_and_last(figure: str, steps: Sequence[float | None]) -> list[tuple[str, float | None]]:
    return [(f"{figure}, step 0", steps[0]), (f"{figure}, step {len(steps) - 1}", steps[-1])]


def _mean(steps: Sequence[float | None]) -> float | None:
    known = [value for value in steps if value is not None]
    return sum(known) / len(known) if known else None


def _add(lines: dict[str, list[Point]], label: str, x: float, value: float | None) -> None:
    if value is not None:
        lines.setdefault(label, []).append(Point(x, value))


def _cards(kind: str, own: _Kind) -> list[Html]:
    """A drawing over training and one over inner steps, where a line has two points at least."""
    cards: list[Html] = []
    for lines, over, text in (
        (own.over_training, "training episodes", "{:,.0f}".format),
        (own.over_steps, "inner steps", "{:.0f}".format),
    ):
        long = {label: points for label, points in lines.items() if len(points) > 1}
        if long:
            some = _spread_out(list(long))
            left = f", {len(some)} of {len(long)}" if len(some) < len(long) else ""
            cards.append(_card(kind, {label: long[label] for label in some}, f"over {over}{left}", text))
    return cards


def _card(kind: str, lines: Mapping[str, Sequence[Point]], over: str, text: Callable[[float], str]) -> Html:
    title = kind.replace("_", " ")
    points = [point for own in lines.values() for point in own]
    x = linear(min(p.x for p in points), max(p.x for p in points), text)
    y = linear(*spread([p.y for p in points]), "{:.3g}".format, most=5)
    frame = Frame(x, y, _HEIGHT)
    drawn = [
        element("g", *curve(frame, own, title=label), class_=colour(number))
        for number, (label, own) in enumerate(lines.items())
    ]
    legend = [
        element("span", element("i", class_="swatch"), name(label), class_=colour(number))
        for number, label in enumerate(lines)
    ]
    return element(
        "figure",
        element("figcaption", element("span", name(title), class_="learner"), over),
        frame.drawn(*drawn, label=f"{title} {over}", kind="lines"),
        element("p", *legend, class_="legend"),
        class_="card",
    )


def _spread_out(labels: Sequence[str]) -> list[str]:
    """At most as many as one drawing holds, the first and the last among them."""
    if len(labels) <= _LINES:
        return list(labels)
    return [labels[round(place * (len(labels) - 1) / (_LINES - 1))] for place in range(_LINES)]


def _at_the_end(tests: Sequence[Moment]) -> list[Html]:
    """Figures of test episodes that are of no inner step, in words."""
    return [
        element("p", f"Test episodes of {one.shape}: {_figures(one.values)}.", class_="remark")
        for one in tests
        if one.values
    ]


def _figures(values: Mapping[str, float | None]) -> str:
    return ", ".join(
        f"{key.replace('/', ' ')} {value:.3g}" for key, value in values.items() if value is not None
    )
