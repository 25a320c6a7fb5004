"""Which token may look at which."""

import torch
from kshot.functional import attention_over
from torch.nn.functional import scaled_dot_product_attention


def test_tokens_look_at_tokens_alone_and_a_text_without_any_gives_numbers() -> None:
    mask = torch.tensor([[1, 1, 0], [0, 1, 1], [0, 0, 0]])
    allowed = attention_over(mask)
    assert allowed.shape == (3, 1, 3, 3)
    keys = [[True, True, False], [False, True, True], [True, True, True]]
    assert allowed[:, 0].tolist() == [[row] * 3 for row in keys]
    states = torch.randn(3, 1, 3, 4)
    assert scaled_dot_product_attention(states, states, states, allowed).isfinite().all()
