"""What a sentence-transformers folder says of the way from a text to its embedding."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kshot.errors import KshotError, listing
from kshot.hub import ModelFiles
from torch import nn

from kshot_text.encoders.pooling import POOLINGS
from kshot_text.encoders.tail import Normalise, dense

_OLD_KEYS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_TRANSFORMER_KEYS = frozenset(
    {
        "max_seq_length",
        "do_lower_case",
        "transformer_task",
        "modality_config",
        "module_output_name",
        # These concern speed, or texts that are encoded as one of a pair.
        "unpad_inputs",
        "query_length",
        "document_length",
    }
)
_STATES = {"method": "forward", "method_output_name": "last_hidden_state"}


@dataclass(frozen=True)
class Recipe:
    """How token states become an embedding; a folder of transformers alone averages them.

    Attributes:
        poolings: names of :data:`POOLINGS`, laid side by side.
        pools_prompt: False where the prompt's tokens are left out.
        tail: what follows the pooling.
        max_length: tokens that count; none: as tokenizer and network have it.
        lower: True where texts are lower-cased first.
        prompt: what stands before every text.
    """

    poolings: tuple[str, ...] = ("mean",)
    pools_prompt: bool = True
    tail: nn.Sequential = field(default_factory=nn.Sequential)
    max_length: int | None = None
    lower: bool = False
    prompt: str = ""


def read_recipe(files: ModelFiles) -> Recipe:
    """What ``modules.json`` and the folders that it names say.

    Reimers and Gurevych, "Sentence-BERT: sentence embeddings using Siamese BERT-networks", EMNLP 2019.

    Raises:
        KshotError: a file is missing or damaged, or asks for what is not offered.
    """
    if not (files.folder / "modules.json").is_file():
        return Recipe()
    listed = _read(files, "modules.json")
    modules = [(str(one["type"]).rpartition(".")[2], str(one["path"])) for one in listed]
    kinds = [kind for kind, _ in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or modules[0][1]:
        raise KshotError(
            f"{files.who}: modules.json names {listing(kinds)}; what is read begins with a Transformer in the "
            "folder itself and a Pooling"
        )
    transformer, pooling = _transformer(files), _read(files, f"{modules[1][1]}/config.json")
    return Recipe(
        poolings=_poolings(files, pooling),
        pools_prompt=bool(pooling.get("include_prompt", True)),
        tail=nn.Sequential(*(_module(files, kind, path) for kind, path in modules[2:] if kind != "Dropout")),
        max_length=transformer.get("max_seq_length"),
        lower=bool(transformer.get("do_lower_case", False)),
        prompt=_prompt(files),
    )


def _read(files: ModelFiles, name: str) -> Any:
    path = files.folder / name
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KshotError(f"{files.who}: {path} cannot be read: {error}") from error


def _transformer(files: ModelFiles) -> Mapping[str, Any]:
    """Settings of the transformer; older folders name the file after the family."""
    names = sorted(path.name for path in files.folder.glob("sentence_*_config.json"))
    settings: Mapping[str, Any] = _read(files, names[0]) if names else {}
    odd = [key for key, value in settings.items() if key not in _TRANSFORMER_KEYS and value]
    task = settings.get("transformer_task", "feature-extraction")
    reads = settings.get("modality_config", {"text": _STATES})
    if odd or task != "feature-extraction" or "message" in reads or reads.get("text") != _STATES:
        raise KshotError(
            f"{files.who}: {names[0]} asks for what is not offered "
            f"({listing(odd or ['transformer_task', 'modality_config'])})"
        )
    return settings


def _poolings(files: ModelFiles, settings: Mapping[str, Any]) -> tuple[str, ...]:
    told = settings.get("pooling_mode")
    if told is None:
        told = [mode for key, mode in _OLD_KEYS.items() if settings.get(key)] or "mean"
    modes = (told,) if isinstance(told, str) else tuple(told)
    unknown = [str(mode) for mode in modes if mode not in POOLINGS]
    if unknown or not modes:
        raise KshotError(
            f"{files.who}: the folder pools by {listing(unknown)}, which is not offered; "
            f"offered: {', '.join(POOLINGS)}"
        )
    return modes


def _module(files: ModelFiles, kind: str, path: str) -> nn.Module:
    """One module after the pooling."""
    name = f"{path}/config.json"
    settings: Mapping[str, Any] = _read(files, name) if (files.folder / name).is_file() else {}
    reads = settings.get("module_input_name", "sentence_embedding")
    writes = settings.get("module_output_name") or reads
    if kind not in ("Dense", "Normalize") or (reads, writes) != ("sentence_embedding",) * 2:
        raise KshotError(
            f"{files.who}: modules.json names {kind} in '{path}' ({reads} to {writes}), which is not offered; "
            "after the pooling Dense, Normalize and Dropout of the sentence's embedding are"
        )
    return dense(files, path, settings) if kind == "Dense" else Normalise()


def _prompt(files: ModelFiles) -> str:
    if not (files.folder / "config_sentence_transformers.json").is_file():
        return ""
    settings = _read(files, "config_sentence_transformers.json")
    name = settings.get("default_prompt_name")
    prompts = settings.get("prompts") or {}
    if name is not None and name not in prompts:
        raise KshotError(
            f"{files.who}: default_prompt_name '{name}' is not among the folder's prompts ({listing(prompts)})"
        )
    return "" if name is None else str(prompts[name] or "")
