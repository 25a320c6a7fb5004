"""The encoder of a classifier: what it makes of raw examples, and how it is known again."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
import torch
from torch import Tensor, nn

from kshot.classifier.doubts import tell_cut
from kshot.classifier.parts import build_encoder
from kshot.classifier.recipe import Recipe
from kshot.classifier.support import Support
from kshot.devices import choose_device
from kshot.encoders import Embedded, Joint
from kshot.encoders.embedded import EMBEDDING
from kshot.errors import DataError, InputError, KshotError, UnusableError
from kshot.interfaces import Encoder
from kshot.loading import collate, embed_positions, encoder_state_hash, refusals
from kshot.loading.prepare import truncated_in
from kshot.registry import Registry
from kshot.training import lasting_encoder_state

CHUNK = 256
"""Examples prepared at a time."""


@dataclass(frozen=True, eq=False)
class EncoderIdentity:
    """How an encoder is known again.

    Attributes:
        digest: hash of its whole state.
        state: of it what the encoder's factory would not make again: all, or of one that came with
            weights what training changed.
    """

    digest: str
    state: Mapping[str, Tensor]


@final
class Embedder:
    """An encoder in evaluation mode on a device.

    Args:
        encoder: as it came, or as it was fitted.
        device: where it computes.
        who: its name, for messages.
        code: a hash of its code, of one that this process registered.
    """

    def __init__(self, encoder: Encoder, device: torch.device, who: str, code: str = "") -> None:
        self._encoder, self._device, self._who = encoder.to(device).eval(), device, who
        self._code = code
        self.modality = encoder.modality

    @classmethod
    def build(cls, registry: Registry, recipe: Recipe, device: str) -> Self:
        """The registered encoder, as it came.

        Raises:
            KshotError: unknown, not buildable, or no such device.
        """
        chosen = choose_device(device)
        entry = registry.find("encoders", recipe.encoder.use.partition(":")[0])
        code = entry.version if entry.made else ""
        with torch.random.fork_rng(devices=[]):  # the numbers that a caller draws next stay theirs
            encoder = build_encoder(registry, recipe)
        return cls(encoder, chosen, recipe.encoder.use, code)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._device

    @property
    def pretrained(self) -> bool:
        """True where it came with weights."""
        return self._encoder.pretrained

    @property
    def licence(self) -> str:
        """Of the weights that it came with; empty where it does not say."""
        return self._encoder.weights_licence

    def fit(self, raw: Sequence[Any]) -> None:
        """Let the encoder learn what it learns from raw examples.

        Raises:
            KshotError: it would need training.
        """
        if not self._encoder.pretrained and any(True for _ in self._encoder.parameters()):
            raise KshotError(
                f"encoder '{self._who}' comes without trained weights, so its embeddings say nothing yet; choose "
                "one that is pretrained (`kshot list encoders` names them), or a learner that `kshot bench` "
                "trained around it: learner='RUN/cells/ID'"
            )
        self._encoder.fit(raw)
        # Buffers that it makes anew lie where it made them.
        self._encoder.to(self._device)

    def take_up(self, state: Mapping[str, Tensor]) -> None:
        """Become the encoder that a training made, by what lasts of its state.

        Raises:
            KshotError: the state is of another encoder, or a part of it is missing.
        """
        expected = lasting_encoder_state(self._encoder)
        changing = {name for name, one in self._encoder.named_parameters() if one.requires_grad}
        # What came with a pretrained encoder is there already.
        needed = changing if self._encoder.pretrained else expected.keys()
        for name in sorted((needed - state.keys()) | (state.keys() - expected.keys())):
            where = "missing there" if name in expected else "unknown here"
            raise KshotError(f"encoder '{self._who}': {name} is {where}: the weights are of another one")
        try:
            self._encoder.load_state_dict(dict(state), strict=False)
            self._encoder.to(self._device)
        except (RuntimeError, ValueError, KeyError) as error:
            raise KshotError(f"encoder '{self._who}': the weights are of another one: {error}") from error

    def stand_in(self) -> Embedded:
        """What a learner is built around that sees embeddings only."""
        return Embedded(self.modality, self._encoder.dim)

    def copy(self) -> nn.Module:
        """An encoder of its own for a learner that adapts it."""
        return copy.deepcopy(self._encoder)

    def support(self, raw: Sequence[Any], labels: tuple[str, ...], *, adapts: bool, who: str) -> Support:
        """Raw examples as a learner takes them; how many the encoder cuts is told in the log.

        Args:
            raw: N raw examples.
            labels: their classes.
            adapts: True for a learner that adapts the encoder, which must see the examples themselves.
            who: to whom they were given, such as ``fit``.

        Raises:
            UnusableError: the encoder refuses some.
        """
        if isinstance(self._encoder, Joint):
            return self._mixed(raw, labels, adapts=adapts, who=who)
        prepared = self._prepared(raw, range(len(raw)))
        tell_cut(who, self._who, truncated_in(prepared), len(raw))
        # Kernels go by strides, and a file keeps none: those of a plain layout, now as after loading.
        inputs = {name: leaf.flatten().view(leaf.shape) for name, leaf in prepared.items()}

        def gather(positions: np.ndarray) -> dict[str, Tensor]:
            index = torch.from_numpy(positions)
            return {name: leaf[index].to(self._device) for name, leaf in inputs.items()}

        embeddings = embed_positions(self._encoder, gather, np.arange(len(raw))).cpu()
        return Support(inputs if adapts else {EMBEDDING: embeddings}, embeddings, labels)

    def identity(self) -> EncoderIdentity:
        """How it is known again."""
        state = lasting_encoder_state(self._encoder)
        return EncoderIdentity(self._digest(), {n: v.cpu() for n, v in state.items()})

    def resume(self, identity: EncoderIdentity, embeddings: Tensor) -> None:
        """Become the encoder that a classifier was made with.

        Args:
            identity: of that encoder.
            embeddings: (N, dim) that it made.

        Raises:
            KshotError: it is another one.
        """
        try:
            self.take_up(identity.state)
            same = self._digest() == identity.digest
        except KshotError as error:
            raise KshotError(f"the classifier was made with another '{self._who}': {error}") from error
        if not same:
            raise KshotError(
                f"the classifier was made with another '{self._who}': weights or settings differ; install the "
                "version that it was made with, or fit it anew"
            )
        if embeddings.shape[1] != self._encoder.dim:
            raise KshotError(
                f"the classifier's embeddings have {embeddings.shape[1]} numbers, those of '{self._who}' "
                f"{self._encoder.dim}; the file was changed"
            )

    def _mixed(self, raw: Sequence[Any], labels: tuple[str, ...], *, adapts: bool, who: str) -> Support:
        """Examples of several modalities, of which embeddings alone are kept."""
        if adapts:
            raise KshotError(
                f"encoder '{self._who}' is one of several modalities, and a classifier keeps embeddings of these; "
                "choose a learner that does not adapt the encoder (maml and meta_lstm: adapt: head), and no "
                "batch statistics of the examples' own"
            )
        table = torch.zeros(len(raw), self._encoder.dim)
        cut = 0
        for modality in dict.fromkeys(one.modality for one in raw):
            own = [number for number, one in enumerate(raw) if one.modality == modality]

            def gather(numbers: np.ndarray) -> Mapping[str, Tensor]:
                nonlocal cut
                prepared = self._prepared([raw[number] for number in numbers], numbers)
                cut += truncated_in(prepared)
                return {name: leaf.to(self._device) for name, leaf in prepared.items()}

            table[torch.tensor(own)] = embed_positions(self._encoder, gather, np.asarray(own)).cpu()
        tell_cut(who, self._who, cut, len(raw))
        return Support({EMBEDDING: table}, table, labels)

    def _digest(self) -> str:
        return encoder_state_hash(self._encoder) + (f" {self._code}" if self._code else "")

    def _prepared(self, raw: Sequence[Any], numbers: Sequence[int] | np.ndarray) -> dict[str, Tensor]:
        """Some raw examples as inputs, each leaf (n, …); ``numbers``: theirs among all.

        Raises:
            UnusableError: the encoder refuses some.
        """
        parts: list[Mapping[str, Tensor]] = []
        reasons: dict[int, str] = {}
        for start in range(0, len(raw), CHUNK):
            some = raw[start : start + CHUNK]
            try:
                parts.append(self._encoder.prepare(some))
            except DataError as error:
                refused = {place: str(one) for place, one in refusals(self._encoder, some)}
                if not refused:
                    raise InputError(
                        f"the encoder refuses examples together, and none alone: {error}"
                    ) from error
                reasons |= {int(numbers[start + place]): reason for place, reason in refused.items()}
        if reasons:
            raise UnusableError("the encoder", reasons)
        return collate(parts)
