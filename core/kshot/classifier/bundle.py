"""A classifier on disk: one safetensors file, all that is not a tensor as JSON in its header."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from torch import Tensor

from kshot import results
from kshot.classifier.benchmarked import CELL, CELLS
from kshot.classifier.embedder import EncoderIdentity
from kshot.classifier.method import Settled
from kshot.classifier.recipe import Recipe
from kshot.classifier.support import Support
from kshot.classifier.temperature import Calibration
from kshot.encoders.embedded import EMBEDDING
from kshot.errors import KshotError
from kshot.tensorfiles import read_tensors, write_tensors

SCHEMA, OLDEST = 5, 2
"""Numbers of the bundle's form that this version writes, and of the oldest that it reads: one without negatives.
Below 4 calibration is not told, and below 5 embeddings stand in it twice where the learner sees nothing else."""

_HEADER = "kshot"
_INPUT, _LEARNER, _ENCODER = "support/", "learner/", "encoder/"
_EMBEDDINGS, _NEGATIVES = "embeddings", "negatives"
_ALWAYS = ("kshot", "torch")
"""Distributions whose versions a file tells whatever it was made with; another of these is no other encoder."""
_SAFE = {"trust_remote_code": False, "use_safetensors": True}
"""Options that decide whether code runs, with the only value that a file may give them."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """A fitted classifier, to be written; ``negatives``: (m, dim) embeddings of examples of no class;
    ``distributions``: versions of those that bring encoder and learner."""

    parameters: Mapping[str, Any]
    recipe: Recipe
    identity: EncoderIdentity
    support: Support
    method: Settled
    negatives: Tensor
    calibration: Calibration
    distributions: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Stored:
    """A classifier as it was read.

    Attributes:
        parameters: of the constructor.
        recipe: what encoder and learner are built from.
        identity: of the encoder.
        support: its examples.
        method: the learner's own weights.
        negatives: (m, dim) embeddings of examples of no class.
        calibration: of its probabilities; none in files before form 4.
        distributions: versions of those that brought encoder and learner when it was written.
    """

    parameters: Mapping[str, Any]
    recipe: Recipe
    identity: EncoderIdentity
    support: Support
    method: Mapping[str, Tensor]
    negatives: Tensor
    calibration: Calibration | None
    distributions: Mapping[str, str]


class _Header(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    schema_number: int
    parameters: dict[str, Any]
    recipe: dict[str, Any]
    labels: list[str]
    calibration: Calibration | None = None
    encoder: str
    versions: dict[str, str]
    digest: str


def write_bundle(path: Path, bundle: Bundle) -> None:
    """Write a classifier, whole or not at all.

    Raises:
        KshotError: the file cannot be written, or an option is nothing that JSON holds.
    """
    inputs = {name: leaf for name, leaf in bundle.support.inputs.items() if name != EMBEDDING}
    tensors = {f"{_INPUT}{name}": leaf for name, leaf in inputs.items()}
    tensors |= {f"{_LEARNER}{name}": value for name, value in bundle.method.state().items()}
    tensors |= {f"{_ENCODER}{name}": value for name, value in bundle.identity.state.items()}
    tensors[_EMBEDDINGS] = bundle.support.embeddings
    if len(bundle.negatives):
        tensors[_NEGATIVES] = bundle.negatives
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    content: dict[str, Any] = {
        "schema_number": SCHEMA,
        "parameters": dict(bundle.parameters),
        "recipe": bundle.recipe.plain(),
        "labels": list(bundle.support.labels),
        "calibration": asdict(bundle.calibration),
        "encoder": bundle.identity.digest,
        "versions": {**bundle.distributions, **{name: importlib.metadata.version(name) for name in _ALWAYS}},
    }
    try:
        content["digest"] = _digest(content, plain)
        header = json.dumps(content, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise KshotError(f"the classifier's options cannot be written as JSON: {error}") from error
    write_tensors(path, plain, {_HEADER: header})


def read_bundle(path: Path) -> Stored:
    """Read a classifier; nothing in it is run.

    Raises:
        KshotError: a folder, not such a file, damaged, changed, of a newer form, or of an encoder that would run
            code or read pickles.
    """
    if path.is_dir():
        raise KshotError(
            f"{path} is a folder, and a classifier is a file that `kshot fit` wrote{_trained(path)}"
        )
    try:
        tensors, texts = read_tensors(path)
    except FileNotFoundError as error:
        raise KshotError(f"{path}: no such file") from error
    except (SafetensorError, OSError) as error:
        raise KshotError(f"{path}: not a classifier, or damaged ({error})") from error
    header, content = _header(path, texts.get(_HEADER))
    if _digest({k: v for k, v in content.items() if k != "digest"}, tensors) != header.digest:
        raise KshotError(f"{path}: the content does not match its digest; the file was changed or damaged")
    if _EMBEDDINGS not in tensors:
        raise KshotError(f"{path}: the support examples are missing")
    inputs = _below(tensors, _INPUT) or {EMBEDDING: tensors[_EMBEDDINGS]}
    support = Support(inputs, tensors[_EMBEDDINGS], tuple(header.labels))
    lengths = {leaf.shape[:1] for leaf in (*support.inputs.values(), support.embeddings)}
    if lengths != {(len(header.labels),)}:
        raise KshotError(f"{path}: {len(header.labels)} labels do not fit the examples; the file was changed")
    negatives = tensors.get(_NEGATIVES, support.embeddings[:0])
    for one in (support.embeddings, negatives):
        if one.ndim != 2 or one.dtype != torch.float32 or not bool(torch.isfinite(one).all()):
            raise KshotError(f"{path}: embeddings that are none: (n, dim) finite numbers in float32")
    seen = support.inputs.get(EMBEDDING)
    if seen is not None and not (seen.dtype == torch.float32 and torch.equal(seen, support.embeddings)):
        raise KshotError(f"{path}: what the learner sees are other embeddings; the file was changed")
    if negatives.shape[1:] != support.embeddings.shape[1:]:
        raise KshotError(
            f"{path}: the negatives are of another width than the examples; the file was changed"
        )
    recipe = _recipe(path, header)
    _refuse_code(path, [recipe.encoder.options, recipe.learner.options, header.parameters])
    identity = EncoderIdentity(header.encoder, _below(tensors, _ENCODER))
    method = _below(tensors, _LEARNER)
    distributions = {name: one for name, one in header.versions.items() if name not in _ALWAYS}
    return Stored(
        header.parameters, recipe, identity, support, method, negatives, header.calibration, distributions
    )


def _trained(folder: Path) -> str:
    """How a classifier is made of what `kshot bench` left in a folder."""
    for file, learner in ((results.FILE, folder / CELLS / "ID"), (CELL, folder)):
        if (folder / file).is_file():
            return f"; by what `kshot bench` trained there it is made so: kshot fit DATA --learner {learner} --out FILE"
    return ""


def _recipe(path: Path, header: _Header) -> Recipe:
    try:
        return Recipe.from_plain(header.recipe)
    except ValidationError as error:
        raise KshotError(f"{path}: what it is built from cannot be read; the file was changed") from error


def _refuse_code(path: Path, options: Any) -> None:
    """A file from elsewhere must not be able to ask for code to be run, or for pickles to be read; neither for the
    encoder nor for what that is made of, however deep.

    Raises:
        KshotError: it asks.
    """
    if isinstance(options, list):
        for one in cast("list[Any]", options):
            _refuse_code(path, one)
    if not isinstance(options, Mapping):
        return
    for name, value in cast("Mapping[str, Any]", options).items():
        if value is not _SAFE.get(name, value):
            raise KshotError(
                f"{path}: its encoder has {name} set, which a file may not ask for; fit the classifier anew where "
                "you trust that model"
            )
        _refuse_code(path, value)


def _header(path: Path, raw: str | None) -> tuple[_Header, dict[str, Any]]:
    if raw is None:
        raise KshotError(f"{path}: a safetensors file, but not a classifier that kshot wrote")
    try:
        content = json.loads(raw)
        number = content["schema_number"]
        if isinstance(number, int) and number > SCHEMA:
            raise KshotError(
                f"{path}: written in form {number}, this kshot reads up to {SCHEMA}; upgrade kshot"
            )
        if isinstance(number, int) and number < OLDEST:
            raise KshotError(
                f"{path}: written in form {number}, before a classifier said what it is built from; fit it anew"
            )
        return _Header.model_validate_json(raw), content
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError) as error:
        raise KshotError(f"{path}: its header is damaged ({type(error).__name__})") from error


def _digest(content: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"\0{name} {tuple(value.shape)} {value.dtype}\0".encode())
        digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
