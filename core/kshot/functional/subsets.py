"""The parts of an encoder that may be trained, or adapted within an episode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from kshot.errors import listing
from kshot.functional.lora import lora_parameters
from kshot.interfaces import Encoder


def parameter_subset(encoder: nn.Module, subset: str, alternatives: Sequence[str] = ()) -> list[str]:
    """Names of the parameters in one subset.

    Args:
        encoder: what it declares counts, and ``lora`` where it has adapters; a plain module
            offers ``all``.
        subset: ``last``, ``lora`` or ``all``.
        alternatives: what the caller could take besides, for the message.

    Raises:
        ValueError: the encoder offers no such subset, or names in it what is no parameter of its own.
    """
    offered = _offered(encoder)
    if subset in offered:
        own = {name for name, _ in encoder.named_parameters(remove_duplicate=False)}
        strange = [name for name in offered[subset] if name not in own]
        if strange:
            raise ValueError(
                f"{type(encoder).__name__} has no parameters {listing(strange)}, which its parameter_groups() names "
                f"in {subset}; mend the names"
            )
        return list(offered[subset])
    mend = ""
    if subset == "lora":
        mend = "; give it adapters: lora: {rank: 8} in a configuration, add_lora(encoder, rank=8) in Python"
    there = ", ".join([*alternatives, *sorted(offered)])
    raise ValueError(f"{subset} is not among what {type(encoder).__name__} offers ({there}){mend}")


def _offered(encoder: nn.Module) -> Mapping[str, Sequence[str]]:
    declared = (
        encoder.parameter_groups()
        if isinstance(encoder, Encoder)
        else {"all": [name for name, _ in encoder.named_parameters()]}
    )
    adapters = lora_parameters(encoder)
    return {**declared, "lora": adapters} if adapters else declared
