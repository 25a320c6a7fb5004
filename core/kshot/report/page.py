"""The page: sections in their order, filled into the template with its style and script."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template

from kshot.report.best import best_section
from kshot.report.calibration import calibration_section
from kshot.report.cells import cells_section
from kshot.report.comparisons import comparisons_section
from kshot.report.confusion import confusion_section
from kshot.report.cost import cost_section
from kshot.report.curves import curves_section
from kshot.report.episodes import episodes_section
from kshot.report.failures import failures_section
from kshot.report.figures import plural
from kshot.report.heatmap import heatmap_section
from kshot.report.inside import inside_section
from kshot.report.markup import Html, element, escape, join, name
from kshot.report.material import Material, gather
from kshot.report.projections import projections_section
from kshot.report.protocol import protocol_section
from kshot.report.provenance import provenance_section
from kshot.report.published import published_section
from kshot.report.rejection import rejection_section
from kshot.report.scores import scores_section
from kshot.report.shots import shots_section
from kshot.report.worst import worst_section
from kshot.results import Results, Sample, write_text

FILE = "report.html"


def write_report(folder: Path) -> Path:
    """Write ``report.html`` beside the results of a benchmark and return its path.

    The file holds everything that it shows and asks nothing of the network; equal results
    give an equal file.

    Args:
        folder: where ``results.json`` lies, with samples, worst episodes and cells beside it.

    Raises:
        KshotError: there are no results, they cannot be read, or the folder cannot be written.
    """
    material = gather(folder)
    path = folder / FILE
    write_text(path, page(material))
    return path


def page(material: Material) -> str:
    """The report as HTML."""
    results, troubles = material.results, material.troubles
    samples, worst = _in_order(material.samples, results), _in_order(material.worst, results)
    sections = [
        ("best", "Best", best_section(results)),
        ("failed", "Failed", failures_section(results)),
        ("scores", "Scores", scores_section(results)),
        ("comparisons", "Comparisons", comparisons_section(results)),
        ("heatmap", "Heat map", heatmap_section(results)),
        ("shots", "Shots", shots_section(results)),
        ("cost", "Cost", cost_section(results)),
        ("published", "Published figures", published_section(results)),
        ("episodes", "Episodes", episodes_section(samples, troubles.get("episodes", ""))),
        ("worst", "Worst episodes", worst_section(worst, troubles.get("worst", ""))),
        ("confusion", "Confusion", confusion_section(material)),
        ("projections", "Embeddings", projections_section(material)),
        ("curves", "Learning curves", curves_section(results)),
        ("inside", "Inside the learners", inside_section(material)),
        ("calibration", "Calibration", calibration_section(material)),
        ("unknown", "Unknown", rejection_section(results)),
        ("protocol", "How to read", protocol_section(results)),
        ("cells", "All cells", cells_section(results)),
        ("environment", "Provenance", provenance_section(results)),
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


def _in_order(samples: Sequence[Sample], results: Results) -> list[Sample]:
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
