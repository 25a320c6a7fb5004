"""How a network's inputs lie in memory: it makes convolutions fast, and never a difference."""

from typing import Any

import pytest
import torch
from kshot.config import StrategyEntry
from kshot.errors import PluginError
from kshot.functional.chosen import following
from kshot.functional.embedding import chunks_of, concatenated, embed_flat, embed_jointly, laid_out
from kshot.interfaces import Encoder
from kshot.learners.maml import MAML
from torch import Tensor, nn

LAST = torch.channels_last


class Seen(nn.Module):
    """A convolution that keeps what it gives."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, 8, 3, padding=1, dtype=torch.float64)

    def forward(self, pictures: Tensor) -> Tensor:
        self.given = self.convolution(pictures)
        return self.given.flatten(1)


def _pictures(channels: int, kind: str) -> Tensor:
    made = torch.rand(6, channels, 10, 12, dtype=torch.float64)
    match kind:
        case "cut":
            return made[::2, :, 1:-1, ::2]
        case "turned":
            return made.transpose(2, 3)
        case "channels last":
            return made.contiguous(memory_format=LAST)
        case _:
            return made


@pytest.mark.parametrize("kind", ["plain", "cut", "turned", "channels last"])
@pytest.mark.parametrize("channels", [1, 3])
def test_convolutions_run_channels_last_on_pictures_of_every_layout(channels: int, kind: str) -> None:
    pictures, network = _pictures(channels, kind), Seen(channels)
    got = embed_flat(network, {"tensor": pictures})
    assert network.given.is_contiguous(memory_format=LAST)
    assert not network.given.is_contiguous()
    plain = pictures.clone(memory_format=torch.contiguous_format)
    weight, bias = network.convolution.weight, network.convolution.bias
    oracle = torch.einsum(
        "bcxyuv,ocuv->boxy", nn.functional.pad(plain, (1, 1, 1, 1)).unfold(2, 3, 1).unfold(3, 3, 1), weight
    ) + bias.view(-1, 1, 1)
    torch.testing.assert_close(got, oracle.flatten(1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["plain", "cut", "turned", "channels last"])
@pytest.mark.parametrize("channels", [1, 3])
def test_laying_out_changes_no_value(channels: int, kind: str) -> None:
    pictures = _pictures(channels, kind)
    assert torch.equal(laid_out({"pixel_values": pictures})["pixel_values"], pictures)


def test_chunks_are_even_in_number_and_no_longer_than_they_may_be() -> None:
    assert [chunks_of(examples) for examples in (1, 20, 21, 40, 80, 81, 600)] == [1, 1, 2, 2, 2, 4, 16]
    with following(StrategyEntry(chunk=1)):
        assert [chunks_of(examples) for examples in (0, 1, 2, 3)] == [1, 1, 2, 3]


class Odd(Encoder):
    """What an encoder must not give, for two examples."""

    modality, dim = "toy", 4

    def __init__(self, given: Any) -> None:
        super().__init__()
        self.weight, self.given = nn.Parameter(torch.ones(())), given

    def prepare(self, raw: Any) -> Any:
        raise NotImplementedError

    def forward(self, inputs: Any) -> Any:
        return self.given(inputs["values"] * self.weight)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (lambda x: x[:, :3], r"\(2, 3\) of torch.float32"),
        (lambda x: x[:1], r"\(1, 4\) of torch.float32"),
        (lambda x: x[0], r"\(4,\) of torch.float32"),
        (lambda x: x.unsqueeze(1), r"\(2, 1, 4\) of torch.float32"),
        (lambda x: x.long(), r"\(2, 4\) of torch.int64"),
        (lambda x: torch.complex(x, x), r"\(2, 4\) of torch.complex64"),
        (lambda x: (x,), "a tuple"),
        (lambda x: None, "a NoneType"),
    ],
)
def test_what_is_no_embedding_names_the_encoder(given: Any, found: str) -> None:
    message = rf"Odd embeds 2 examples as {found}; its forward\(\) must give .* \(2, dim = 4\)"
    with pytest.raises(PluginError, match=message):
        embed_flat(Odd(given), {"values": torch.ones(2, 4)})
    support, labels = {"values": torch.ones(2, 4)}, torch.tensor([0, 1])
    with pytest.raises(PluginError, match=message):
        MAML(Odd(given), way=2)(support, labels, support)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_embeddings_in_half_are_widened_and_others_stay(dtype: torch.dtype) -> None:
    made = torch.randn(4, 3, dtype=dtype)
    got = embed_flat(nn.Identity(), {"tensor": made})
    assert got.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.equal(got.to(dtype), made)


def test_the_shorter_side_is_padded_on_the_right() -> None:
    short, long = torch.randn(2, 3, 4, 5), torch.randn(2, 1, 6, 2)
    joined = concatenated(short, long)
    assert joined.shape == (2, 4, 6, 5)
    assert torch.equal(joined[:, :3, :4], short)
    assert torch.equal(joined[:, 3:, :, :2], long)
    assert joined.count_nonzero() == short.numel() + long.numel()


def test_blocks_of_two_modalities_come_back_in_their_order() -> None:
    class Either(nn.Module):
        def forward(self, inputs: dict[str, Tensor]) -> Tensor:
            [(name, leaf)] = inputs.items()
            return leaf if name == "seen" else -leaf

    seen, heard = torch.rand(2, 5, 3), torch.rand(2, 4, 3)
    support, query = embed_jointly(
        Either(),
        [{"heard": heard[:, :1]}, {"seen": seen[:, :2]}],
        [{"seen": seen[:, 2:]}, {"heard": heard[:, 1:]}],
    )
    assert torch.equal(support, torch.cat([-heard[:, :1], seen[:, :2]], dim=1))
    assert torch.equal(query, torch.cat([seen[:, 2:], -heard[:, 1:]], dim=1))
