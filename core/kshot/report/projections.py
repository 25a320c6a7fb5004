"""Embedding projections: where each encoder puts test examples of a few classes."""

from __future__ import annotations

from collections.abc import Sequence

from kshot.report.figures import plural
from kshot.report.markup import Html, element, join, name
from kshot.report.material import Material
from kshot.report.palette import colour
from kshot.results import Cell, Projection
from kshot.results.text import percent

_WIDTH, _HEIGHT, _MARGIN = 100.0, 76.0, 3.0


def projections_section(material: Material) -> Html:
    """For each source and encoder that of its best cell; empty where none was kept."""
    best = _best(material)
    trouble = material.troubles.get("projections", "")
    if not best and not trouble:
        return Html()
    heading = element("h2", "Embedding projections", id="projections-title")
    lead = element(
        "p",
        "Test examples of a few classes, which training never saw, as the encoder of each source's best "
        "cell embeds them: the two directions along which these embeddings vary most (principal "
        "components). What a learner adapts within an episode is as it was before.",
        class_="lead",
    )
    notes = [element("p", f"Some cannot be shown: {trouble}", class_="trouble")] if trouble else []
    groups: dict[tuple[str, tuple[str, ...]], list[Cell]] = {}
    for cell in best:
        groups.setdefault((cell.source, tuple(material.projections[cell.id].classes)), []).append(cell)
    parts = [_group(source, classes, cells, material) for (source, classes), cells in groups.items()]
    return join(heading, lead, *notes, *parts)


def _group(source: str, classes: Sequence[str], cells: Sequence[Cell], material: Material) -> Html:
    """The drawings of the same examples by several encoders, with one legend."""
    legend = [
        element("span", element("i", class_="swatch dot"), name(text), class_=colour(number))
        for number, text in enumerate(classes)
    ]
    cards = [_card(cell, material.projections[cell.id]) for cell in cells]
    return join(
        element("h3", name(source)),
        element("p", *legend, class_="legend small"),
        element("div", *cards, class_="charts"),
    )


def _best(material: Material) -> list[Cell]:
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in material.results.cells:
        if cell.id in material.projections:
            groups.setdefault((cell.source, cell.encoder), []).append(cell)
    return [max(cells, key=_accuracy) for cells in groups.values()]


def _accuracy(cell: Cell) -> float:
    return max((score.accuracy for score in cell.scores), default=0.0)


def _card(cell: Cell, projection: Projection) -> Html:
    title = element(
        "figcaption",
        element("span", name(cell.encoder), class_="learner"),
        element("span", name(f"{cell.learner}, seed {cell.seed}"), class_="encoder"),
    )
    first, second = projection.explained
    note = (
        f"{plural(len(projection.points), 'example')}; variance explained: {percent(first)} % across, "
        f"{percent(second)} % upwards"
    )
    return element(
        "figure",
        title,
        _scatter(projection, f"Embeddings of {cell.source} by {cell.encoder}"),
        element("p", note, class_="remark"),
        class_="card",
    )


def _scatter(projection: Projection, label: str) -> Html:
    places = _placed(projection.points)
    groups = [
        element(
            "g",
            element("title", text),
            *(
                element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="1.4")
                for (x, y), own in zip(places, projection.labels, strict=True)
                if own == number
            ),
            class_=colour(number),
        )
        for number, text in enumerate(projection.classes)
    ]
    return element(
        "svg",
        *groups,
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        role="img",
        aria_label=label,
        class_="chart embedding",
    )


def _placed(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Both directions at one scale, so that distances can be compared, in the middle of the drawing."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    if not points:
        return []
    wide, high = max(xs) - min(xs), max(ys) - min(ys)
    scales = [(room - 2 * _MARGIN) / size for room, size in ((_WIDTH, wide), (_HEIGHT, high)) if size > 0]
    scale = min(scales, default=1.0)
    middle = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    return [(_WIDTH / 2 + scale * (x - middle[0]), _HEIGHT / 2 - scale * (y - middle[1])) for x, y in points]
