"""From drawn positions to tensors on the device: three roads behind one interface."""

from kshot.loading.choose import make_loader
from kshot.loading.embedding import embed_positions, embedded_split, encoder_state_hash
from kshot.loading.loader import Loader
from kshot.loading.prepare import RawExamples, collate
from kshot.loading.resident import ResidentLoader
from kshot.loading.streaming import StreamingLoader

__all__ = [
    "Loader",
    "RawExamples",
    "ResidentLoader",
    "StreamingLoader",
    "collate",
    "embed_positions",
    "embedded_split",
    "encoder_state_hash",
    "make_loader",
]
