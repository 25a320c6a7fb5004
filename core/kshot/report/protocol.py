"""How to read the scores: what was drawn, from where, and under which rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kshot.report.figures import NONE, count
from kshot.report.markup import Html, element, join, name, scrolling
from kshot.results import Cell, Results, Score, labeller
from kshot.results.text import percent
from kshot.shapes import Imbalanced

_TITLES = ("source", "shape", "queries", "episodes", "classes", "chance", "batch statistics", "episode hash")

_EPISODE = (
    "a small task drawn at random: some classes (the way) that training never saw, a few labelled examples "
    "of each (the shot, the support set), and queries to be told apart. 5w1s means 5-way 1-shot."
)
_SCORE = (
    "mean accuracy over the test episodes ± half-width of its 95\u00a0% interval. Test episodes are drawn "
    "once: all learners meet the same ones, and the hash names them."
)
_DRAWN_SIZES = (
    "5-20w 1-10s: each episode draws its own way and shot from these numbers, and chance is a mean; "
    "“each” says that every class draws a shot of its own."
)
_DIRICHLET = (
    "classes share an episode's queries unevenly, by a Dirichlet-multinomial distribution; the smaller its "
    "parameter, the more unevenly."
)
_FIXED = "episodes that come with the source as they were published, all of them scored; none is drawn."
_POLICIES = {
    "frozen": "running statistics of the training; a query's answer does not depend on its companions.",
    "support": "statistics of the support set; a query's answer does not depend on its companions.",
    "query": "statistics of the queries themselves: transductive, they see each other.",
}
_UNTRAINED = "this run trained nothing of that row; any weights are as they came."
_PRETRAINED = (
    "the encoder came with weights trained on other data: not comparable with training from scratch."
)
_SEEDS = (
    "scores are means over training seeds. The first ± is over episodes, for the seeds as trained; "
    "seeds\u00a0± is Student's 95\u00a0% interval over the seeds, s their standard deviation."
)


@dataclass(frozen=True)
class _Protocol:
    """All scores of one source and shape."""

    source: str
    shape: str
    scores: tuple[Score, ...]

    @property
    def manifests(self) -> list[str]:
        return list(dict.fromkeys(score.manifest for score in self.scores))


def protocol_section(results: Results) -> Html:
    """The rules in words and a table of the test episodes; empty where nothing was scored."""
    protocols = _protocols(results.cells)
    if not protocols:
        return Html()
    heading = element("h2", "How to read this", id="protocol-title")
    words = [join(element("dt", term), element("dd", meaning)) for term, meaning in _words(results)]
    head = element("thead", element("tr", *(element("th", title, scope="col") for title in _TITLES)))
    table = element("table", head, element("tbody", *map(_row, protocols)), class_="plain")
    scroll = scrolling(table, "Protocol of the test episodes")
    return join(heading, element("dl", *words, class_="words"), scroll, *_warnings(protocols))


def _protocols(cells: Iterable[Cell]) -> list[_Protocol]:
    every = list(cells)
    label = labeller(every)
    groups: dict[tuple[str, str], list[Score]] = {}
    for cell in every:
        for score in cell.scores:
            groups.setdefault((cell.source, label(score)), []).append(score)
    return [_Protocol(source, shape, tuple(scores)) for (source, shape), scores in groups.items()]


def _words(results: Results) -> Iterable[tuple[str, str]]:
    scores = [score for cell in results.cells for score in cell.scores]
    yield "episode", _EPISODE
    yield "score", _SCORE
    yield "chance", "the accuracy of a guess, 1/way."
    if any(not score.shape.one_size for score in scores):
        yield "drawn sizes", _DRAWN_SIZES
    if any(isinstance(score.queries, Imbalanced) for score in scores):
        yield "Dirichlet", _DIRICHLET
    if any(score.fixed for score in scores):
        yield "fixed", _FIXED
    for policy in dict.fromkeys(score.batch_statistics for score in scores):
        if policy in _POLICIES:
            yield f"batch statistics: {policy}", _POLICIES[policy]
    if any(cell.pretrained for cell in results.cells):
        yield "pretrained", _PRETRAINED
    if any(cell.status == "finished" and not cell.trained for cell in results.cells):
        yield "untrained", _UNTRAINED
    if len({cell.seed for cell in results.cells}) > 1:
        yield "seeds", _SEEDS


def _row(protocol: _Protocol) -> Html:
    scores = protocol.scores
    left_out = list(dict.fromkeys(title for score in scores for title in score.left_out))
    classes = _distinct(count(score.classes) for score in scores)
    return element(
        "tr",
        element("th", name(protocol.source), scope="row"),
        element("td", protocol.shape),
        element("td", _distinct(str(score.queries) for score in scores)),
        element("td", _distinct(count(score.episodes) for score in scores)),
        element("td", classes, *([_left_out(left_out)] if left_out else [])),
        element("td", _distinct(f"{percent(score.chance)} %" for score in scores)),
        element("td", _distinct(score.batch_statistics for score in scores)),
        element("td", *map(_hash, protocol.manifests)),
    )


def _left_out(titles: list[str]) -> Html:
    listed = [join(", " if index else "", name(title)) for index, title in enumerate(titles)]
    summary = element("summary", f"{count(len(titles))} more are too small")
    return element("details", summary, element("span", *listed, class_="names"))


def _hash(manifest: str) -> Html:
    return element("code", manifest.removeprefix("sha256:")[:12] or NONE, title=manifest, class_="line")


def _distinct(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(texts))


def _warnings(protocols: Iterable[_Protocol]) -> Iterable[Html]:
    for protocol in protocols:
        if len(protocol.manifests) > 1:
            warning = f" {protocol.shape}: these scores are not over the same episodes; compare with care."
            yield element("p", name(protocol.source), warning, class_="trouble")
