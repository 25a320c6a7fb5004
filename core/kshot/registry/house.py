"""What the house's own distributions bring, so that an error can name the one to install.

Only messages read this table; what can be run is what installed plugins register.
"""

from __future__ import annotations

from dataclasses import dataclass

MODALITIES = {"image": "kshot-image", "audio": "kshot-audio", "text": "kshot-text"}
"""The house's distribution for each modality."""

_BRINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "kshot-image": {"encoders": ("conv4", "pixels"), "sources": ("glyphs", "image_table", "omniglot")},
    "kshot-audio": {"encoders": ("dvector", "mel_statistics"), "sources": ("audio_table", "voices")},
    "kshot-text": {"encoders": ("mini_transformer", "minilm", "tfidf"), "sources": ("pydocs", "text_table")},
}

_EXTRAS = {("sources", "voices"): "voices", ("encoders", "minilm"): "minilm"}


@dataclass(frozen=True)
class Offer:
    """A distribution of the house, and the extra of it that is needed."""

    distribution: str
    extra: str = ""

    @property
    def command(self) -> str:
        """The pip command that installs it."""
        extra = f"[{self.extra}]" if self.extra else ""
        return f'pip install "{self.distribution}{extra}"'


def offer(kind: str, name: str) -> Offer | None:
    """Who brings ``name`` in the house, if anybody."""
    for distribution, kinds in _BRINGS.items():
        if name in kinds.get(kind, ()):
            return Offer(distribution, _EXTRAS.get((kind, name), ""))
    return None


def names(kind: str, modality: str | None = None) -> list[str]:
    """All names of one kind that the house's distributions bring, or those of one modality."""
    wanted = list(_BRINGS) if modality is None else [MODALITIES.get(modality, "")]
    return [name for distribution in wanted for name in _BRINGS.get(distribution, {}).get(kind, ())]
