"""The page: sections in their order, filled into the template with its style and script."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template

from kshot.errors import KshotError
from kshot.outcomes import Outcomes, outcomes_path, read_outcomes
from kshot.report.best import best_section
from kshot.report.calibration import calibration_section
from kshot.report.cells import cells_section
from kshot.report.comparisons import comparisons_section
from kshot.report.curves import curves_section
from kshot.report.environment import environment_section
from kshot.report.episodes import episodes_section
from kshot.report.failures import failures_section
from kshot.report.figures import plural
from kshot.report.heatmap import heatmap_section
from kshot.report.markup import Html, element, escape, join, name
from kshot.report.protocol import protocol_section
from kshot.report.scores import scores_section
from kshot.results import Cell, Results, Sample, load, load_samples, write_text

FILE = "report.html"


def write_report(folder: Path) -> Path:
    """Write ``report.html`` beside the results of a benchmark and return its path.

    The file holds everything that it shows and asks nothing of the network; equal results
    give an equal file.

    Args:
        folder: where ``results.json`` and ``samples/`` lie.

    Raises:
        KshotError: there are no results, they cannot be read, or the folder cannot be written.
    """
    results = load(folder)
    path = folder / FILE
    try:
        samples, trouble = load_samples(folder), ""
    except KshotError as error:
        samples, trouble = [], str(error)

    def outcomes(cell: Cell) -> Sequence[Outcomes]:
        with contextlib.suppress(KshotError):  # of a version that kept none, or removed
            return read_outcomes(outcomes_path(folder, cell.id))
        return ()

    write_text(path, page(results, samples, trouble, outcomes))
    return path


def page(
    results: Results,
    samples: list[Sample],
    trouble: str = "",
    outcomes: Callable[[Cell], Sequence[Outcomes]] = lambda cell: (),
) -> str:
    """The report as HTML.

    Args:
        results: what it shows.
        samples: sample episodes, one for each source that has one.
        trouble: why sample episodes are missing, where they could not be read.
        outcomes: what was said of every query, for each of a cell's scores; nothing where none were kept.
    """
    sections = [
        ("best", "Best", best_section(results)),
        ("failed", "Failed", failures_section(results)),
        ("scores", "Scores", scores_section(results)),
        ("comparisons", "Comparisons", comparisons_section(results)),
        ("heatmap", "Heat map", heatmap_section(results)),
        ("episodes", "Episodes", episodes_section(_in_order(samples, results), trouble)),
        ("curves", "Learning curves", curves_section(results)),
        ("calibration", "Calibration", calibration_section(results, outcomes)),
        ("protocol", "How to read", protocol_section(results)),
        ("cells", "All cells", cells_section(results)),
        ("environment", "Environment", environment_section(results)),
    ]
    shown = [(key, title, body) for key, title, body in sections if body]
    resources = files(__package__ or "kshot.report")

    def resource(file: str) -> str:
        return resources.joinpath(file).read_text(encoding="utf-8")

    return Template(resource("template.html")).substitute(
        name=escape(results.name),
        heading=name(results.name),
        summary=escape(_summary(results)),
        navigation=join(*(element("a", title, href=f"#{key}") for key, title, _ in shown)),
        sections=join(*(_section(key, body) for key, _, body in shown)),
        style=resource("style.css"),
        script=resource("report.js"),
    )


def _section(key: str, body: Html) -> Html:
    return element("section", body, id=key, aria_labelledby=f"{key}-title")


def _in_order(samples: list[Sample], results: Results) -> list[Sample]:
    order = list(dict.fromkeys(cell.source for cell in results.cells))
    return sorted(samples, key=lambda one: order.index(one.source) if one.source in order else len(order))


def _summary(results: Results) -> str:
    cells = results.cells
    counts = [
        plural(len({cell.learner for cell in cells}), "learner"),
        plural(len({cell.encoder for cell in cells}), "encoder"),
        plural(len({cell.source for cell in cells}), "source"),
        plural(len(cells), "cell"),
    ]
    episodes = sum(score.episodes for cell in cells for score in cell.scores)
    return " · ".join([*counts, f"{plural(episodes, 'scored test episode')}"])
