"""The contracts of the house: source, reader, encoder, learner (and the classifier it makes)."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Protocol, Self, final

import torch
from torch import Tensor, nn

from kshot.episode import TENSOR, Episodes, Examples, Inputs
from kshot.errors import PluginError
from kshot.sampling import Catalogue, Drawn
from kshot.shapes import SPLITS, Split

__all__ = [
    "SPLITS",
    "BatchStatistics",
    "Classifier",
    "Encoder",
    "Learner",
    "Presentation",
    "PretrainHead",
    "Reader",
    "Sensed",
    "Source",
    "Split",
]

BatchStatistics = Literal["frozen", "support", "query", "joint"]
"""Where batch-dependent norms take their statistics from.

``frozen``: running statistics. ``support``: those of the episode's support set. ``query``:
each pass its own, so the queries see each other (transductive). ``joint``: support and query
in one pass, in training only.
"""


PretrainHead = Literal["linear", "cosine"]
"""What classifies the training classes in a pretraining."""


@dataclass(frozen=True)
class Presentation:
    """A raw example drawn for people.

    Attributes:
        media: ``"image/png"``, ``"audio/wav"`` or ``"text/plain"`` (UTF-8).
        data: the file's bytes.
    """

    media: Literal["image/png", "audio/wav", "text/plain"]
    data: bytes


@dataclass(frozen=True)
class Sensed:
    """A raw example together with its modality, where several meet.

    Attributes:
        modality: such as ``"image"``.
        raw: in the form that encoders of the modality prepare.
    """

    modality: str
    raw: Any


class Source(ABC):
    """Named classes with examples, in three splits whose classes are disjoint.

    Attributes:
        modality: such as ``"image"``.
        parts: the sources that its examples come from, by name, where it is made of several.
        notes: what a user should know of it, one line each.
        skipped: what is wrong with each example that was left out since it cannot be used, one text
            each, naming file and row.
    """

    modality: str
    parts: Mapping[str, Source] = MappingProxyType({})
    notes: Sequence[str] = ()
    skipped: Sequence[str] = ()

    @abstractmethod
    def catalogue(self, split: Split) -> Catalogue:
        """Classes and examples of one split; the same object at every call."""

    def out_of_scope(self) -> Catalogue | None:
        """Examples that belong to no class at all, by which a test asks what is told to be unknown; the same
        object at every call. Default: none."""
        return None

    @abstractmethod
    def fetch(self, row: int) -> Any:
        """The raw example of one row, in the form that encoders of the modality prepare.

        Raises:
            DataError: the example cannot be read; the message names file and row.
        """

    @abstractmethod
    def present(self, raw: Any) -> Presentation:
        """A raw example drawn for people."""

    def place(self, row: int) -> str:
        """Where a row's example lies, for messages; default: the row's number."""
        return f"row {row}"

    def digest(self, row: int) -> str | None:
        """SHA-256 of a row's raw content, in hexadecimal digits; none: the catalogue's fingerprint and
        the example's place in it stand for the content."""
        del row
        return None

    def hostile(self) -> Mapping[str, Any]:
        """Examples that are hard or impossible to take, by what is wrong with each (empty, huge, NaN);
        default: none.

        The conformance suite shows those of a modality's tiny source to every encoder of the modality,
        which refuses one with a ``DataError`` or embeds it as finite numbers.
        """
        return {}

    def fixed_episodes(self, split: Split) -> Mapping[str, Drawn]:
        """Published lists of episodes of one split, by name; default: none.

        Positions are the catalogue's. All episodes of a list are of one way, shot and number of
        queries; the order of an episode's examples must not tell their labels.
        """
        del split
        return {}


class Reader(ABC):
    """What people have in their hands → raw examples of one modality.

    Attributes:
        suffixes: lower-case endings of the files that it reads, with their dot.
        unit: what the size of an example is counted in, such as ``"seconds"``.
        most: of these, what an example of strangers may have where nobody says otherwise.
    """

    suffixes: Sequence[str]
    unit: str = "bytes"
    most: float = 1_000_000

    @abstractmethod
    def read(self, given: Any) -> Any:
        """One thing → the raw example that encoders of the modality prepare.

        A :class:`pathlib.Path` is the place of a file; a raw example is taken as it is; what else is
        taken is the modality's own.

        Raises:
            ValueError: it cannot be used; with a short reason.
            OSError: a file cannot be read.
        """

    def decode(self, content: bytes, most: float) -> Any:
        """The content of a file that a stranger sent → the raw example; default: none is taken.

        No path is looked at and no other program started, whatever the content says; a file that
        unpacks to more than ``most`` is refused before its whole is in memory.

        Args:
            content: the file, in one of the formats that ``suffixes`` name.
            most: ``unit``s that it may hold.

        Raises:
            ValueError: it cannot be used; with a short reason.
        """
        del content, most
        raise ValueError(f"{type(self).__name__} takes no files that were sent")

    @abstractmethod
    def present(self, raw: Any) -> Presentation:
        """A raw example drawn for people."""


class Encoder(nn.Module, ABC):
    """Raw examples in, embeddings out: an ordinary module plus what the house must know of it.

    All that ``forward`` and ``prepare`` depend on is in the constructor's options or in
    ``state_dict`` (``get_extra_state`` as a uint8 tensor, for what is not a tensor by nature):
    embeddings are cached under a hash of both.

    Attributes:
        modality: such as ``"image"``.
        dim: width of the embedding.
        pretrained: True when the encoder comes with trained weights.
        weights_licence: licence of those weights.
        vmap: False where ``torch.func.vmap`` cannot map ``forward`` over weights, or gives wrong
            second derivatives; inner loops then go from task to task.
    """

    modality: str
    dim: int
    pretrained: bool = False
    weights_licence: str = ""
    vmap: bool = True

    @abstractmethod
    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """Decode, resample, tokenise, pad: B raw examples → CPU tensors, each leaf (B, …).

        By the encoder's options and buffers, not by its weights, which processes that prepare ahead lack.

        Batches are joined, their other dimensions padded with zeros on the right. Where a leaf (B, L) is
        called ``attention_mask``, what it leaves out for all examples of a batch is cut off dimension 1 of
        every leaf that begins by (B, L), and off no other dimension: where inputs have L in another one too,
        such as an adjacency (B, L, L), the mask is named otherwise, and nothing is cut.

        Raises:
            DataError: an example that cannot be prepared.
        """

    @abstractmethod
    def forward(self, inputs: Inputs) -> Tensor:
        """(B, …) inputs → (B, dim) embeddings; independent of padding and of companions,
        batch norms in training aside. Without gradients several threads may call it at once."""

    def fit(self, raw: Sequence[Any]) -> None:
        """Learn from the raw training examples, once, before training (a tokenizer, say)."""
        del raw

    def augment(self, inputs: Inputs, generator: torch.Generator) -> Inputs:
        """Vary a training batch, each leaf (B, …), on its own device; ``generator`` lives there."""
        del generator
        return inputs

    @property
    def augments(self) -> bool:
        """True when ``augment`` does something."""
        return False

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The blocks that examples pass one after the other, from input to output; default: none.

        Layer-wise learning rates and gradient checkpointing go by them.
        """
        return ()

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        """Names of the parameters in each subset that may be trained or adapted.

        Keys are of ``last`` and ``all``; default: ``all``, and where the encoder names its blocks
        ``last``, the last of them that has parameters and the parameters registered after it. What
        trains a subset sets ``requires_grad`` of all of it: a parameter that is never to train, which
        no default can tell from one that a run freezes, is left out here, or is a buffer.

        Raises:
            ValueError: that block is no part of the encoder.
        """
        names = [name for name, _ in self.named_parameters()]
        blocks = [block for block in self.ordered_blocks() if any(True for _ in block.parameters())]
        if not blocks:
            return {"all": names}
        places = {id(parameter): place for place, parameter in enumerate(self.parameters())}
        own = [places[id(one)] for one in blocks[-1].parameters() if id(one) in places]
        if not own:
            raise ValueError(
                f"{type(self).__name__} names a block in ordered_blocks() that is no part of it, a "
                f"{type(blocks[-1]).__name__}; name modules that it holds as attributes"
            )
        return {"last": names[min(own) :], "all": names}


class Classifier(Protocol):
    """What a learner makes of a support set."""

    def __call__(self, query: tuple[Inputs, ...]) -> Tensor:
        """Query inputs, each leaf (T, n, …) → logits (T, Q, way), Q summed over blocks."""
        ...


class Learner(nn.Module, ABC):
    """A meta-learning method around an encoder.

    Attributes:
        encoder: the encoder, its batch-dependent norms converted to work per episode.
        trains: False for a method that has no training episodes of its own.
        adapts_encoder: True when ``adapt`` changes the encoder's weights within an episode,
            so that embeddings cannot be computed beforehand.
        wants_base: True when ``begin`` must see the training set's embeddings.
        way: the only number of classes that it serves; none: any.
        pretrain_head: what classifies the training classes where the encoder is pretrained.
        favours_large: True where of two classes that are equally like a query the one with more support
            examples is answered.
        batch_statistics: the policy that ``adapt`` and its classifier follow; the default is the
            method's own.
    """

    encoder: nn.Module
    trains: bool = True
    adapts_encoder: bool = False
    wants_base: bool = False
    way: int | None = None
    pretrain_head: PretrainHead = "linear"
    favours_large: bool = False
    batch_statistics: BatchStatistics = "frozen"

    @classmethod
    def way_of(cls, way: int, options: Mapping[str, Any]) -> int | None:
        """The only number of classes that a learner made with these options will serve; none: any.

        A benchmark's plan asks before anything is built. Default: the class's own ``way``.

        Args:
            way: of the training episodes.
            options: those of the constructor, every one with its value.
        """
        del way, options
        return cls.way

    @abstractmethod
    def adapt(self, support: tuple[Examples, ...]) -> Classifier:
        """A classifier for the support's classes; differentiable, stores nothing on the learner."""

    @abstractmethod
    def loss(self, episodes: Episodes) -> Tensor:
        """Scalar training loss, averaged over episodes."""

    def training_logits(self, support: tuple[Examples, ...], query: tuple[Inputs, ...]) -> Tensor:
        """Logits (T, Q, way) as the method computes them in training.

        Default: those of :meth:`adapt`. A method whose training treats the episode otherwise
        (support and query in one pass, running statistics updated) says so here.
        """
        return self.adapt(support)(query)

    @final
    def forward(
        self, support: Tensor | Inputs, support_labels: Tensor, query: Tensor | Inputs, way: int | None = None
    ) -> Tensor:
        """One episode in a loop of one's own: support, its labels and queries → query logits.

        Args:
            support: a tensor (S, …) for an encoder that takes bare tensors, or a mapping of
                such; (T, S, …) where the labels are (T, S).
            support_labels: (S,) or (T, S) integers in 0 … way-1.
            query: (Q, …) or (T, Q, …), likewise.
            way: number of classes; default: the largest label plus one.

        Returns:
            (Q, way) or (T, Q, way); in training mode as :meth:`training_logits` has them.
        """
        block = Examples.of(support, support_labels, way)
        inputs = {TENSOR: query} if isinstance(query, Tensor) else query
        if support_labels.ndim == 1:
            inputs = {name: leaf.unsqueeze(0) for name, leaf in inputs.items()}
        blocks = (block,)
        logits = self.training_logits(blocks, (inputs,)) if self.training else self.adapt(blocks)((inputs,))
        return logits.squeeze(0) if support_labels.ndim == 1 else logits

    def begin(self, embeddings: Tensor, labels: Tensor) -> None:
        """See the training set once before evaluation, where ``wants_base`` says so.

        Args:
            embeddings: (N, dim) of the whole training split.
            labels: (N,) class numbers.
        """
        del embeddings, labels

    def concurrent(self) -> bool:
        """True where the loss of a batch is the mean of its episodes' losses, which have nothing in common
        but weights: on a CPU a training may then compute them on several threads, with copies of the
        learner that share its parameters. Default: False.
        """
        return False

    def weights_per_episode(self) -> int:
        """Numbers that one episode's classifier holds as weights of its own; bounds a batch."""
        return 0

    def around(self, encoder: nn.Module) -> Self:
        """The same learner, sharing its own parameters, around another encoder.

        Raises:
            PluginError: it holds its encoder in another of its modules too, which would stay.
        """
        others = [(name, one) for name, one in self._modules.items() if one is not None and name != "encoder"]
        holds = [name for name, one in others if any(part is self.encoder for part in one.modules())]
        if holds and all(one is not self.encoder for one in encoder.modules()):
            raise PluginError(
                f"{type(self).__name__} holds its encoder in self.{holds[0]} too, and cannot be put around another, "
                "such as embeddings that were computed once; hold and reach it as self.encoder alone, or say "
                "adapts_encoder = True"
            )
        other = copy.copy(self)
        other._modules = {**self._modules, "encoder": encoder}
        return other
