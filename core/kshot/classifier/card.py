"""The model card of a classifier that is shared: what it tells apart, by what, and how to use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from kshot import __version__
from kshot.classifier.recipe import Named, Recipe
from kshot.classifier.temperature import Calibration
from kshot.classifier.threshold import Threshold
from kshot.results.text import markdown, percent

_TASKS = {"image": "image-classification", "audio": "audio-classification", "text": "text-classification"}
"""The hub's name of what a classifier of a modality does."""


@dataclass(frozen=True)
class Described:
    """What a card tells of a classifier.

    Attributes:
        recipe: what encoder and learner are built from.
        modality: of its examples.
        counts: examples of each class.
        licence: of the weights that the encoder came with; empty where it came with none, or says nothing.
        pretrained: True where the encoder came with weights.
        calibration: of its probabilities.
        rejection: the threshold below which an example is unknown; none where nothing is.
    """

    recipe: Recipe
    modality: str
    counts: Mapping[str, int]
    licence: str
    pretrained: bool
    calibration: Calibration
    rejection: Threshold | None


def card(repo: str, one: Described) -> str:
    """The text of ``README.md``: metadata for the hub, then Markdown in which names are escaped."""
    task = {"pipeline_tag": _TASKS[one.modality]} if one.modality in _TASKS else {}
    metadata = {"library_name": "kshot", "tags": ["kshot", "few-shot-learning"], **task}
    rows = [f"| {markdown(name)} | {count} |" for name, count in one.counts.items()]
    return "\n".join(
        [
            "---",
            yaml.safe_dump(metadata, sort_keys=False).strip(),
            "---",
            "",
            f"# {markdown(repo)}",
            "",
            f"A few-shot classifier of {markdown(one.modality)}: {len(one.counts)} classes from "
            f"{sum(one.counts.values())} examples, made with kshot {__version__}.",
            "",
            "```python",
            "from kshot import FewShotClassifier",
            "",
            f'clf = FewShotClassifier.from_pretrained("{repo}")',
            "clf.predict([...])",
            "```",
            "",
            "The one file is safetensors with a JSON header; loading it runs no code and reads no pickle. It holds "
            "what the classifier learnt and the examples that it was given, as embeddings or as prepared inputs.",
            "",
            f"- Encoder: {_written(one.recipe.encoder)}; {_weights(one)}.",
            f"- Learner: {_written(one.recipe.learner)}; {_training(one.recipe)}.",
            f"- Probabilities: a softmax over logits divided by {one.calibration.temperature:.4g}, a "
            f"temperature fitted to examples held out in cross-validation{_error(one.calibration)}.",
            f"- Unknown: {_unknown(one.rejection)}.",
            "",
            "| class | examples |",
            "|---|---:|",
            *rows,
            "",
        ]
    )


def _written(named: Named) -> str:
    options = ", ".join(markdown(f"{name}={value}") for name, value in named.options.items())
    return f"{markdown(named.use)} ({options})" if options else markdown(named.use)


def _weights(one: Described) -> str:
    if not one.pretrained:
        return "its weights, where it has any, are in the file"
    licence = f"licence {markdown(one.licence)}" if one.licence else "licence not stated"
    changed = "" if one.recipe.tuning.train == "none" else "; what training changed is in the file"
    return f"its pretrained weights ({licence}) are not in the file and must be installed{changed}"


def _training(recipe: Recipe) -> str:
    return f"meta-trained, cell {markdown(recipe.cell)}" if recipe.cell else "trained by these examples alone"


def _error(one: Calibration) -> str:
    if one.ece_before is None or one.ece_after is None:
        return ""
    return (
        f"; expected calibration error on these {one.examples}: {percent(one.ece_after)} %, without it "
        f"{percent(one.ece_before)} %"
    )


def _unknown(one: Threshold | None) -> str:
    if one is None:
        return "every example is given one of the classes"
    said = f"an example whose familiarity is below {one.familiarity:.3f} is given none of the classes"
    if one.accepted is None:
        return said
    return (
        f"{said}, which refuses {percent(one.refused)} % of the known examples and accepts "
        f"{percent(one.accepted)} % of {one.negatives} that belong to none"
    )
