"""Principal components: against scikit-learn, with fixed signs, and where there is nothing to see."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from kshot.benchmark.projection import principal
from sklearn.decomposition import PCA


@pytest.mark.parametrize(("count", "dim"), [(40, 5), (30, 200), (3, 2)])
def test_components_are_those_of_scikit_learn(count: int, dim: int) -> None:
    points = torch.randn(count, dim, generator=torch.Generator().manual_seed(count)) * torch.arange(
        1, dim + 1
    )
    found = principal(points)
    assert found is not None
    reference = PCA(n_components=2, svd_solver="full")
    expected = reference.fit_transform(points.double().numpy())
    for axis in range(2):
        ours, theirs = found.points[:, axis].numpy(), expected[:, axis]
        assert ours[np.abs(ours).argmax()] > 0
        np.testing.assert_allclose(ours * np.sign(ours @ theirs), theirs, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.explained, reference.explained_variance_ratio_, rtol=1e-6)


@pytest.mark.parametrize(
    "points",
    [
        pytest.param(torch.ones(6, 4), id="all the same"),
        pytest.param(torch.tensor([[0.0, float("nan")], [1, 2], [3, 4]]), id="not finite"),
        pytest.param(torch.randn(1, 4), id="one point"),
    ],
)
def test_where_there_is_nothing_to_see_there_is_no_projection(points: torch.Tensor) -> None:
    assert principal(points) is None
