"""What encoders around a pretrained transformer have in common, whatever they hear, see or read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from kshot.encoders.probing import take_part
from kshot.episode import Inputs
from kshot.errors import KshotError
from kshot.functional import largest_list, with_own_norms
from kshot.hub import ModelFiles
from kshot.interfaces import Encoder

_DROPOUTS = "dropout", "dropout_p", "dropout_prob", "drop_prob", "layerdrop"
"""How the names of dropouts end."""

_CHANCE = 1e-3
"""Relative difference between two embeddings of one example beyond which it is not of rounding."""


class HubEncoder(Encoder):
    """A pretrained network in ``model``, made fit for inner loops.

    Its layer norms are replaced by ones with right second derivatives under ``vmap``, and it has no
    dropout, which would draw from torch's global random state. What ``prepare`` and ``forward``
    depend on beside weights is hashed into the extra state, so that caches and checkpoints tell
    two folders apart. A subclass says what to prepare and how to pool, and ends its constructor by
    ``self.dim = self._settle(…)``.

    Args:
        files: where the model lies.
        model: the network, as loaded from there.
    """

    pretrained = True

    def __init__(self, files: ModelFiles, model: nn.Module) -> None:
        super().__init__()
        self.weights_licence = files.licence()
        self._who = files.who
        self._settings = files.settings_hash()
        self._idle: frozenset[str] = frozenset()
        self.model = without_dropout(with_own_norms(model))

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The transformer's layers, or a convolutional network's stages."""
        return largest_list(self.model)

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        """``last``: the last layer; ``all``: what takes part in an embedding."""
        unused = self._unused()
        groups = super().parameter_groups()
        return {subset: [name for name in names if name not in unused] for subset, names in groups.items()}

    def _unused(self) -> frozenset[str]:
        """Parameters that take no part in an embedding (a mask token, say)."""
        return self._idle

    def _settle(self, inputs: Inputs, missing: Collection[str], example: str) -> int:
        """Embed a made-up example; what takes no part in its embedding stops training.

        Args:
            inputs: of one example, each leaf (1, …).
            missing: names of the network's parameters that its files have no weights for.
            example: what it is, for messages, such as ``"a text"``.

        Returns:
            The embedding's width.

        Raises:
            KshotError: the network does not take such inputs, does not give each example a vector of its own,
                or leaves something to chance; or weights are missing that take part.
        """
        twice = {name: torch.cat([leaf, leaf]) for name, leaf in inputs.items()}
        try:
            embedded, idle = take_part(self.model, lambda: self(twice))
        except KshotError:
            raise
        except Exception as error:  # whatever a network raises that wants other inputs
            raise KshotError(f"{self._who}: the model there does not embed {example}: {error}") from error
        if embedded.ndim != 2 or len(embedded) != 2:
            raise KshotError(
                f"{self._who}: the model there does not embed {example} as a vector of its own: two of them give "
                f"{tuple(embedded.shape)}"
            )
        first, second = embedded
        if (first - second).abs().max() > _CHANCE * first.abs().max():
            raise KshotError(
                f"{self._who}: the model there leaves something to chance: {example} that is given twice has two "
                "embeddings"
            )
        absent = sorted(set(missing) - idle)
        if absent:
            raise KshotError(
                f"{self._who}: the weights there are of another model, {len(absent)} are missing "
                f"(such as {absent[0]})"
            )
        for name in idle:
            self.model.get_parameter(name).requires_grad_(False)
        self._idle = frozenset(f"model.{name}" for name in idle)
        return embedded.shape[1]

    def get_extra_state(self) -> Tensor:
        """(32,) uint8: hash of the model's settings."""
        return torch.tensor(list(self._settings), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Refuse a state of a model with other settings.

        Raises:
            ValueError: tokenizer, preprocessing or configuration differ.
        """
        if bytes(state.cpu().tolist()) != self._settings:
            raise ValueError(
                f"{self._who}: this state was saved with other settings (configuration, tokenizer or "
                "preprocessing files); load it into the model that it was saved from"
            )


def without_dropout(model: nn.Module) -> nn.Module:
    """The model itself, every dropout in it at 0: of numbers, of whole branches (stochastic depth), and
    those that its attention applies by number."""
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):  # pyright: ignore[reportPrivateUsage]
            module.p = 0.0
        _switch_off(module)
        config = getattr(module, "config", None)
        if hasattr(config, "__dict__"):
            # Some read it there in every call, and BigBird makes layers of it while it runs.
            _switch_off(config)
    return model


def _switch_off(holder: object) -> None:
    """Set the dropouts among an object's attributes to 0."""
    for name, value in vars(holder).items():
        if name.endswith(_DROPOUTS) and isinstance(value, float):
            setattr(holder, name, 0.0)
