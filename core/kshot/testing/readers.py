"""What every reader must do, checked on any of them.

Each check is a plain function ``check(make, source)``: ``make`` builds the reader, ``source`` is the tiny
one of the modality.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from unittest import SkipTest

from kshot.errors import KshotError
from kshot.interfaces import Presentation, Reader, Source
from kshot.testing.expectations import expect
from kshot.testing.outcomes import one_line
from kshot.testing.sources import expect_presentation

ReaderFactory = Callable[[], Reader]

ENDINGS = {"image/png": ".png", "audio/wav": ".wav", "text/plain": ".txt"}
"""Of a file that holds a presentation's bytes."""

COUNT = 4
"""Examples that are looked at."""


def check_suffixes(make: ReaderFactory, source: Source) -> None:
    """The endings of its files are lower-case, each with its dot."""
    del source
    reader = make()
    odd = [one for one in reader.suffixes if not re.fullmatch(r"(\.[a-z0-9]+)+", one)]
    expect(not odd, _who(reader), f"suffixes holds {odd}", "write them as '.png'")


def check_present(make: ReaderFactory, source: Source) -> None:
    """A raw example of the modality drawn for people is what it says it is."""
    reader = make()
    for number, row in enumerate(source.catalogue("train").rows[:COUNT]):
        who = f"{_who(reader)}, example {number}"
        expect_presentation(reader.present(source.fetch(int(row))), who)


def check_raw(make: ReaderFactory, source: Source) -> None:
    """A raw example is taken as it is: what is read of it is drawn for people as it was, and it stays so."""
    reader = make()
    who = _who(reader)
    for number, row in enumerate(source.catalogue("train").rows[:COUNT]):
        raw = source.fetch(int(row))
        shown = reader.present(raw)
        mend = "give back an example that encoders of the modality prepare already"
        try:
            taken = reader.read(raw)
        except Exception as error:
            what = f"read() of the raw example {number} raises {type(error).__name__}: {one_line(error)}"
            raise AssertionError(f"{who}: {what}; {mend}") from error
        same = reader.present(taken) == shown and reader.present(raw) == shown
        expect(same, who, f"read() makes another of the raw example {number}", mend)


def check_files(make: ReaderFactory, source: Source) -> None:
    """A file of the modality, named by its path, is read as what it holds."""
    reader = make()
    shown = [reader.present(source.fetch(int(row))) for row in source.catalogue("train").rows[:COUNT]]
    ending = ENDINGS.get(shown[0].media, "")
    if ending not in reader.suffixes:
        raise SkipTest(f"{_who(reader)} reads no {ending} files, which its examples are shown as")
    for one in shown:
        again = reader.present(_through_a_file(reader, one, ending))
        same = again.data == one.data
        expect(same, _who(reader), f"a {ending} file is read as another example", "read it without a loss")


def check_refusals(make: ReaderFactory, source: Source) -> None:
    """What cannot be read is refused with a ``ValueError`` or ``OSError`` and a short reason."""
    del source
    reader = make()
    who, ending = _who(reader), (list(reader.suffixes) or [""])[0]
    with tempfile.TemporaryDirectory() as folder:
        empty, damaged = Path(folder, f"empty{ending}"), Path(folder, f"damaged{ending}")
        empty.write_bytes(b"")
        damaged.write_bytes(bytes(range(128, 256)))
        absent = Path(folder, f"absent{ending}")
        for given in (object(), None, 3, absent, empty, damaged, Path(folder)):
            what = given.stem if isinstance(given, Path) else repr(given)
            mend = "raise a ValueError with a short reason, or the OSError of the file"
            try:
                reader.read(given)
            except (ValueError, OSError, KshotError) as error:
                expect(bool(str(error)), who, f"read({what}) is refused without a reason", mend)
            except Exception as error:
                expect(False, who, f"read({what}) raises {type(error).__name__}: {one_line(error)}", mend)
            else:
                expect(False, who, f"read({what}) is accepted", mend)


def check_uploads(make: ReaderFactory, source: Source) -> None:
    """A file's content is read as the file is, up to the size that is allowed; what is damaged is refused."""
    reader = make()
    who = _who(reader)
    if type(reader).decode is Reader.decode:
        raise SkipTest(f"{who} takes no files that were sent")
    shown = reader.present(source.fetch(int(source.catalogue("train").rows[0])))
    cases: list[tuple[str, bytes, float]] = [
        ("an empty file", b"", reader.most),
        ("a damaged file", bytes(range(128, 256)), reader.most),
    ]
    if ENDINGS.get(shown.media, "") in reader.suffixes:
        again = reader.present(reader.decode(shown.data, reader.most))
        expect(
            again.data == shown.data, who, "decode reads a file as another example", "read it as read() does"
        )
        cases.append(("more than is allowed", shown.data, 0))
    for what, content, most in cases:
        mend = "raise a ValueError with a short reason"
        try:
            reader.decode(content, most)
        except ValueError as error:
            expect(bool(str(error)), who, f"decode refuses {what} without a reason", mend)
        except Exception as error:
            expect(False, who, f"decode raises {type(error).__name__} at {what}: {one_line(error)}", mend)
        else:
            expect(False, who, f"decode takes {what}", mend)


READER_CHECKS: Mapping[str, Callable[[ReaderFactory, Source], None]] = MappingProxyType(
    {
        "suffixes": check_suffixes,
        "present": check_present,
        "raw": check_raw,
        "files": check_files,
        "refusals": check_refusals,
        "uploads": check_uploads,
    }
)
"""Name → check, in the order in which a report shows them."""


def _through_a_file(reader: Reader, shown: Presentation, ending: str) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"example{ending}")
        path.write_bytes(shown.data)
        return reader.read(path)


def _who(reader: Reader) -> str:
    return type(reader).__name__
