"""Words and short phrases, read letter by letter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, final

import torch.nn.functional as F
from kshot.episode import Inputs
from kshot.functional import AttentionPooling, BidirectionalGRU
from kshot.interfaces import Encoder
from pydantic import Field
from torch import Tensor, nn

from kshot_text.state import bytes_of, text_of
from kshot_text.texts import checked
from kshot_text.tokens import fitted

_UNKNOWN = 1  # 0 is padding
_FIRST = 2


@final
class CharCnnGru(Encoder):
    """Letters → convolutions → GRU in both directions → attention pooling.

    Convolutions over characters after Zhang et al., "Character-level convolutional networks for text
    classification" (NeurIPS 2015), a recurrent layer above them after Xiao and Cho (2016). There is no
    vocabulary of words, so that a word never seen, or misspelt, is read like any other. Letters of
    lower and upper case are the same.

    Args:
        dim: width of the embedding.
        width: channels of the convolutions and units of each direction of the recurrent layer.
        heads: of the pooling.
        scale: length of the embedding.
        max_length: characters that count.
        characters: characters that are told apart; ``fit`` takes the most frequent of the training
            texts, all others share one embedding.
    """

    modality = "text"
    vmap = False  # nn.GRU

    def __init__(
        self, dim: int, width: int, heads: int, scale: float, max_length: int, characters: int
    ) -> None:
        super().__init__()
        self.dim, self.scale = dim, scale
        self._max_length, self._most = max_length, characters
        self._alphabet = ""
        self.letters = nn.Embedding(_FIRST + characters, width)
        self.layers = nn.ModuleList(nn.Conv1d(width, width, 3, padding=1) for _ in range(2))
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        self.recurrent = BidirectionalGRU(width, width)
        self.pooling = AttentionPooling(self.recurrent.width, heads)
        # Sequences differ little beside what all of them share: taken out, a contrastive loss falls from
        # its first steps on.
        self.norm = nn.BatchNorm1d(self.pooling.width)
        self.project = nn.Linear(self.pooling.width, dim)

    def fit(self, raw: Sequence[Any]) -> None:
        """Learn the alphabet from N training texts."""
        counts: dict[str, int] = {}
        for text in checked(raw, "char_cnn_gru"):
            for character in text.lower():
                counts[character] = counts.get(character, 0) + 1
        ordered = sorted(counts, key=lambda character: (-counts[character], character))
        self._alphabet = "".join(sorted(ordered[: self._most]))

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """B texts → ``input_ids`` and ``attention_mask``, both (B, L), and ``truncated`` (B,)."""
        numbers = {character: _FIRST + place for place, character in enumerate(self._alphabet)}
        ids = [
            [numbers.get(character, _UNKNOWN) for character in text.lower()] or [_UNKNOWN]
            for text in checked(raw, "char_cnn_gru")
        ]
        return fitted(ids, self._max_length, lambda places: [ids[one][: self._max_length] for one in places])

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, L) characters and their mask (B, L) → (B, dim) embeddings of length ``scale``."""
        mask = inputs["attention_mask"]
        valid = mask.unsqueeze(1).to(self.letters.weight.dtype)
        hidden = self.letters(inputs["input_ids"]).mT * valid
        for layer in self.layers:
            # A layer reaches over the end of a text; what it writes there is wiped out.
            hidden = F.relu(layer(hidden)) * valid
        pooled = self.pooling(self.recurrent(hidden.mT, mask), mask)
        return self.scale * F.normalize(self.project(self.norm(pooled)), dim=1)

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The convolutions, the recurrent layer, the linear layer after the pooling."""
        return (*self.layers, self.recurrent, self.project)

    def get_extra_state(self) -> Tensor:
        """The alphabet, as bytes."""
        return bytes_of(self._alphabet)

    def set_extra_state(self, state: Tensor) -> None:
        """Restore what :meth:`get_extra_state` gave."""
        self._alphabet = text_of(state) if len(state) else ""


def char_cnn_gru(
    *,
    dim: Annotated[int, Field(ge=1)] = 128,
    width: Annotated[int, Field(ge=1)] = 64,
    heads: Annotated[int, Field(ge=1)] = 4,
    scale: Annotated[float, Field(gt=0)] = 4.0,
    max_length: Annotated[int, Field(ge=1)] = 64,
    characters: Annotated[int, Field(ge=1)] = 96,
) -> Encoder:
    """Letter by letter: convolutions, GRU in both directions, attention pooling; (B, dim).

    Args:
        dim: width of the embedding.
        width: channels of the convolutions, and units of each direction of the recurrent layer.
        heads: of the attention pooling.
        scale: length of the embedding.
        max_length: characters of a text that count.
        characters: told apart: the most frequent ones of the training texts.
    """
    return CharCnnGru(dim, width, heads, scale, max_length, characters)
