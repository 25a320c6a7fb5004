"""Encoders of several modalities, their embeddings projected into one space."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, final, overload

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from kshot.encoders.embedded import Embedded
from kshot.episode import Inputs
from kshot.errors import DataError, listing
from kshot.functional import fix_untrained_norms
from kshot.functional.embedding import widened
from kshot.functional.layer_norms import LayerNorm
from kshot.functional.promised import promised_embeddings
from kshot.interfaces import Encoder, Sensed

MARK = "modality."
"""What the name of an input begins with that tells whose modality the others are: ``modality.audio``
(B,). Towers may name their own inputs alike."""

Normalise = Literal["length", "layer", "none"]

_LENGTH = 4.0
"""Start of the common length: two unlike directions then lie about 5.7 apart, far enough for a softmax
over squared distances to be sure of itself and near enough for its gradient not to vanish."""


@final
class Joint(Encoder):
    """One encoder a modality, its *tower*, and one projection each into a common space.

    An embedding of x, of modality m::

        e(x) = norm_m(W_m f_m(x) + b_m)

    Radford et al., "Learning transferable visual models from natural language supervision" (CLIP),
    ICML 2021, put pictures and texts into one space so. The towers of one such model need no
    projection: ``dim: null``. Inputs tell their modality by the name of one of them, so a learner
    that passes blocks of several modalities through the encoder notices nothing.

    What requires no gradient in a tower when it is handed over stays as it is (``train: none`` at the
    tower, the default of a pretrained one); batch norms there keep their running statistics.

    Args:
        of: the towers, by modality.
        dim: of the common space; none: no projections, and the towers' widths must agree.
        normalise: what ends each modality. ``length``: all embeddings have one length, which is
            learnt; ``layer``: a layer norm of its own, whose gain and offset can close the gap that
            modalities keep (Liang et al., "Mind the gap", NeurIPS 2022); ``none``.

    Raises:
        DataError: no tower, a tower of another modality, or widths that do not agree.
    """

    def __init__(
        self,
        *,
        of: Mapping[str, Encoder],
        dim: Annotated[int, Field(ge=1)] | None = 128,
        normalise: Normalise = "length",
    ) -> None:
        super().__init__()
        _check(of, dim)
        self.modality = "mixed"
        self.dim = dim or next(iter(of.values())).dim
        self.vmap = all(one.vmap for one in of.values())
        learns = dim is not None or normalise == "layer"
        self.pretrained = not learns and all(one.pretrained for one in of.values())
        self.weights_licence = "; ".join(
            dict.fromkeys(one.weights_licence for one in of.values() if one.pretrained)
        )
        self.towers = nn.ModuleDict(dict(of))
        self.project = nn.ModuleDict(
            {name: nn.Linear(one.dim, dim) if dim else nn.Identity() for name, one in of.items()}
        )
        self.norm = nn.ModuleDict(
            {name: LayerNorm(nn.LayerNorm(self.dim)) for name in of} if normalise == "layer" else {}
        )
        self.log_length = nn.Parameter(torch.tensor(math.log(_LENGTH))) if normalise == "length" else None
        self._kept = frozenset(
            f"towers.{name}.{parameter}"
            for name, tower in of.items()
            for parameter, value in tower.named_parameters()
            if not value.requires_grad
        )
        for tower in of.values():
            if any(not parameter.requires_grad for parameter in tower.parameters()):
                fix_untrained_norms(tower)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those that it has a tower for."""
        return tuple(self.towers)

    def tower(self, modality: str) -> Encoder:
        """The encoder of one modality."""
        found = self.towers[modality]
        assert isinstance(found, Encoder)
        return found

    def stays(self, modality: str) -> bool:
        """True where a tower's embeddings change neither in training nor within an episode."""
        tower = self.tower(modality)
        names = {f"towers.{modality}.{name}" for name, _ in tower.named_parameters()}
        return not tower.augments and names <= self._kept

    def prepare(self, raw: Sequence[Sensed]) -> Inputs:
        """B examples of one modality → what its tower prepares, and a mark (B,).

        Raises:
            DataError: several modalities at once, or one without a tower.
        """
        modality = _modality(raw[0])
        if modality not in self.towers:
            raise DataError(
                f"the joint encoder has no tower for {modality} (it has: {listing(self.modalities)}); add "
                f"`{modality}: ENCODER` to it"
            )
        return marked(self.tower(modality).prepare(_Bare(raw, modality)), modality)

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, …) inputs of one modality → (B, dim).

        Raises:
            ValueError: they do not tell their modality, or it has no tower.
        """
        modality = self._told(inputs)
        tower, own = self.towers[modality], _unmarked(inputs)
        embedded = widened(promised_embeddings(tower(own), tower, len(next(iter(own.values())))))
        projected = self.project[modality](embedded)
        if self.log_length is not None:
            return self.log_length.exp() * F.normalize(projected, dim=-1)
        return self.norm[modality](projected) if modality in self.norm else projected

    def fit(self, raw: Sequence[Sensed]) -> None:
        """Each tower that learns from raw examples, from those of its modality."""
        for modality in self.modalities:
            tower = self.tower(modality)
            if type(tower).fit is not Encoder.fit:
                tower.fit([one.raw for one in raw if one.modality == modality])

    def augment(self, inputs: Inputs, generator: torch.Generator) -> Inputs:
        """As the tower does."""
        modality = self._told(inputs)
        return marked(self.tower(modality).augment(_unmarked(inputs), generator), modality)

    @property
    def augments(self) -> bool:
        """True where a tower does."""
        return any(self.tower(modality).augments for modality in self.modalities)

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        """``all``: but what stays as it is in the towers; ``last``: projections and norms."""
        names = [name for name, _ in self.named_parameters() if name not in self._kept]
        last = [name for name in names if not name.startswith("towers.")]
        return {"last": last, "all": names} if last else {"all": names}

    def over(self, modalities: Sequence[str]) -> Self:
        """The same, its own parameters shared, for examples of some modalities that their towers embedded
        already."""
        other = copy.copy(self)
        towers = {
            name: Embedded(name, self.tower(name).dim) if name in modalities else self.tower(name)
            for name in self.modalities
        }
        other._modules = {**self._modules, "towers": nn.ModuleDict(dict(towers))}
        return other

    def _told(self, inputs: Inputs) -> str:
        found = [name.removeprefix(MARK) for name in inputs if name.startswith(MARK)]
        if len(found) == 1 and found[0] in self.towers:
            return found[0]
        if not found:
            raise ValueError(
                f"inputs {listing(inputs)} do not tell their modality; prepare Sensed(modality, example), or add "
                f"an input '{MARK}{self.modalities[0]}' (B,)"
            )
        raise ValueError(
            f"the joint encoder has towers for {listing(self.modalities)}, and was given {listing(found)}"
        )


def marked(inputs: Inputs, modality: str) -> dict[str, Tensor]:
    """Inputs, each leaf (B, …), that tell their modality."""
    count = len(next(iter(inputs.values())))
    device = next(iter(inputs.values())).device
    return {**inputs, MARK + modality: torch.ones(count, dtype=torch.bool, device=device)}


def _unmarked(inputs: Inputs) -> dict[str, Tensor]:
    return {name: leaf for name, leaf in inputs.items() if not name.startswith(MARK)}


def _modality(example: Any) -> str:
    if not isinstance(example, Sensed):
        raise DataError(
            f"a joint encoder prepares Sensed(modality, example), not a bare {type(example).__name__}"
        )
    return example.modality


class _Bare(Sequence[Any]):
    """The raw examples themselves, as they are asked for; all of one modality."""

    def __init__(self, raw: Sequence[Sensed], modality: str) -> None:
        self._raw, self._modality = raw, modality

    def __len__(self) -> int:
        return len(self._raw)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> _Bare: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return _Bare(self._raw[index], self._modality)
        example = self._raw[index]
        if (found := _modality(example)) != self._modality:
            raise DataError(
                f"examples of {self._modality} and {found} in one batch; prepare each modality by itself"
            )
        return example.raw


def _check(of: Mapping[str, Encoder], dim: int | None) -> None:
    if not of:
        raise DataError("a joint encoder needs a tower at least, such as `image: conv4`")
    for name, one in of.items():
        if one.modality != name:
            raise DataError(f"the tower of {name} is a {type(one).__name__} for {one.modality}")
    widths = {name: one.dim for name, one in of.items()}
    if dim is None and len(set(widths.values())) > 1:
        told = ", ".join(f"{name} {width}" for name, width in widths.items())
        raise DataError(f"without projections (dim: null) the towers' widths must agree, not {told}; set dim")
