"""The embedded road: every example passes a fixed encoder once, whatever asks for it again.

The cache on disk is addressed by content. A folder stands for an encoder: its factory, options,
version and the bytes of its state. In it lie segments, safetensors files of embeddings, each under
the hash of its example's raw content. Nothing is ever changed in place: what is missing is written
as a new segment, under a name that its content gives, and renamed into place. So writers need no
lock, and whatever changes (a weight, an option, an example) meets no stale entry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from kshot.encoders.embedded import EMBEDDING
from kshot.files import cache_dir, remove_parts
from kshot.interfaces import Encoder, Source
from kshot.loading.embedding import embed_positions, encoder_state_hash
from kshot.loading.prepare import TRUNCATED, prepare
from kshot.sampling import Catalogue
from kshot.tensorfiles import write_tensors

KEY = "key"
KEY_BYTES = 32

ABANDONED_SECONDS = 24 * 3600.0
"""Age from which a temporary file in the cache counts as left by a process that was killed."""


@dataclass(frozen=True)
class EmbeddedSplit:
    """A split's embeddings.

    Attributes:
        embeddings: (N, dim) float32, on the CPU; mapped from disk where one segment holds just
            these.
        truncated: examples that the encoder cut at its maximum length.
    """

    embeddings: Tensor
    truncated: int


@final
class EmbeddingCache:
    """The embeddings of one frozen encoder.

    Args:
        encoder: frozen, on ``device``.
        identity: what else embeddings depend on: the encoder's factory, options, version.
        device: where the encoder runs.
    """

    def __init__(self, encoder: Encoder, identity: Mapping[str, object], device: torch.device) -> None:
        self._encoder, self._device = encoder, device
        described = {**identity, "state": encoder_state_hash(encoder), "device": device.type}
        name = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
        self._folder = cache_dir("embeddings", name)

    def split(self, source: Source, catalogue: Catalogue, keys: np.ndarray) -> EmbeddedSplit:
        """Embeddings of a whole split, each from the cache if it is there.

        Args:
            source: fetches raw examples.
            catalogue: the split.
            keys: as :func:`example_keys` gives them.
        """
        segments = self._segments()
        found = _Found.among(segments, keys)
        if found.missing.size:
            # Equal examples are embedded once.
            _, first = np.unique(keys[found.missing], return_index=True)
            segments.append(self._embed(source, catalogue, keys, np.sort(found.missing[first])))
            found = _Found.among(segments, keys)
        return found.joined(segments)

    def _embed(
        self, source: Source, catalogue: Catalogue, keys: np.ndarray, positions: np.ndarray
    ) -> _Segment:
        cut: list[Tensor] = []

        def gather(some: np.ndarray) -> dict[str, Tensor]:
            inputs = prepare(self._encoder, source, catalogue.rows[some])
            cut.append(inputs.get(TRUNCATED, torch.zeros(len(some), dtype=torch.bool)))
            return {name: leaf.to(self._device) for name, leaf in inputs.items()}

        embedded = embed_positions(self._encoder, gather, positions).cpu()
        segment = _Segment(keys[positions], embedded, torch.cat(cut).cpu())
        segment.write(self._folder)
        return segment

    def _segments(self) -> list[_Segment]:
        paths = sorted(self._folder.glob("*.safetensors")) if self._folder.is_dir() else []
        read = (_Segment.read(path, self._encoder.dim) for path in paths)
        return [segment for segment in read if segment]


@dataclass(frozen=True, eq=False)
class _Segment:
    """Embeddings (n, dim) of n examples under their keys (n,), and which were cut (n,)."""

    keys: np.ndarray
    embeddings: Tensor
    truncated: Tensor

    @staticmethod
    def read(path: Path, dim: int) -> _Segment | None:
        """A segment mapped from disk, or None where it cannot be read (it is then made again)."""
        try:
            with safe_open(path, framework="pt") as stored:
                keys, embeddings = stored.get_tensor(KEY), stored.get_tensor(EMBEDDING)
                truncated = stored.get_tensor(TRUNCATED)
        except (OSError, SafetensorError):
            return None
        count = len(keys)
        fits = tuple(embeddings.shape) == (count, dim) and tuple(truncated.shape) == (count,)
        if not fits or tuple(keys.shape[1:]) != (KEY_BYTES,):
            return None
        return _Segment(np.ascontiguousarray(keys.numpy()).view(f"V{KEY_BYTES}")[:, 0], embeddings, truncated)

    def write(self, folder: Path) -> None:
        content = {
            KEY: torch.from_numpy(self.keys.view(np.uint8).reshape(len(self.keys), KEY_BYTES).copy()),
            EMBEDDING: self.embeddings,
            TRUNCATED: self.truncated,
        }
        name = hashlib.sha256(self.keys.tobytes()).hexdigest()
        remove_parts(folder, ABANDONED_SECONDS)
        write_tensors(folder / f"{name}.safetensors", content)


@dataclass(frozen=True)
class _Found:
    """For each of N keys the segment that holds it (-1: none) and the place in it."""

    segment: np.ndarray
    place: np.ndarray

    @staticmethod
    def among(segments: list[_Segment], keys: np.ndarray) -> _Found:
        segment, place = np.full(len(keys), -1), np.zeros(len(keys), dtype=np.int64)
        for number, one in enumerate(segments):
            at = _places(one.keys, keys)
            hit = (segment < 0) & (at >= 0)
            segment[hit], place[hit] = number, at[hit]
        return _Found(segment, place)

    @property
    def missing(self) -> np.ndarray:
        return np.flatnonzero(self.segment < 0)

    def joined(self, segments: list[_Segment]) -> EmbeddedSplit:
        for number, one in enumerate(segments):
            if self._is(number, len(one.keys)):
                return EmbeddedSplit(one.embeddings, int(one.truncated.sum()))
        embeddings = torch.empty(len(self.place), segments[0].embeddings.shape[1])
        truncated = 0
        for number, one in enumerate(segments):
            here = np.flatnonzero(self.segment == number)
            place = torch.from_numpy(self.place[here])
            embeddings[torch.from_numpy(here)] = one.embeddings[place]
            truncated += int(one.truncated[place].sum())
        return EmbeddedSplit(embeddings, truncated)

    def _is(self, number: int, count: int) -> bool:
        """True where a segment of ``count`` examples holds just these, in this order."""
        here = len(self.place) == count and bool((self.segment == number).all())
        return here and bool((self.place == np.arange(count)).all())


def _places(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each wanted key its place among the known ones, -1 where it is not there."""
    order = np.argsort(known)
    at = np.minimum(np.searchsorted(known[order], wanted), len(known) - 1)
    place = order[at]
    return np.where(known[place] == wanted, place, -1)


def example_keys(source: Source, catalogue: Catalogue, origin: str = "") -> np.ndarray:
    """(N,) keys of a split's examples: the hash of each one's content.

    Where a source does not tell it, the catalogue's fingerprint, which holds the version of its
    content, and the example's place in it stand for the content.

    Args:
        source: tells the content's hash, or does not.
        catalogue: the split.
        origin: what stands for the content beside these, of a source whose code has no version.
    """
    digests = (source.digest(int(row)) for row in catalogue.rows)
    keys = [
        bytes.fromhex(digest)
        if digest
        else hashlib.sha256(f"{catalogue.fingerprint}\0{position}{origin}".encode()).digest()
        for position, digest in enumerate(digests)
    ]
    return np.frombuffer(b"".join(keys), dtype=f"V{KEY_BYTES}")
