"""A series drawn for people: its curve, as a PNG file."""

from __future__ import annotations

import io
from typing import Any

from kshot.interfaces import Presentation

from kshot_series.series import Series

SIZE = 2.4, 1.0
"""Width and height in inches, at 100 pixels each."""


def present(series: Series) -> Presentation:
    """A curve for each channel, over time; the axes are left out, since units are the data's own."""
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=SIZE, dpi=100, facecolor="white")
    axes = figure.add_axes((0.02, 0.06, 0.96, 0.88))
    axes.plot(series, linewidth=1.1, marker="." if len(series) == 1 else None)
    axes.margins(x=0.01, y=0.08)
    axes.axis("off")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return Presentation("image/png", stream.getvalue())
