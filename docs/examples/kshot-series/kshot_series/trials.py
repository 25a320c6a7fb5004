"""Files that the conformance suite tries the table with, made in a folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kshot_series.processes import Processes


def series_table(folder: Path) -> dict[str, Any]:
    """A folder with one sub-folder of CSV files per class → the options of the source."""
    source = Processes(laws=1, per_class=6)
    catalogue = source.catalogue("train")
    for position, label in enumerate(catalogue.labels):
        path = folder / catalogue.classes[label] / f"{position:03d}.csv"
        path.parent.mkdir(exist_ok=True)
        np.savetxt(path, source.fetch(int(catalogue.rows[position])), header="load", comments="")
    return {"path": str(folder)}
