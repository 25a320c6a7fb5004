"""Confusion among the hardest classes of each source."""

from __future__ import annotations

from collections.abc import Sequence

from kshot.outcomes import Outcomes
from kshot.report.figures import count
from kshot.report.hardest import Confusion, hardest
from kshot.report.markup import Html, element, join, name, scrolling
from kshot.report.material import Material
from kshot.report.rows import Scored, first_shapes, scored_rows

_STRONG = 0.82
"""From this share on a field takes the text colour of the full hue."""


def confusion_section(material: Material) -> Html:
    """For each source what its best row confused; empty where no outcomes were kept."""
    cards: list[Html] = []
    for rows in first_shapes(scored_rows(material.results)).values():
        found = hardest(_outcomes(material, rows[0]))
        if found:
            cards.append(_card(rows[0], found))
    trouble = material.troubles.get("confusion", "")
    if not cards and not trouble:
        return Html()
    heading = element("h2", "Confusion among the hardest classes", id="confusion-title")
    lead = element(
        "p",
        "Of the queries of a row's class, the per cent that were taken for a column's class, counted over "
        "episodes in which both were; on the diagonal those that were right. A dot: the two never met. "
        "Shown are, for the best row of each source, the classes that were taken for one another most often.",
        class_="lead",
    )
    notes = [element("p", f"Some cannot be shown: {trouble}", class_="trouble")] if trouble else []
    return join(heading, lead, *notes, *cards)


def _outcomes(material: Material, row: Scored) -> Sequence[Outcomes]:
    """Over all seeds, where they are of the same classes."""
    found = [kept[place] for cell, place in row.found if len(kept := material.outcomes(cell.id)) > place]
    return [one for one in found if one.classes == found[0].classes]


def _card(row: Scored, found: Confusion) -> Html:
    title = element(
        "h3",
        name(row.source),
        element("span", row.shape, class_="tag"),
        element("span", name(row.title), class_="whose"),
        element("span", f"{count(len(found.classes))} of {count(found.total)} classes", class_="tag"),
    )
    numbers = range(1, len(found.classes) + 1)
    columns = [
        element("th", str(number), scope="col", title=text)
        for number, text in zip(numbers, found.classes, strict=True)
    ]
    head = element("thead", element("tr", element("th", "class", scope="col"), *columns))
    body = element("tbody", *(_row(found, number) for number in range(len(found.classes))))
    table = element("table", head, body, class_="heat confusion")
    return element("div", title, scrolling(table, f"Confusion, {row.source}"), class_="card")


def _row(found: Confusion, number: int) -> Html:
    title = element(
        "th", element("span", f"{number + 1}", class_="number"), name(found.classes[number]), scope="row"
    )
    return element("tr", title, *(_field(found, number, other) for other in range(len(found.classes))))


def _field(found: Confusion, number: int, other: int) -> Html:
    asked, said = found.asked[number, other], found.said[number, other]
    if not asked:
        return element("td", class_="none")
    share = float(said / asked)
    right = number == other
    what = "right" if right else f"taken for {found.classes[other]}"
    return element(
        "td",
        f"{100 * share:.0f}",
        class_=" ".join(["right"] * right + ["strong"] * (share >= _STRONG)) or None,
        style=f"--share:{share:.3f}",
        title=f"{found.classes[number]}: {count(int(said))} of {count(int(asked))} {what}",
    )
