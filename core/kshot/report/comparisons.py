"""How rows compare: differences to the best of each column, and average ranks over tasks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kshot.report.figures import NONE, plural, points
from kshot.report.markup import Html, element, escape, join, name, scrolling
from kshot.report.whiskers import whisker
from kshot.results import Compared, Comparison, Pair, Ranking, Results
from kshot.results.text import p_value, percent

_OPEN = 12
"""With more lines than this the columns stay folded."""
_TITLES = ("learner · encoder", "accuracy", "difference to the best", "p, Holm-adjusted")


def comparisons_section(results: Results) -> Html:
    """The differences and ranks that were computed; empty where there are none."""
    compared = [one for one in results.comparisons if one.pairs]
    if not compared and not results.rankings:
        return Html()
    heading = element("h2", "Comparisons", id="comparisons-title")
    lead = element(
        "p",
        "Rows of a column, seeds averaged, on the very same episodes: the mean difference to the best in "
        "percentage points with its 95\u00a0% interval, and the p-value of a paired t-test with Holm's "
        "correction for the comparisons of the column. An interval is of its own difference alone; the "
        "corrected p tells what differs.",
        class_="lead",
    )
    is_open = sum(len(one.rows) for one in compared) <= _OPEN
    columns = [_column(one, is_open) for one in compared]
    return join(heading, *([lead] if columns else []), *columns, *map(_ranking, results.rankings))


def _column(comparison: Comparison, is_open: bool) -> Html:
    title = join(
        name(comparison.source),
        escape(f" {comparison.shape} "),
        element("span", f"queries per class: {comparison.queries}", class_="tag"),
    )
    order = sorted(range(len(comparison.rows)), key=lambda index: -comparison.rows[index].accuracy)
    best, *rows = (comparison.rows[index] for index in order if comparison.rows[index].difference is not None)
    axis = _axis(rows)
    head = element("thead", element("tr", *(element("th", title, scope="col") for title in _TITLES)))
    body = element("tbody", _best(best), *(_row(row, axis) for row in rows))
    table = element("table", head, body, class_="plain compared")
    scroll = scrolling(table, f"Differences to the best, {comparison.source} {comparison.shape}")
    every = _pairs(comparison) if len(rows) > 1 else Html()
    return element("details", element("summary", title), scroll, every, open=is_open)


def _axis(rows: Sequence[Compared]) -> tuple[float, float]:
    edges = [(row.difference or 0.0) + side * (row.ci95 or 0.0) for row in rows for side in (-1, 1)]
    return min([*edges, 0.0]), max([*edges, 0.0])


def _row(row: Compared, axis: tuple[float, float]) -> Html:
    gap = row.difference or 0.0
    half = "" if row.ci95 is None else f" ± {percent(row.ci95)}"
    drawn = whisker(gap, row.ci95, axis, f"{points(gap)}{half} percentage points")
    told = NONE if row.p_adjusted is None else p_value(row.p_adjusted)
    tags = [element("span", "not worse", class_="tag")] if row.not_worse else []
    return element(
        "tr",
        _title(row.learner, row.encoder),
        element("td", percent(row.accuracy)),
        element("td", element("div", element("span", f"{points(gap)}{half}"), drawn, class_="drawn")),
        element("td", told, *tags),
    )


def _best(row: Compared) -> Html:
    """The row that the others are compared with."""
    return element(
        "tr",
        _title(row.learner, row.encoder),
        element("td", percent(row.accuracy)),
        element("td"),
        element("td", element("span", "best", class_="tag")),
    )


def _title(learner: str, encoder: str | None) -> Html:
    second = [element("span", name(encoder), class_="encoder")] if encoder else []
    return element("th", element("span", name(learner), class_="learner"), *second, scope="row")


def _pairs(comparison: Comparison) -> Html:
    """Every two rows, corrected over all of them; folded."""
    lines = [_pair(comparison.rows, pair) for pair in comparison.pairs]
    titles = ("one", "other", "difference", "p, Holm-adjusted over all pairs")
    head = element("thead", element("tr", *(element("th", title, scope="col") for title in titles)))
    table = scrolling(element("table", head, element("tbody", *lines), class_="plain"), "Every two rows")
    return element("details", element("summary", "Every two rows"), table)


def _pair(rows: Sequence[Compared], pair: Pair) -> Html:
    one, other = rows[pair.one], rows[pair.other]
    half = "" if pair.ci95 is None else f" ± {percent(pair.ci95)}"
    told = NONE if pair.p_adjusted is None else p_value(pair.p_adjusted)
    return element(
        "tr",
        _title(one.learner, one.encoder),
        element("td", name(other.learner), element("span", name(other.encoder), class_="encoder")),
        element("td", f"{points(pair.difference or 0.0)}{half}"),
        element("td", told),
    )


def _ranking(ranking: Ranking) -> Html:
    what = ranking.modality or "learners, over encoders, sources and shapes"
    title = element("h3", "Average ranks", element("span", what, class_="tag"))
    best = min(row.rank for row in ranking.rows)
    body = element("tbody", *_ranked(ranking, best))
    titles = ("row", "average rank", "")
    head = element("thead", element("tr", *(element("th", one, scope="col") for one in titles)))
    table = scrolling(element("table", head, body, class_="plain"), f"Average ranks, {what}")
    return join(title, element("p", _verdict(ranking), class_="lead"), table)


def _ranked(ranking: Ranking, best: float) -> Iterable[Html]:
    reach = ranking.critical_difference
    for row in ranking.rows:
        near = reach is not None and row.rank - best < reach
        note = [element("span", "within the critical difference", class_="tag")] if near else []
        yield element(
            "tr", _title(row.learner, row.encoder), element("td", f"{row.rank:.2f}"), element("td", *note)
        )


def _verdict(ranking: Ranking) -> str:
    words = [f"Over {plural(ranking.tasks, 'task')}; 1 is the best."]
    if ranking.p is not None:
        words.append(f"Friedman's test that all rank alike: p {_equals(ranking.p)}.")
    if ranking.critical_difference is not None:
        words.append(
            f"Ranks less than {ranking.critical_difference:.2f} apart (Nemenyi's critical difference at the 5\u00a0% "
            "level) are not told apart. Shapes of one source count as tasks of their own, though they are not "
            "independent."
        )
    return " ".join(words)


def _equals(p: float) -> str:
    told = p_value(p)
    return told if told.startswith("<") else f"= {told}"
