"""The typefaces, as data: those that matplotlib brings along, whole families in one split."""

from __future__ import annotations

from collections.abc import Mapping

from kshot.interfaces import Split

FACES: Mapping[Split, tuple[str, ...]] = {
    "train": (
        *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
        *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
        *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    ),
    "validation": (
        *("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique"),
    ),
    "test": ("cmr10", "cmb10", "cmti10", "cmss10", "cmtt10"),
}
"""Train: DejaVu Sans and Serif, STIX (after Times). Validation: DejaVu Sans Mono. Test: Computer Modern's
roman, bold, italic, sans serif and typewriter."""
