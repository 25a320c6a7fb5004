"""Published figures beside those of this run, with what differs said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from kshot.report.figures import NONE, count, plural
from kshot.report.literature import Published, published
from kshot.report.markup import Html, element, join, name, scrolling
from kshot.report.rows import Scored, scored_rows
from kshot.results import Results
from kshot.results.text import score as score_text
from kshot.shapes import Shape

_TITLES = ("method", "published", "this run", "protocol and source of the published figure")


def published_section(results: Results) -> Html:
    """A table for each source and shape of which a figure is known; empty without any."""
    groups: dict[tuple[str, Shape], list[Scored]] = {}
    for row in scored_rows(results):
        shape = row.scores[0].shape
        if isinstance(shape.way, int) and isinstance(shape.shot, int) and isinstance(shape.queries, int):
            groups.setdefault((row.source, shape), []).append(row)
    parts = [part for rows in groups.values() if (part := _group(results, rows))]
    if not parts:
        return Html()
    heading = element("h2", "Published figures beside these", id="published-title")
    lead = element(
        "p",
        "Accuracy in per cent. Budgets, encoders, splits and test episodes differ between publications and "
        "from this run: these figures tell what is usual, not who is better.",
        class_="lead",
    )
    return join(heading, lead, *parts)


def _group(results: Results, rows: Sequence[Scored]) -> Html:
    first = rows[0].scores[0]
    known = [
        entry
        for entry in published()
        if (entry.source, entry.way, entry.shot)
        == (results.use("sources", rows[0].source), first.way, first.shot)
    ]
    if not known:
        return Html()
    head = element("thead", element("tr", *(element("th", title, scope="col") for title in _TITLES)))
    lines = [_line(entry, _ours(results, rows, entry)) for entry in known]
    bounds = [
        f"{word} {group}" for word, group in (("within", first.within), ("apart", first.apart)) if group
    ]
    shape = " ".join([f"{first.way}-way {first.shot}-shot", *bounds])
    caption = element("caption", name(rows[0].source), element("span", shape, class_="tag"))
    table = element("table", caption, head, element("tbody", *lines), class_="plain published")
    ours = element("p", element("b", "This run: "), _protocol(results, rows), class_="remark")
    return join(scrolling(table, f"Published figures, {rows[0].source}, {shape}"), ours)


def _ours(results: Results, rows: Iterable[Scored], entry: Published) -> Scored | None:
    """The learner's best row; with an encoder from scratch where the published one was, if there is any."""
    own = [row for row in rows if results.use("learners", row.learner) == entry.learner]
    alike = [row for row in own if any(cell.pretrained for cell in row.cells) == entry.pretrained]
    return max(alike or own, key=lambda row: row.accuracy, default=None)


def _line(entry: Published, ours: Scored | None) -> Html:
    half = "" if entry.ci95 is None else f" ± {entry.ci95:g}"
    split = f"; split {entry.split}" if entry.split else ""
    return element(
        "tr",
        element("th", name(entry.named), _encoder(entry.encoder, entry.pretrained), scope="row"),
        element("td", f"{entry.accuracy:g}{half}"),
        _field(ours),
        element("td", f"{entry.protocol}{split}. {entry.citation}.", class_="options"),
    )


def _field(ours: Scored | None) -> Html:
    if ours is None:
        return element("td", NONE)
    figure = element("b", score_text(ours.accuracy, ours.ci95))
    return element("td", figure, _encoder(ours.title, any(cell.pretrained for cell in ours.cells)))


def _encoder(title: str, pretrained: bool) -> Html:
    mark = [element("span", "pretrained", class_="tag")] if pretrained else []
    return element("span", name(title), *mark, class_="encoder")


def _protocol(results: Results, rows: Sequence[Scored]) -> str:
    """What this run did, in the words in which the published protocols are told."""
    score = rows[0].scores[0]
    sources = cast("dict[str, Any]", results.configuration.get("sources", {}))
    split = cast("dict[str, Any]", sources.get(rows[0].source, {})).get("split")
    trained = sorted({cell.train.episodes or 0 for row in rows for cell in row.cells})
    seeds = len({cell.seed for row in rows for cell in row.cells})
    told = [
        _split(split),
        f"{count(score.episodes)} test episodes with {score.queries} queries a class",
        f"{' or '.join(map(count, trained))} training episodes",
        plural(seeds, "training seed"),
    ]
    return "; ".join(told) + "."


def _split(split: Any) -> str:
    if split is None:
        return "the source's default split"
    return f"split {split}" if isinstance(split, str) else "a split of its own"
