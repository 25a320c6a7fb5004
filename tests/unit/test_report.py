"""The report: complete, self-contained, escaped, and fit for one cell as for a hundred."""

from __future__ import annotations

import base64
import math
import struct
import tracemalloc
from pathlib import Path

import pytest
from kshot.errors import KshotError
from kshot.report import write_report
from kshot.results import Measure, Results, save

from .browsing import browse
from .made_up import (
    NASTY,
    Page,
    assert_self_contained,
    made_up_cell,
    made_up_results,
    made_up_samples,
    made_up_score,
    many_results,
    sample,
    wav,
    written,
)


def test_report_shows_every_cell_score_and_error(tmp_path: Path) -> None:
    results = made_up_results()
    source = written(tmp_path, results, made_up_samples())
    assert_self_contained(source)
    text = Page(source).text
    for cell in results.cells:
        assert cell.id in text
        for score in cell.scores:
            assert f"{100 * score.accuracy:.1f} ± 0.4" in text
            assert f"{100 * (score.accuracy - 0.2):+.1f}" in text
    assert "out of memory\nat step <3>" in text
    assert "1 cell failed" in text
    assert "nothing to train" in text
    assert "untrained" in text
    assert "versions torch" in text
    assert "2.14.1" in text


def test_report_is_the_same_for_the_same_results(tmp_path: Path) -> None:
    first = written(tmp_path / "a", made_up_results(), made_up_samples())
    assert written(tmp_path / "b", made_up_results(), made_up_samples()) == first


def test_samples_are_drawn_by_their_media_type(tmp_path: Path) -> None:
    samples = made_up_samples()
    page = Page(written(tmp_path, made_up_results(), samples))
    by_kind = {
        kind: [v for v in page.values("src") if v.startswith(f"data:{kind}")] for kind in ("image", "audio")
    }
    pictures = [base64.b64decode(uri.split(",", 1)[1], validate=True) for uri in by_kind["image"]]
    sounds = [base64.b64decode(uri.split(",", 1)[1], validate=True) for uri in by_kind["audio"]]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert all(sound.startswith(b"RIFF") for sound in sounds)
    assert samples[0].support[0].content in pictures
    assert samples[1].support[0].content in sounds
    # Five classes: one support and eight queries drawn of each; a picture for each sound.
    assert len(pictures) == 5 * (1 + 8) + len(sounds)
    assert "and 7 more" in page.text
    assert samples[2].support[0].data in page.text


def test_modalities_of_a_third_party_are_drawn_too(tmp_path: Path) -> None:
    results = made_up_results()
    cell = results.cells[0].model_copy(update={"modality": "smell", "source": "perfumes"})
    odd = made_up_samples()[0].model_copy(update={"modality": "smell", "source": "perfumes"})
    text = Page(written(tmp_path, results.model_copy(update={"cells": [cell]}), [odd])).text
    assert "perfumes" in text
    assert "smell" in text


@pytest.mark.parametrize("nasty", NASTY)
def test_names_are_text_and_never_markup(tmp_path: Path, nasty: str) -> None:
    cell = made_up_cell(nasty, nasty, nasty, nasty, note=nasty, options={"learner": {nasty: nasty}})
    failed = cell.model_copy(update={"id": f"{nasty}2", "status": "failed", "error": nasty})
    score = made_up_score(1, 0.5, left_out=[nasty], metrics={nasty: Measure(mean=1)})
    failed = failed.model_copy(update={"scores": [score]})
    results = Results(name=nasty, environment={nasty: {nasty: nasty}}, cells=[cell, failed])
    one = sample(nasty, nasty, [[nasty.encode()], [b"x"]], "text/plain", [nasty, "other"])
    source = written(tmp_path, results, [one])
    assert_self_contained(source)
    page = Page(source)
    assert "onerror" not in [key for _, key, _ in page.attributes]
    visible = nasty.replace("\x1b", "\ufffd").replace("\x00", "\ufffd")
    assert page.text.count(visible) >= 8


@pytest.mark.parametrize(
    "results",
    [
        pytest.param(Results(name="nothing yet"), id="no cell"),
        pytest.param(Results(name="one", cells=made_up_results().cells[2:3]), id="one untrained"),
        pytest.param(Results(name="failed", cells=made_up_results().cells[4:5]), id="all failed"),
        pytest.param(many_results(), id="a hundred cells"),
    ],
)
def test_any_number_of_cells_makes_a_page(tmp_path: Path, results: Results) -> None:
    source = written(tmp_path, results)
    assert_self_contained(source)
    text = Page(source).text
    assert all(cell.id in text for cell in results.cells)


def test_many_seeds_are_averaged(tmp_path: Path) -> None:
    cells = [
        made_up_cell("a", "b", "c", "d", seed, scores=[made_up_score(1, x)])
        for seed, x in enumerate((0.5, 0.7))
    ]
    text = Page(written(tmp_path, Results(name="seeds", cells=cells))).text
    assert "60.0 ± 0.4" in text
    assert "s 14.1" in text


def test_one_learner_with_several_encoders_has_a_line_for_each(tmp_path: Path) -> None:
    cells = [
        made_up_cell("p", "conv4", "glyphs", "image"),
        made_up_cell("p", "dvector", "voices", "audio"),
        made_up_cell("p", "ge2e", "voices", "audio"),
    ]
    source = written(tmp_path, Results(name="encoders", cells=cells))
    heat = source[source.index('class="heat"') :].split("</table>")[0]
    assert heat.count("<tr>") == 2 + 2
    assert heat.count('title="p · conv4') == 2
    assert heat.count('title="p · ge2e') == 2
    assert heat.count('class="none"') == 2


def test_a_broken_sample_does_not_cost_the_report(tmp_path: Path) -> None:
    save(tmp_path, made_up_results())
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "glyphs.json").write_text("{")
    text = Page(write_report(tmp_path).read_text(encoding="utf-8")).text
    assert "Sample episodes cannot be shown" in text
    assert "glyphs.json" in text


def test_media_that_cannot_be_drawn_say_so(tmp_path: Path) -> None:
    odd = sample("s", "m", [[b"not a picture"], [b""]], "image/png", ["a", "b"])
    mute = sample("t", "m", [[b"RIFF not a sound"], [wav(200, seconds=0)]], "audio/wav", ["a", "b"])
    text = Page(written(tmp_path, made_up_results(), [odd, mute])).text
    assert text.count("not a PNG picture") == 2
    assert "not a PCM WAV file" in text
    assert "the WAV file holds no sound" in text


def test_scores_over_different_episodes_are_pointed_out(tmp_path: Path) -> None:
    cells = [
        made_up_cell(learner, "conv4", "glyphs", "image", scores=[made_up_score(1, 0.9, manifest=manifest)])
        for learner, manifest in (("a", "sha256:11"), ("b", "sha256:22"))
    ]
    assert "not over the same episodes" in Page(written(tmp_path, Results(name="x", cells=cells))).text
    same = [cell.model_copy(update={"scores": cells[0].scores}) for cell in cells]
    assert "not over the same episodes" not in Page(written(tmp_path, Results(name="x", cells=same))).text


def test_no_results_no_report(tmp_path: Path) -> None:
    with pytest.raises(KshotError, match=r"no results\.json"):
        write_report(tmp_path)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_a_tone_is_bright_where_its_pitch_is(width: int) -> None:
    import numpy as np
    from kshot.report.spectrogram import _BANDS, _decibels, read_wav

    samples, rate = read_wav(wav(1000, width=width))
    assert rate == 16000
    assert samples.shape == (8000,)
    assert abs(np.abs(samples).max() - 0.6) < 0.02
    loudest = _decibels(samples, rate)[:, :5].mean(axis=1).argmax()
    mel = 2595 * math.log10(1 + 1000 / 700)
    top = 2595 * math.log10(1 + 8000 / 700)
    assert abs(loudest - mel / top * _BANDS) < 2


def test_a_long_sound_makes_no_larger_picture() -> None:
    from kshot.report.spectrogram import spectrogram

    drawn = spectrogram(wav(300, seconds=4, rate=8000))
    assert drawn.seconds == 4
    assert drawn.top == 4000
    assert struct.unpack(">II", drawn.png[16:24])[0] <= 242


def test_a_rate_that_no_sound_has_costs_no_memory() -> None:
    """Of 800 million samples a second, as the header of an AIFF may say, 25 ms are 20 million."""
    import numpy as np
    from kshot.report.spectrogram import _decibels

    tracemalloc.start()
    try:
        drawn = _decibels(np.sin(np.arange(800.0)), 800_000_000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.isfinite(drawn).all()
    assert most < 2**22


def test_ticks_are_round_and_inside() -> None:
    from kshot.report.plot import ticks

    assert ticks(0, 2000) == [0, 1000, 2000]
    assert ticks(0.31, 0.78, most=6) == pytest.approx([0.4, 0.5, 0.6, 0.7])
    assert ticks(5, 5) == [5]
    for low, high in ((0, 1e-7), (-3, 2.5), (0, 123456), (0.999, 1.0)):
        found = ticks(low, high)
        assert 1 <= len(found) <= 4
        assert all(low - 1e-9 * (high - low) <= tick <= high + 1e-9 * (high - low) for tick in found)


@pytest.mark.slow
def test_a_browser_paints_it(tmp_path: Path) -> None:
    import numpy as np
    from matplotlib.image import imread

    written(tmp_path, made_up_results(), made_up_samples())
    address = (tmp_path / "report.html").as_uri()
    browse(address, "--window-size=1280,2000", f"--screenshot={tmp_path / 'page.png'}", cwd=tmp_path)
    picture = imread(tmp_path / "page.png")[..., :3]
    assert picture.shape[:2] == (2000, 1280)
    assert len(np.unique((picture * 255).astype(int).reshape(-1, 3), axis=0)) > 200
