"""From drawn positions to tensors on the device: three roads behind one interface."""

from kshot.loading.cache import EmbeddedSplit, EmbeddingCache, example_keys
from kshot.loading.choose import make_loader
from kshot.loading.embedding import embed_examples, embed_positions, encoder_state_hash
from kshot.loading.loader import Loader
from kshot.loading.parted import PartedLoader
from kshot.loading.prepare import RawExamples, collate, refusals, trimmed
from kshot.loading.resident import ResidentLoader
from kshot.loading.sensed import SensedSource
from kshot.loading.streaming import StreamingLoader

__all__ = [
    "EmbeddedSplit",
    "EmbeddingCache",
    "Loader",
    "PartedLoader",
    "RawExamples",
    "ResidentLoader",
    "SensedSource",
    "StreamingLoader",
    "collate",
    "embed_examples",
    "embed_positions",
    "encoder_state_hash",
    "example_keys",
    "make_loader",
    "refusals",
    "trimmed",
]
