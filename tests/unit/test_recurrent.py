"""Recurrent layers and pooling over padded sequences, against torch's packed ones and the formula."""

from __future__ import annotations

import torch
from kshot.functional import AttentionPooling, BidirectionalGRU, lstm_outputs
from kshot.functional.recurrent import turned
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

LENGTHS = [5, 1, 3]


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    mask = (torch.arange(6) < torch.tensor(LENGTHS)[:, None]).long()
    return torch.randn(3, 6, 4, dtype=torch.float64), mask


def test_turned_within_its_length() -> None:
    sequence = torch.arange(6.0).reshape(1, 6, 1).expand(3, 6, 1)
    found = turned(sequence, batch()[1]).squeeze(2).tolist()
    assert found == [[4, 3, 2, 1, 0, 5], [0, 1, 2, 3, 4, 5], [2, 1, 0, 3, 4, 5]]


def test_both_directions_are_those_of_packed_sequences() -> None:
    sequence, mask = batch()
    ours = BidirectionalGRU(4, 3).double()
    theirs = nn.GRU(4, 3, batch_first=True, bidirectional=True).double()
    theirs.load_state_dict(
        dict(ours.ahead.state_dict())
        | {f"{name}_reverse": value for name, value in ours.back.state_dict().items()}
    )
    packed = pack_padded_sequence(sequence, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(theirs(packed)[0], batch_first=True, total_length=6)
    torch.testing.assert_close(ours(sequence, mask), expected)


def test_an_lstm_under_autocast_is_computed_in_full_precision_on_a_cpu() -> None:
    sequence, unit = batch()[0].bfloat16(), nn.LSTM(4, 3, num_layers=2, batch_first=True)
    expected, _ = unit(sequence.float())
    with torch.autocast("cpu", torch.bfloat16):
        found = lstm_outputs(unit, sequence)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_pooling_weighs_valid_steps_alone() -> None:
    sequence, mask = batch()
    pooling = AttentionPooling(4, heads=2).double()
    found = pooling(sequence, mask)
    for row, length in enumerate(LENGTHS):
        own = sequence[row, :length]
        weights = pooling.scores(torch.tanh(pooling.inner(own))).softmax(0)
        torch.testing.assert_close(found[row], (weights.T @ own).flatten())


def test_pooling_nothing_is_finite() -> None:
    sequence, mask = batch()
    assert AttentionPooling(4, heads=1).double()(sequence, 0 * mask).isfinite().all()
