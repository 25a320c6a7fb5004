"""What is kept of queries of unknown classes, and the measures of how well they were told from known ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kshot.results.entry import Count, Entry, Measure

MEASURES: Final[Mapping[str, str]] = {
    "unknown_auroc": "AUROC",
    "unknown_fpr95": "FPR95",
    "unknown_oscr": "OSCR",
    "unknown_eer": "EER",
}
"""Names among a score's metrics, and their titles."""


class UnknownQueries(Entry):
    """The unknown queries of a score's episodes.

    Attributes:
        classes: unknown classes of each episode, of the same split; null where they are of no class.
        queries: queries of each; of no class: of an episode.
        score: what told how known a query looks, in the measures.
        manifest: content hash of the queries.
        auroc: by every score that was kept.
    """

    classes: Count | None
    queries: Count
    score: str
    manifest: str = ""
    auroc: Mapping[str, Measure] = {}
