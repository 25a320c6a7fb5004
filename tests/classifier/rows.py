"""A modality whose examples are rows of numbers, which is what scikit-learn's checks hand over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import kshot
import numpy as np
import torch
from kshot import FewShotClassifier
from kshot.errors import DataError
from kshot.interfaces import Encoder, Presentation, Reader
from kshot.registry.session import forget_session
from torch import Tensor


class Rows(Reader):
    """A row of numbers as it is."""

    suffixes = (".row",)
    unit = "numbers"
    most = 1000.0

    def read(self, given: Any) -> np.ndarray:
        row = np.asarray(given)
        if row.ndim != 1:
            raise ValueError(
                f"{row.ndim} dimensions, and an example is one row of numbers. Reshape your data"
            )
        if not len(row):
            raise ValueError("0 feature(s) (shape=(1, 0)) while a minimum of 1 is required.")
        if np.iscomplexobj(row):
            raise ValueError("Complex data not supported")
        numbers = row.astype(np.float64)
        if not np.isfinite(numbers).all():
            raise ValueError("it holds NaN or inf")
        return numbers.astype(np.float32)

    def decode(self, content: bytes, most: float) -> np.ndarray:
        del most
        return np.frombuffer(content, dtype="<f4")

    def present(self, raw: Any) -> Presentation:
        return Presentation("text/plain", str(raw).encode())


class Plain(Encoder):
    """Rows of whatever width as they are, less the mean of the first that it saw."""

    modality = "rows"

    def __init__(self) -> None:
        super().__init__()
        self.dim = 1
        self.register_buffer("mean", torch.zeros(1))

    def fit(self, raw: Sequence[Any]) -> None:
        rows = np.stack(list(raw))
        self.dim = rows.shape[1]
        self.mean = torch.from_numpy(rows.mean(axis=0))

    def _load_from_state_dict(self, state_dict, prefix, *args):
        """Become as wide as what is loaded."""
        self.dim = len(state_dict[f"{prefix}mean"])
        self.mean = torch.zeros(self.dim)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def prepare(self, raw: Sequence[Any]) -> dict[str, Tensor]:
        rows = list(raw)
        if any(len(row) != self.dim for row in rows):
            raise DataError(f"a row that has not {self.dim} numbers")
        return {"rows": torch.from_numpy(np.stack(rows))}

    def forward(self, inputs: Any) -> Tensor:
        return inputs["rows"] - self.mean


class Numbered(FewShotClassifier):
    """Answers with the labels as they were given: the checks compare and subtract numbers, not their names."""

    def fit(self, X, y=None, negatives=None):  # noqa: N803
        super().fit(X, y, negatives)
        self.kind_ = np.asarray(y).dtype
        return self

    @property
    def classes_(self):
        return np.asarray(super().classes_.tolist()).astype(self.kind_)

    def predict(self, X):  # noqa: N803
        return np.asarray(super().predict(X).tolist()).astype(self.kind_)


@contextmanager
def rows_registered() -> Iterator[None]:
    """The modality ``rows`` with its reader and its encoder ``plain``."""
    kshot.register_reader(Rows, modality="rows")
    kshot.register_encoder(Plain)
    try:
        yield
    finally:
        forget_session()
