"""Which keys are known at which place of a configuration, read from the models' annotations."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from kshot.config.forms import KeysOf


def known_keys(root: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """Keys that may stand at a place: those of every model that may stand there.

    Args:
        root: model of the whole.
        place: keys and indices from the root; what leads nowhere (the name that pydantic gives a
            branch of a union) is passed over.
    """
    here: list[Any] = [root]
    for part in place:
        here = [below for one in here for below in _below(one, part)] or here
    models = [model for one in here for model in _alternatives(one) if _is_model(model)]
    return list(dict.fromkeys(key for model in models for key in model.model_fields))


def _below(annotation: Any, part: str | int) -> Iterator[Any]:
    for one in _alternatives(annotation):
        if _is_model(one):
            if part in one.model_fields:
                yield one.model_fields[part].rebuild_annotation()
        elif get_origin(one) in (dict, list):
            yield get_args(one)[-1]


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The types that an annotation allows, without what is said about them."""
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        named = [mark.model for mark in marks if isinstance(mark, KeysOf)]
        yield from named or _alternatives(inner)
    elif get_origin(annotation) in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from _alternatives(one)
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return inspect.isclass(annotation) and issubclass(annotation, BaseModel)
