"""The worst episodes: those in which all went wrong most, with what the best row said."""

from __future__ import annotations

from collections.abc import Sequence

from kshot.report.budget import within_budget
from kshot.report.episodes import draw_episode
from kshot.report.markup import Html, element, join, name
from kshot.results import Sample
from kshot.results.text import percent


def worst_section(samples: Sequence[Sample], trouble: str = "") -> Html:
    """The worst episodes of each source; empty where there are none.

    Args:
        samples: episodes with answers, by source, the worst of each first.
        trouble: why they are missing, where they could not be read.
    """
    if not samples and not trouble:
        return Html()
    heading = element("h2", "The worst episodes", id="worst-title")
    lead = element(
        "p",
        "For each source the test episodes in which the mean accuracy over all its cells was lowest, with "
        "what the best row said of the queries: ",
        element("span", "right", class_="said right"),
        " or ",
        element("span", "the class it was taken for", class_="said"),
        ". Mistaken queries are shown first.",
        class_="lead",
    )
    notes = [element("p", f"They cannot be shown: {trouble}", class_="trouble")] if trouble else []
    shown = within_budget(samples)
    if len(shown) < len(samples):
        left = f"{len(samples) - len(shown)} more lie in the folder worst/; this page would grow too large."
        notes.append(element("p", left, class_="remark"))
    groups = [
        _source(source, [sample for sample in shown if sample.source == source])
        for source in dict.fromkeys(sample.source for sample in shown)
    ]
    return join(heading, lead, *notes, *groups)


def _source(source: str, samples: Sequence[Sample]) -> Html:
    whose = f"answers of {samples[0].answered_by}"
    title = element(
        "h3",
        name(source),
        element("span", samples[0].shape, class_="tag"),
        element("span", name(whose), class_="whose"),
    )
    return element(
        "div", title, *(_episode(sample, sample is samples[0]) for sample in samples), class_="card"
    )


def _episode(sample: Sample, is_open: bool) -> Html:
    accuracy = "" if sample.accuracy is None else f", mean accuracy {percent(sample.accuracy)}\u00a0%"
    summary = element("summary", f"Episode {sample.number}{accuracy}")
    return element("details", summary, draw_episode(sample), open=is_open)
