"""The embedded source of written words."""

from __future__ import annotations

from typing import Annotated, Any, final

from kshot.interfaces import Presentation
from kshot.words import MOST, Count, Several, TestManners, TestWords, WordSource
from PIL import Image
from pydantic import Field

from kshot_image.pictures import present
from kshot_image.written.faces import FACES
from kshot_image.written.hand import written

KIND = "written_words 1"


@final
class WrittenWords(WordSource):
    """Which word is written? English words drawn in varied faces, sizes, slants and noise.

    4,000 words, 12 faces to train, 4 to validate, 5 to test; neither word nor typeface family is in
    two splits. A picture is a strip of one height, as long as the word is, drawn when it is asked
    for. Example group ``face``.

    Args:
        words: the so many most frequent words.
        examples: pictures of each training word.
        test_examples: pictures of each validation and test word.
        seed: another gives other hands.
        test_words: ``seen``: test on training words, in new pictures.
        test_faces: ``seen``: test in the training faces, in new pictures.
        height: of the strip, in pixels.
    """

    modality = "image"

    def __init__(
        self,
        *,
        words: Count = MOST,
        examples: Several = 8,
        test_examples: Several = 16,
        seed: Annotated[int, Field(ge=0)] = 0,
        test_words: TestWords = "unseen",
        test_faces: TestManners = "unseen",
        height: Annotated[int, Field(ge=16, le=128)] = 32,
    ) -> None:
        faces = dict(FACES)
        if test_faces == "seen":
            faces["test"] = FACES["train"]
        self._height = height
        super().__init__(
            f"{KIND}, {height}",
            faces,
            "face",
            words=words,
            examples=examples,
            test_examples=test_examples,
            seed=seed,
            test_words=test_words,
        )

    def fetch(self, row: int) -> Image.Image:
        """A grey picture (mode L), dark ink on light paper, ``height`` pixels high."""
        return Image.fromarray(written(self.examples[row], self._height))

    def present(self, raw: Any) -> Presentation:
        """The strip as a PNG file."""
        return present(raw)
