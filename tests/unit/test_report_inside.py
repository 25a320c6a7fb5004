"""What the section on learners' insides draws, from made-up moments."""

from __future__ import annotations

from pathlib import Path

from kshot.results import Inside, Moment, Results, inside_path, write_entry

from .made_up import NASTY, Page, assert_self_contained, made_up_cell, written
from .test_report_sections import section


def page(folder: Path, moments: list[Moment], learner: str = "own", **more: object) -> str:
    cells = [made_up_cell(learner, "conv4", "glyphs", "image", seed, **more) for seed in (0, 1)]
    for cell in cells:
        write_entry(inside_path(folder, cell.id), Inside(training="key", moments=moments))
    source = written(folder, Results(name="inside", environment={}, cells=cells))
    assert_self_contained(source)
    return section(source, "inside")


def training(episodes: int, **more: object) -> Moment:
    return Moment.model_validate({"stage": "train", "shape": "5w1s", "episodes": episodes, "seen": 4, **more})


def test_one_seed_of_a_row_is_drawn_with_first_and_last_step(tmp_path: Path) -> None:
    moments = [
        training(n, steps={"loss/support": [2.0, 1.5, 1.0 - n / 100]}, values={"loss/query": 1.7})
        for n in (0, 20, 40)
    ]
    found = page(tmp_path, moments)
    assert found.count("<details") == 1
    assert found.count("<figure") == 1, "there is no evaluation to draw over steps"
    text = Page(found).text
    for label in ("query", "support, step 0", "support, step 2", "3 looks at training", "seed 0"):
        assert label in text
    assert "step 1" not in text
    assert "seed 1" not in text


def test_of_many_weights_some_are_drawn_each_with_a_colour_of_its_own(tmp_path: Path) -> None:
    names = [f"encoder.{number:02}.weight" for number in range(40)]
    gates = {f"forget_gate/{name}": [0.9, 0.8] for name in names}
    tests = Moment(stage="evaluate", shape="5w1s", seen=40, steps=gates)
    text = page(tmp_path, [training(0, steps=gates), training(4, steps=gates), tests])
    assert text.count("<figure") == 2
    shown = Page(text).text
    assert "over training episodes, 10 of 40" in shown
    assert names[0] in shown
    assert names[-1] in shown
    assert text.count('class="c9"') == 2 * 2, "ten lines and ten entries of the legend in both"


def test_a_note_that_nobody_knows_is_drawn_by_its_own_names(tmp_path: Path) -> None:
    moments = [training(n, values={NASTY[0]: 0.5, "temperature": 2.0 - n / 10}) for n in (0, 4)]
    tests = Moment(stage="evaluate", shape="5w1s", seen=40, values={"temperature": 1.25, "lost": None})
    text = Page(page(tmp_path, [*moments, tests], learner=NASTY[1])).text
    assert "Test episodes of 5w1s: temperature 1.25." in text
    assert "<script>alert(1)<" in text, "what stands before a slash is the kind"


def test_a_figure_that_is_not_finite_is_left_out(tmp_path: Path) -> None:
    moments = [training(n, values={"loss/query": float("nan") if n == 4 else 1.0}) for n in (0, 4, 8)]
    found = page(tmp_path, moments)
    assert found.count("<figure") == 1
    assert "nan" not in found
