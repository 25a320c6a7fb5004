"""What the report's sections say: shots, cost, confusion, projections, worst episodes, published figures."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kshot.errors import KshotError
from kshot.outcomes import OUTCOMES, Outcomes, write_outcomes
from kshot.report.budget import media_size, within_budget
from kshot.report.hardest import hardest
from kshot.report.literature import published
from kshot.results import (
    Projection,
    Results,
    Sample,
    load_worst,
    projection_path,
    save,
    save_worst,
    write_entry,
)

from .made_up import (
    NASTY,
    Page,
    assert_self_contained,
    made_up_cell,
    made_up_results,
    made_up_samples,
    made_up_score,
    written,
)


def section(source: str, key: str) -> str:
    """One section's HTML; empty where the page has none."""
    found = re.search(rf'<section id="{key}".*?</section>', source, re.DOTALL)
    return found[0] if found else ""


def outcomes(episodes: list[list[tuple[int, int]]], classes: list[str]) -> Outcomes:
    """Outcomes of episodes, each a list of queries: their class and what they were taken for."""
    said = [query for episode in episodes for query in episode]
    labels, predicted = (np.array(one) for one in zip(*said, strict=True))
    return Outcomes(
        accuracy=np.array([np.mean([a == b for a, b in episode]) for episode in episodes]),
        queries=np.array([len(episode) for episode in episodes]),
        labels=labels,
        predicted=predicted,
        rank=(labels != predicted).astype(int),
        confidence=np.full(len(labels), 0.5),
        classes=tuple(classes),
    )


def brute_force(one: Outcomes, row: int, column: int) -> tuple[int, int]:
    """Queries of a class where another was there too, and those taken for it, counted one by one."""
    asked = said = 0
    for query, label in enumerate(one.labels):
        episode = one.episode == one.episode[query]
        if label == row and (one.labels[episode] == column).any():
            asked += 1
            said += int(one.predicted[query] == column)
    return asked, said


def test_confusion_is_counted_over_episodes_with_both_classes() -> None:
    rng = np.random.default_rng(0)
    episodes = []
    for _ in range(40):
        there = rng.choice(9, 4, replace=False)
        episodes.append([(int(c), int(rng.choice(there))) for c in there for _ in range(3)])
    one = outcomes(episodes, [f"class {k}" for k in range(9)])
    found = hardest([one])
    assert found is not None
    assert found.classes == one.classes
    for row in range(9):
        for column in range(9):
            assert (found.asked[row, column], found.said[row, column]) == brute_force(one, row, column)


def test_the_most_confused_pairs_are_chosen() -> None:
    rng = np.random.default_rng(1)
    episodes = []
    for _ in range(300):
        there = rng.choice(40, 5, replace=False)
        for a, b in ((3, 17), (8, 30)):  # these are taken for one another wherever they meet
            if rng.random() < 0.3:
                there[:2] = a, b
        mixed = {3: 17, 17: 3, 8: 30, 30: 8}
        episodes.append(
            [(int(c), mixed[int(c)] if mixed.get(int(c)) in there else int(c)) for c in set(there.tolist())]
        )
    found = hardest([outcomes(episodes, [str(k) for k in range(40)])], most=4)
    assert found is not None
    assert set(found.classes) == {"3", "17", "8", "30"}
    assert found.total == 40
    assert {found.classes[0], found.classes[1]} in ({"3", "17"}, {"8", "30"})


def test_without_a_mistake_there_is_no_confusion() -> None:
    assert hardest([]) is None
    assert hardest([outcomes([[(0, 0), (1, 1)]], ["a", "b"])]) is None


def test_confusion_shows_the_best_row_over_its_seeds(tmp_path: Path) -> None:
    cells = [
        made_up_cell(learner, "c", "s", "m", seed, scores=[made_up_score(1, accuracy)])
        for learner, accuracy in (("good", 0.8), ("bad", 0.3))
        for seed in (0, 1)
    ]
    for cell in cells:
        wrong = 1 if cell.learner == "good" else 0
        one = outcomes([[(0, wrong), (1, 1), (0, 0)]], [NASTY[0], "other"])
        write_outcomes(tmp_path / "cells" / cell.id / OUTCOMES, [one])
    source = written(tmp_path, Results(name="x", cells=cells))
    assert_self_contained(source)
    shown = Page(section(source, "confusion"))
    assert "good · c" in shown.text
    assert NASTY[0] in shown.text
    assert f"{NASTY[0]}: 2 of 4 taken for other" in shown.values("title")
    assert f"{NASTY[0]}: 2 of 4 right" in shown.values("title")


def test_damaged_outcomes_cost_their_section_alone(tmp_path: Path) -> None:
    path = tmp_path / "cells" / made_up_results().cells[0].id / OUTCOMES
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK nothing")
    source = written(tmp_path, made_up_results())
    assert section(source, "confusion").count("cannot be read") == 1
    assert section(source, "scores")


def test_shots_have_a_line_for_each_learner_and_encoder(tmp_path: Path) -> None:
    cells = [
        made_up_cell(
            learner, encoder, "glyphs", "image", scores=[made_up_score(k, k / 30) for k in (5, 1, 20)]
        )
        for learner in ("a", "b")
        for encoder in ("conv4", "resnet12")
    ]
    shown = section(written(tmp_path, Results(name="x", cells=cells)), "shots")
    assert shown.count("<figure") == 1
    assert shown.count('class="band"') == shown.count("<title>") == 4
    assert "<title>a · conv4: 5w1s 3.3, 5w5s 16.7, 5w20s 66.7</title>" in shown
    assert (
        shown.count('stroke-dasharray="5 3" ') + shown.count('stroke-dasharray="5 3">') == 3
    )  # two and a key
    dots = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', shown)][:3]
    assert dots == sorted(dots)


def test_one_shot_alone_and_other_ways_make_no_line(tmp_path: Path) -> None:
    scores = [made_up_score(1, 0.5), made_up_score(5, 0.6, way=20)]
    source = written(tmp_path, Results(name="x", cells=[made_up_cell("a", "b", "s", "m", scores=scores)]))
    assert section(source, "shots") == ""


def test_cost_shows_every_row_with_its_time_and_size(tmp_path: Path) -> None:
    source = written(tmp_path, made_up_results())
    shown = section(source, "cost")
    titles = re.findall(r"<title>(.*?)</title>", shown)
    accuracy = 100 * made_up_results().cells[0].scores[0].accuracy
    assert f"prototypical · conv4: {accuracy:.1f} %, 42.3 s" in titles
    assert f"prototypical · conv4: {accuracy:.1f} %, 113k" in titles
    assert any(title.startswith("nearest_mean · pixels") and title.endswith(" 0") for title in titles)
    assert not any("maml · dvector" in title for title in titles)  # it failed


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([1, 1000], ["1", "10", "100", "1000"]),
        ([3], ["3"]),
        ([0, 50, 70], ["0", "50", "70"]),
        ([1, 1e9], ["1", "100", "10000", "1e+06", "1e+08"]),
        ([0.0], ["0"]),
    ],
)
def test_a_logarithmic_axis_has_few_round_marks(values: list[float], texts: list[str]) -> None:
    from kshot.report.frame import logarithmic

    axis = logarithmic(values, "{:g}".format)
    assert [text for _, text in axis.marks] == texts
    shares = [axis.share(value) for value in sorted(values)]
    assert all(0 <= share <= 1 for share in shares)
    assert shares == sorted(shares)


def made_up_projection(classes: list[str]) -> Projection:
    return Projection(
        classes=classes, labels=[0, 0, 1], points=[(0, 0), (1, 0.5), (-1, 0.25)], explained=(0.6, 0.3)
    )


def test_a_projection_is_that_of_the_best_learner(tmp_path: Path) -> None:
    cells = [
        made_up_cell(learner, "conv4", "glyphs", "image", scores=[made_up_score(1, accuracy)])
        for learner, accuracy in (("a", 0.4), ("b", 0.9))
    ]
    for cell in cells:
        write_entry(projection_path(tmp_path, cell.id), made_up_projection([NASTY[4], cell.learner]))
    source = written(tmp_path, Results(name="x", cells=cells))
    assert_self_contained(source)
    shown = section(source, "projections")
    assert shown.count("<circle") == 3
    assert "b, seed 0" in Page(shown).text
    assert "60.0 % across, 30.0 % upwards" in Page(shown).text
    assert NASTY[4] in Page(shown).text


def test_a_damaged_projection_costs_its_section_alone(tmp_path: Path) -> None:
    results = made_up_results()
    path = projection_path(tmp_path, results.cells[0].id)
    path.parent.mkdir(parents=True)
    path.write_text('{"classes": ["a"], "labels": [3], "points": [[0, 0]], "explained": [1, 0]}')
    assert "a label is none of the 1 classes" in section(written(tmp_path, results), "projections")


def answered(sample: Sample, wrong: int, **more: Any) -> Sample:
    """The sample, with its first ``wrong`` queries taken for the class that follows theirs."""
    query = [
        example.model_copy(update={"answer": (example.label + (k < wrong)) % len(sample.classes)})
        for k, example in enumerate(sample.query)
    ]
    return sample.model_copy(update={"query": query, "answered_by": "maml · conv4", **more})


def test_worst_episodes_tell_what_was_said_of_their_queries(tmp_path: Path) -> None:
    image, sound, text = made_up_samples()
    for sample, wrong in ((image, 3), (sound, 1), (text, 0)):
        save_worst(tmp_path, sample.source, [answered(sample, wrong, number=17, accuracy=0.125)])
    source = written(tmp_path, made_up_results())
    assert_self_contained(source)
    shown = Page(section(source, "worst"))
    assert shown.text.count("Episode 17, mean accuracy 12.5\u00a0%") == 3
    assert shown.text.count("answers of maml · conv4") == 3
    assert "data:audio/wav" in section(source, "worst")
    said = re.findall(r'<span class="said">(.*?)</span>', section(source, "worst"))[1:]  # the first explains
    assert [Page(one).text for one in said] == ["Armenian ben"] * 3 + ["Belinda"]


def test_the_worst_of_an_earlier_run_do_not_stay(tmp_path: Path) -> None:
    one = answered(made_up_samples()[0], 1, number=1)
    save_worst(tmp_path, "glyphs", [one, one, one])
    assert len(load_worst(tmp_path)) == 3
    save_worst(tmp_path, "glyphs", [one.model_copy(update={"number": 2})])
    assert [sample.number for sample in load_worst(tmp_path)] == [2]


def test_episodes_keep_to_their_budget() -> None:
    image, sound, _ = made_up_samples()
    size = media_size(sound)
    kept = within_budget([sound, sound, image, image], budget=size + size // 2)
    assert [sample.source for sample in kept] == ["voices", "glyphs", "glyphs"]
    assert within_budget([sound], budget=size - 1) == []


def test_only_what_is_drawn_counts(tmp_path: Path) -> None:
    sound = made_up_samples()[1]
    source = written(tmp_path, made_up_results(), [sound])
    drawn = re.findall(r"data:audio/wav;base64,([^\"]*)", section(source, "episodes"))
    assert media_size(sound) == sum(map(len, drawn))


def test_a_source_whose_sample_is_too_large_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kshot.report import episodes

    monkeypatch.setattr(episodes, "within_budget", lambda samples: within_budget(samples, budget=10_000))
    text = Page(section(written(tmp_path, made_up_results(), made_up_samples()), "episodes")).text
    assert "left out, in the folder samples/" in text


def test_samples_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    from kshot.results import load_samples

    old = json.loads(made_up_samples()[2].model_dump_json())
    for key in ("number", "accuracy", "answered_by"):
        del old[key]
    for example in (*old["support"], *old["query"]):
        del example["answer"]
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "pydocs.json").write_text(json.dumps(old))
    assert load_samples(tmp_path) == [made_up_samples()[2]]


def test_an_answer_is_one_of_the_classes(tmp_path: Path) -> None:
    raw = made_up_samples()[2].model_dump(mode="json")
    raw["query"][0]["answer"] = 5
    (tmp_path / "worst").mkdir()
    (tmp_path / "worst" / "pydocs.1.json").write_text(json.dumps(raw))
    with pytest.raises(KshotError, match="label 5 is none of the 5 classes"):
        load_worst(tmp_path)


def test_published_figures_are_of_registered_sources_and_tell_where_they_stand() -> None:
    from kshot.registry import load_registry

    registry = load_registry()
    entries = published()
    assert len(entries) > 40
    for entry in entries:
        registry.find("sources", entry.source)
        assert 100 / entry.way < entry.accuracy <= 100
        assert len(entry.citation) > 5
    keys = [(e.source, e.way, e.shot, e.named, e.encoder) for e in entries]
    assert len(keys) == len(set(keys))
    by_name = {(e.source, e.way, e.shot, e.named): e for e in entries}
    assert by_name["omniglot", 20, 1, "MAML"].ci95 == 0.3
    assert by_name["omniglot", 5, 1, "Prototypical"].accuracy == 98.8
    assert by_name["huffpost", 5, 5, "MAML"].pretrained


def test_published_figures_stand_beside_those_of_the_same_learner(tmp_path: Path) -> None:
    def cell(learner: str, encoder: str, accuracy: float, **more: object) -> Any:
        return made_up_cell(learner, encoder, "letters", "image", scores=[made_up_score(1, accuracy)], **more)

    results = Results(
        name="x",
        cells=[cell("p", "conv4", 0.95), cell("p", "huge", 0.99, pretrained=True), cell("m", "conv4", 0.9)],
        uses={"sources": {"letters": "omniglot"}, "learners": {"p": "prototypical", "m": "maml"}},
        configuration={"sources": {"letters": {"use": "omniglot", "split": "vinyals"}}},
    )
    shown = section(written(tmp_path, results), "published")
    rows = {row[0]: row for row in map(cells_of, re.findall(r"<tr>.*?</tr>", shown, re.DOTALL))}
    theirs = "Conv-4, 64 filters"
    assert rows[f"Prototypical{theirs}"][1:3] == ["98.8", "95.0 ± 0.4p · conv4"]
    assert rows[f"MAML{theirs}"][1:3] == ["98.7 ± 0.4", "90.0 ± 0.4m · conv4"]
    assert rows[f"Siamese{theirs}"][2] == "–"
    assert "This run: split vinyals; 600 test episodes with 15 queries a class; 2,000 training episodes" in (
        Page(shown).text
    )
    assert section(written(tmp_path, made_up_results()), "published") == ""


def test_published_figures_stand_beside_each_shape_by_itself(tmp_path: Path) -> None:
    plain = made_up_score(1, 0.6)
    within, fewer = plain.model_copy(update={"within": "alphabet", "accuracy": 0.9}), made_up_score(1, 0.7)
    fewer = fewer.model_copy(update={"queries": 5})
    cell = made_up_cell("prototypical", "conv4", "omniglot", "image", scores=[plain, within, fewer])
    shown = section(written(tmp_path, Results(name="x", cells=[cell])), "published")
    tables = re.findall(r"<table.*?</table>.*?</p>", shown, re.DOTALL)
    assert [re.findall(r"<b>(\d[^<]*)</b>", table)[0] for table in tables] == [
        "60.0 ± 0.4",
        "90.0 ± 0.4",
        "70.0 ± 0.4",
    ]
    assert ["within alphabet" in table for table in tables] == [False, True, False]
    assert ["with 5 queries" in table for table in tables] == [False, False, True]


def cells_of(row: str) -> list[str]:
    """The texts of a table row's fields."""
    return [Page(field).text for field in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]


def test_provenance_holds_configuration_hashes_and_the_scores_as_a_file(tmp_path: Path) -> None:
    results = made_up_results().model_copy(update={"configuration": {"name": NASTY[0], "seeds": [0, 7]}})
    source = written(tmp_path, results)
    shown = section(source, "environment")
    text = Page(shown).text
    assert f"name: {NASTY[0]}" in text
    assert results.cells[0].scores[0].manifest in text
    assert "training seeds0" in text
    links = Page(shown).values("href")
    assert [link for link in links if not link.startswith("data:")] == [
        "results.md",
        "results.tex",
        "results.csv",
        "results.json",
        "config.yaml",
    ]
    inside = base64.b64decode(links[0].removeprefix("data:text/csv;charset=utf-8;base64,"), validate=True)
    assert inside == (tmp_path / "results.csv").read_bytes()


def test_the_filter_is_hidden_until_the_script_shows_it(tmp_path: Path) -> None:
    source = written(tmp_path, made_up_results())
    assert re.search(r'<div class="filter" role="search" hidden>', source)
    assert section(source, "scores").count("data-learner=") == 9
    one = Results(name="x", cells=made_up_results().cells[:1])
    save(tmp_path, one)
    assert 'class="filter"' not in written(tmp_path, one)
