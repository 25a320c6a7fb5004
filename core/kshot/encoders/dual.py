"""Half of a model of two modalities, such as CLIP."""

from __future__ import annotations

from typing import Any, Literal, final

from torch import Tensor, nn

Sense = Literal["image", "text"]

_OTHERS = {"image": ("text", "audio"), "text": ("vision", "visual", "image", "audio")}
"""What the names of a dual model's parts begin with that the other modality passes through."""


def is_dual(model: Any, sense: Sense) -> bool:
    """True where a model of transformers embeds one modality to compare it with another."""
    return hasattr(model, f"get_{sense}_features")


@final
class DualTower(nn.Module):
    """One tower of a dual model, its projection included: (B, D) in the space of both modalities.

    CLIP's embeddings of pictures and texts, before they are scaled to length 1 (Radford et al., "Learning
    transferable visual models from natural language supervision", ICML 2021); of SigLIP and others what
    their cosines are computed from. The other modality's parts are let go of.

    Args:
        model: of transformers, with ``get_image_features`` or ``get_text_features``; it is changed.
        sense: the modality whose tower is kept.

    Attributes:
        config: of the tower.
    """

    def __init__(self, model: Any, sense: Sense) -> None:
        super().__init__()
        for name, _ in list(model.named_children()):
            if name.startswith(_OTHERS[sense]):
                setattr(model, name, None)
        self.dual = model
        self._features = f"get_{sense}_features"
        self.config = getattr(model.config, "vision_config" if sense == "image" else "text_config")

    def forward(self, **inputs: Any) -> Tensor:
        """What the tower takes → (B, D).

        Raises:
            ValueError: the model has several vectors for an example, or none.
        """
        found = getattr(self.dual, self._features)(**inputs)
        vectors = found if isinstance(found, Tensor) else found.pooler_output
        if vectors is None or vectors.ndim != 2:
            raise ValueError(f"{self._features} gives no single vector of an example")
        return vectors
