"""The contract of every encoder, and what is this modality's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from kshot.errors import DataError
from kshot.interfaces import Encoder
from kshot.testing import EncoderConformance, Subject
from kshot_series.encoders.autocorrelation import Autocorrelation
from kshot_series.encoders.temporal import TemporalConvolutions
from kshot_series.processes import Processes


def curves(classes: int = 6, each: int = 8) -> list[list[np.ndarray]]:
    source = Processes(laws=1, per_class=each)
    rows, offsets = source.catalogue("train").rows, source.catalogue("train").offsets
    return [[source.fetch(int(row)) for row in rows[offsets[k] : offsets[k] + each]] for k in range(classes)]


class TestTemporalOfTwoChannels(EncoderConformance):
    subject = Subject(
        "curves of two channels",
        lambda: TemporalConvolutions(width=8, blocks=2, dim=12, channels=2),
        [[np.hstack([one, one[::-1]]) for one in own] for own in curves()],
    )


ENCODERS = [Autocorrelation(lags=3), TemporalConvolutions(width=4, blocks=1)]


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (np.zeros((0, 1), np.float32), "it is empty"),
        (np.array([[1.0], [np.nan]]), "NaN or infinity"),
        (np.array([[1e30]]), "beyond 1e\\+15"),
        (np.zeros((2, 2, 2)), "neither"),
        (np.zeros((4, 2)), "has 2 channels, and the encoder was made for 1; give it the option channels: 2"),
        (np.array(["a"]), "no numbers"),
        ([1.0, 2.0], "is a list, not an array"),
    ],
)
def test_what_is_no_series_is_refused_with_its_place(encoder: Encoder, given: object, reason: str) -> None:
    good = np.zeros((5, 1), np.float32)
    with pytest.raises(DataError, match=f"example 1 of the batch.*{reason}"):
        encoder.prepare([good, given])


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda one: type(one).__name__)
def test_scale_and_level_do_not_count_and_a_constant_is_no_trouble(encoder: Encoder) -> None:
    curve = curves()[0][0]
    constant = np.full((30, 1), 0.1, np.float32)
    inputs = encoder.prepare([curve, 1e-4 * curve, 1000 * curve + 5, constant, constant[:1]])
    first, small, moved, flat, single = encoder(inputs)
    torch.testing.assert_close(small, first, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(moved, first, rtol=1e-3, atol=1e-3)
    assert flat.isfinite().all()
    assert single.isfinite().all()


def test_a_longer_series_is_cut_and_told() -> None:
    inputs = Autocorrelation(longest=10).prepare([np.arange(9.0)[:, None], np.arange(11.0)[:, None]])
    assert inputs["truncated"].tolist() == [False, True]
    assert inputs["values"].shape == (2, 10, 1)


def test_autocorrelations_are_the_textbook_s() -> None:
    curve = curves()[2][3]
    embedded = Autocorrelation(lags=4)(Autocorrelation(lags=4).prepare([curve]))[0].numpy()
    centred = curve[:, 0].astype(np.float64) - curve.mean(dtype=np.float64)
    expected = [(centred[:-lag] * centred[lag:]).sum() / (centred**2).sum() for lag in range(1, 5)]
    np.testing.assert_allclose(embedded[:4], expected, atol=1e-5)
    shape = centred / centred.std()
    np.testing.assert_allclose(embedded[4:6], [(shape**3).mean() / 4, (shape**4).mean() / 4], atol=1e-4)


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(ValueError, match="kernel must be odd"):
        TemporalConvolutions(kernel=4)
