"""Sample episodes drawn: pictures, spectrograms with their sound, sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from kshot.report.budget import MOST, within_budget
from kshot.report.figures import plural
from kshot.report.markup import Html, element, join, name
from kshot.report.media import draw_example
from kshot.results import Sample, SampleExample


def episodes_section(samples: Sequence[Sample], trouble: str = "") -> Html:
    """A sample episode of each source; empty where there is none."""
    if not samples and not trouble:
        return Html()
    heading = element("h2", "What an episode looks like", id="episodes-title")
    lead = element(
        "p",
        "From the support set the learner must tell the classes of the query set; "
        "it has never seen these classes before.",
        class_="lead",
    )
    notes = [element("p", f"Sample episodes cannot be shown: {trouble}", class_="trouble")] if trouble else []
    shown = within_budget(samples)
    if len(shown) < len(samples):
        left = plural(len(samples) - len(shown), "source")
        notes.append(
            element(
                "p",
                f"{left} left out, in the folder samples/: this page would grow too large.",
                class_="remark",
            )
        )
    return join(heading, lead, *notes, *map(_episode, shown))


def _episode(sample: Sample) -> Html:
    title = element(
        "h3",
        name(sample.source),
        element("span", sample.modality, class_="tag"),
        element("span", sample.shape, class_="tag"),
    )
    return element("div", title, draw_episode(sample), class_="card")


def draw_episode(sample: Sample) -> Html:
    """An episode's classes with their examples, and with what was said of the queries where that is kept."""
    kinds = {example.media for example in (*sample.support, *sample.query)}
    head = element("div", *(element("span", word) for word in ("class", "support", "query")), class_="head")
    classes = [_class(sample, label, title) for label, title in enumerate(sample.classes)]
    return element("div", head, *classes, class_=f"episode {' '.join(sorted(_kind(kind) for kind in kinds))}")


def _class(sample: Sample, label: int, title: str) -> Html:
    return element(
        "div",
        element("span", name(title), class_="class"),
        _set(sample, [example for example in sample.support if example.label == label], "support"),
        _set(sample, [example for example in sample.query if example.label == label], "query"),
        class_="row",
    )


def _set(sample: Sample, examples: Sequence[SampleExample], role: str) -> Html:
    counts = Counter[str]()
    drawn: list[Html] = []
    for example in examples:
        counts[example.media] += 1
        if counts[example.media] <= MOST[example.media]:
            drawn.append(_example(sample, example, role))
    rest = len(examples) - len(drawn)
    more = [element("span", f"and {rest} more", class_="more")] if rest else []
    return element("div", *drawn, *more, class_=f"set {role}")


def _example(sample: Sample, example: SampleExample, role: str) -> Html:
    drawn = draw_example(example, f"{role} example of {sample.classes[example.label]}")
    if example.answer is None:
        return drawn
    if example.answer == example.label:
        said = element("span", "right", class_="said right")
    else:
        said = element("span", name(sample.classes[example.answer]), class_="said")
    return element("div", drawn, said, class_="answered")


def _kind(media: str) -> str:
    return media.split("/")[0]
