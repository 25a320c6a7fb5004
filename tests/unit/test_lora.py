"""Low-rank adapters: where they sit, what they change, and what is said where they cannot be."""

from __future__ import annotations

import sys

import pytest
import torch
from kshot.errors import KshotError
from kshot.functional import add_lora, parameter_subset
from kshot.learners.maml import MAML
from kshot.testing import toy_encoder, toy_subject
from torch import nn


def test_embeddings_stay_and_only_adapters_train() -> None:
    subject = toy_subject()
    encoder = subject.encoder().eval()
    before = encoder(subject.inputs())
    assert add_lora(encoder, rank=2) is encoder
    torch.testing.assert_close(encoder(subject.inputs()), before, rtol=0, atol=0)
    training = [name for name, parameter in encoder.named_parameters() if parameter.requires_grad]
    assert training == parameter_subset(encoder, "lora") != []


def test_an_adapter_is_the_scaled_product() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(5, 3)
    weight, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
    network = add_lora(nn.Sequential(layer), rank=2, alpha=6)
    parts = dict(network.named_parameters())
    down, up = parts["0.lora_A.default.weight"], parts["0.lora_B.default.weight"]
    nn.init.normal_(up)
    x = torch.randn(4, 5)
    torch.testing.assert_close(network(x), x @ (weight + 6 / 2 * up @ down).T + bias)


def test_targets_choose_layers() -> None:
    network = nn.ModuleDict({"query": nn.Linear(4, 4), "key": nn.Linear(4, 4), "subquery": nn.Linear(4, 4)})
    add_lora(network, rank=1, targets=["query"])
    assert {name.split(".")[0] for name in parameter_subset(network, "lora")} == {"query"}


def test_layers_that_are_never_called_are_left_alone() -> None:
    network = nn.ModuleDict({"attention": nn.MultiheadAttention(4, 2), "out": nn.Linear(4, 4)})
    add_lora(network, rank=1)
    assert {name.split(".")[0] for name in parameter_subset(network, "lora")} == {"out"}


def test_convolutions_that_peft_would_get_wrong_are_left_alone() -> None:
    network = nn.ModuleDict(
        {
            "plain": nn.Conv1d(4, 4, 3, stride=2, padding=1),
            "dilated": nn.Conv1d(4, 4, 3, dilation=2),
            "grouped": nn.Conv1d(4, 4, 3, groups=4),
            "wrapped": nn.Conv1d(4, 4, 3, padding=1, padding_mode="circular"),
        }
    )
    add_lora(network, rank=1)
    assert {name.split(".")[0] for name in parameter_subset(network, "lora")} == {"plain"}


@pytest.mark.parametrize(
    ("network", "targets", "said"),
    [
        (nn.Sequential(nn.Flatten()), None, "Sequential has no linear or plain convolutional layer"),
        (nn.Sequential(nn.Linear(2, 2)), ["value"], "Sequential has no layer 'value'; it has 0"),
    ],
)
def test_what_cannot_be_adapted_is_said(network: nn.Module, targets: list[str] | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        add_lora(network, targets=targets)


def test_adapters_are_put_in_once() -> None:
    network = add_lora(nn.Sequential(nn.Linear(2, 2)), rank=1)
    with pytest.raises(ValueError, match="already"):
        add_lora(network, rank=1)


def test_an_encoder_without_adapters_says_how_to_get_them() -> None:
    with pytest.raises(ValueError, match=r"adapt: lora is not among .*\(head, all.*add_lora"):
        MAML(toy_encoder(), way=3, adapt="lora")


def test_without_peft_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(KshotError, match=r"kshot\[lora\]"):
        add_lora(nn.Sequential(nn.Linear(2, 2)))
