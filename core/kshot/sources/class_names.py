"""The names of a source's classes as texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from kshot.errors import DataError
from kshot.interfaces import SPLITS, Presentation, Source, Split
from kshot.sampling import Catalogue

PLACE = "{}"


@final
class ClassNames(Source):
    """What the classes of another source are called, as text examples, one for each template.

    Lin, Yu, Kuang, Pathak, Ramanan, "Multimodality Helps Unimodality: Cross-Modal Few-Shot Learning
    with Multimodal Models", CVPR 2023: the name of a class is one more support example of it, where an
    encoder puts pictures and texts into one space.

    Args:
        of: the source whose classes are named; one.
        templates: texts around a name, which stands for ``{}``.
        spaces: read ``_`` in names as a space.

    Raises:
        DataError: not one source, or a template without ``{}``.
    """

    def __init__(
        self, *, of: Mapping[str, Source], templates: list[str] | None = None, spaces: bool = True
    ) -> None:
        if len(of) != 1:
            raise DataError(f"`of` names one source, got {len(of)}")
        self._templates: Sequence[str] = [PLACE] if templates is None else templates
        wrong = [one for one in self._templates if PLACE not in one]
        if wrong or not self._templates:
            raise DataError(
                f"a template holds {{}}, where the name of the class stands: {wrong or 'none is given'}"
            )
        self.modality = "text"
        self._spaces = spaces
        (source,) = of.values()
        self._texts: list[str] = []
        self._catalogues: dict[Split, Catalogue] = {}
        for split in SPLITS:
            try:
                classes = source.catalogue(split).classes
            except DataError:  # a source need not have every split
                continue
            start = len(self._texts)
            self._texts += [self._text(name, one) for name in classes for one in self._templates]
            self._catalogues[split] = Catalogue.build(
                [name for name in classes for _ in self._templates],
                [f"{number:04d}" for _ in classes for number in range(len(self._templates))],
                rows=range(start, len(self._texts)),
                version="\0".join(["class-names-1", str(spaces), *self._templates]),
            )

    def catalogue(self, split: Split) -> Catalogue:
        """The source's classes, an example for each template."""
        if split not in self._catalogues:
            raise DataError(f"the source whose classes are named has no {split} split")
        return self._catalogues[split]

    def fetch(self, row: int) -> str:
        """The text."""
        return self._texts[row]

    def present(self, raw: str) -> Presentation:
        """The text itself."""
        return Presentation("text/plain", raw.encode())

    def place(self, row: int) -> str:
        """The text in quotes."""
        return f"'{self._texts[row]}'"

    def _text(self, name: str, template: str) -> str:
        return template.replace(PLACE, name.replace("_", " ") if self._spaces else name)
