"""The digits that scikit-learn brings along."""

from __future__ import annotations

import pytest
from kshot.errors import DataError
from kshot.options.given import given_options
from kshot.splits import ClassSplit
from kshot_image.plugin import kshot_sources
from kshot_image.written_digits import digits


def test_all_digits_are_there_and_dark_on_white() -> None:
    source = digits(split=ClassSplit.model_validate({"train": list("012345"), "test": list("6789")}))
    train, test = (source.catalogue(split) for split in ("train", "test"))
    assert (train.classes, test.classes) == (tuple("012345"), tuple("6789"))
    assert len(train) + len(test) == 1797
    picture = source.fetch(int(test.rows[0]))
    assert (picture.mode, picture.size) == ("L", (8, 8))
    assert picture.getpixel((0, 0)) == 255
    assert min(picture.tobytes()) < 64
    assert source.present(picture).media == "image/png"
    with pytest.raises(DataError, match="the validation split has no classes"):
        source.catalogue("validation")


def test_the_published_split_is_the_default() -> None:
    spec = next(one for one in kshot_sources() if one.name == "digits")
    assert given_options(spec, {}, None)["split"] == {"train": list("012345"), "test": list("6789")}
