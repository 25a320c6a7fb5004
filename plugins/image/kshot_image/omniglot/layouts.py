"""The two forms in which Omniglot is found: torchvision's folders and one Parquet file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple, final

from kshot.errors import DataError, listing, nearest

from kshot_image.omniglot.splits import Character

BACKGROUND, EVALUATION = "images_background", "images_evaluation"


class Drawing(NamedTuple):
    """Who drew what."""

    character: Character
    drawer: str  # two digits


class Layout(ABC):
    """All drawings, numbered, and their files' bytes.

    Attributes:
        drawings: N drawings.
    """

    drawings: list[Drawing]

    @abstractmethod
    def place(self, number: int) -> str:
        """A drawing's file, or file and row, for messages."""

    @abstractmethod
    def read(self, number: int) -> bytes:
        """A drawing's PNG file.

        Raises:
            DataError: it cannot be read.
        """


@final
class Folders(Layout):
    """``images_background/Alphabet/character01/0709_01.png``, and so ``images_evaluation``.

    Args:
        root: the folder that holds both, or torchvision's root, where they lie in ``omniglot-py``.

    Raises:
        DataError: neither is there, or a file is not named as Omniglot's are.
    """

    def __init__(self, root: Path) -> None:
        inner = root / "omniglot-py"
        base = inner if inner.is_dir() else root
        if not any((base / name).is_dir() for name in (BACKGROUND, EVALUATION)):
            raise DataError(f"omniglot: neither {BACKGROUND} nor {EVALUATION} is in {base}")
        self._paths = sorted(
            path
            for name in (BACKGROUND, EVALUATION)
            for path in (base / name).glob("*/character*/*.png")
            if not path.name.startswith(".")
        )
        self.drawings = [_drawing_of(path) for path in self._paths]

    def place(self, number: int) -> str:
        return str(self._paths[number])

    def read(self, number: int) -> bytes:
        path = self._paths[number]
        try:
            return path.read_bytes()
        except OSError as error:
            raise DataError(f"omniglot: {path}: cannot be read: {error.strerror}") from error


@final
class Parquet(Layout):
    """One row per drawing: ``image`` (bytes, or a struct with them), ``alphabet``, ``character``,
    ``drawer`` (a number), ``set`` (``background`` or ``evaluation``).

    Args:
        path: the file; it is held in memory as it is stored, some six megabytes.

    Raises:
        DataError: not such a file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        columns = ["alphabet", "character", "drawer", "set"]
        table = _read_parquet(path, ["image", *columns])
        self._images = table["image"]
        rows = zip(*(table[name].to_pylist() for name in columns), strict=True)
        self.drawings = [self._drawing(number, *row) for number, row in enumerate(rows)]

    def place(self, number: int) -> str:
        return f"{self._path} row {number}, column 'image'"

    def read(self, number: int) -> bytes:
        cell = self._images[number].as_py()
        data = cell.get("bytes") if isinstance(cell, dict) else cell
        if not isinstance(data, bytes):
            raise DataError(f"omniglot: {self.place(number)}: holds no bytes; store the PNG file in it")
        return data

    def _drawing(self, number: int, alphabet: Any, character: Any, drawer: Any, which: Any) -> Drawing:
        known = ("background", "evaluation")
        if which not in known:
            hint = nearest(str(which), known)
            raise DataError(
                f"omniglot: {self._path} row {number}, column 'set': {which!r} is not one of {known}{hint}"
            )
        if not alphabet or not character or not str(drawer).isdigit():
            raise DataError(f"omniglot: {self._path} row {number}: alphabet, character or drawer is missing")
        return Drawing(Character(alphabet, character, which == "background"), f"{int(drawer):02d}")


def _drawing_of(path: Path) -> Drawing:
    drawer = path.stem.rpartition("_")[2]
    if not drawer.isdigit():
        raise DataError(f"omniglot: {path}: expected a name such as 0709_01.png, character and drawer")
    character, alphabet, which = (path.parents[depth].name for depth in range(3))
    return Drawing(Character(alphabet, character, which == BACKGROUND), f"{int(drawer):02d}")


def _read_parquet(path: Path, columns: list[str]) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        known = pq.read_schema(path).names
        missing = [name for name in columns if name not in known]
        if missing:
            raise DataError(
                f"omniglot: {path} has no column '{missing[0]}' (it has: {listing(known)}){nearest(missing[0], known)}"
            )
        return pq.read_table(path, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"omniglot: {path} cannot be read as Parquet: {error}") from error
