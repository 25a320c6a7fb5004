"""Unknown queries from the configuration to results, tables and report."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from kshot import results
from kshot.errors import ConfigurationError
from kshot.registry import load_registry
from kshot.report import write_report
from kshot.sampling import OtherClasses, Sampler
from kshot.shapes import Shape
from kshot.testing import Toy

from .conftest import run

SMALL = {"shapes": ["5w1s", "3w2s"], "queries": 5, "episodes": 20}
LEARNERS = [
    "prototypical",
    {"use": "maml", "head": "prototype", "inner_steps": 1, "train": {"episodes": 4}},
]


def test_unknown_queries_reach_results_tables_and_report_and_change_nothing_else(tmp_path: Path) -> None:
    plain = run(tmp_path / "plain", learners=LEARNERS, evaluate=SMALL)
    asked = {**SMALL, "unknown": {"classes": 4, "queries": 3, "score": "energy"}}
    found = run(tmp_path / "open", learners=LEARNERS, evaluate=asked)
    for before, after in zip(plain.cells, found.cells, strict=True):
        for one, other in zip(before.scores, after.scores, strict=True):
            told = {name: value for name, value in other.metrics.items() if name.startswith("unknown_")}
            assert set(told) == {"unknown_auroc", "unknown_fpr95", "unknown_oscr", "unknown_eer"}
            rest = other.model_copy(
                update={
                    "metrics": {name: value for name, value in other.metrics.items() if name not in told},
                    "unknown": None,
                    "episodes_per_second": one.episodes_per_second,
                }
            )
            assert rest == one
    unknown = found.cells[0].scores[0].unknown
    assert unknown is not None
    sampler = Sampler(Toy().catalogue("test"), "test", Shape(5, 1, 5), 1234)
    assert unknown.manifest == OtherClasses(sampler, 4, 3, 1234).manifest(20)

    summary = (tmp_path / "open" / "results.md").read_text()
    assert "### toy 5w1s: 4 × 3 unknown, energy" in summary
    assert "| learner | encoder | AUROC | FPR95 | OSCR | EER |" in summary
    assert "Unknown" not in (tmp_path / "plain" / "results.md").read_text()
    with (tmp_path / "open" / "results.csv").open() as stream:
        lines = list(csv.DictReader(stream))
    mean = found.cells[0].scores[0].metrics["unknown_auroc"].mean
    assert float(lines[0]["unknown_auroc"]) == mean
    assert 'id="unknown"' in write_report(tmp_path / "open").read_text()
    assert 'id="unknown"' not in write_report(tmp_path / "plain").read_text()


def test_results_of_before_unknown_queries_are_read(tmp_path: Path) -> None:
    run(tmp_path, evaluate=SMALL)
    path = tmp_path / "results.json"
    stored = json.loads(path.read_text())
    for score in stored["cells"][0]["scores"]:
        del score["unknown"]
    path.write_text(json.dumps(stored))
    assert results.load(tmp_path).cells[0].scores[0].unknown is None
    assert write_report(tmp_path).is_file()


def test_too_few_classes_for_unknown_queries_are_told_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"sources.toy: unknown queries: .* has 7 with 3 examples"
    ) as one:
        run(tmp_path, evaluate={**SMALL, "unknown": {"classes": 8, "queries": 3}})
    assert "sources.toy.evaluate.unknown" in str(one.value)
    assert not (tmp_path / "results.json").exists()


def test_a_source_may_have_none_and_a_misspelt_key_is_told(tmp_path: Path) -> None:
    sources = {"toy": None, "few": {"use": "toy", "classes": 6, "evaluate": {"unknown": False}}}
    found = run(tmp_path, sources=sources, evaluate={**SMALL, "unknown": {"classes": 4}})
    assert [cell.scores[0].unknown is not None for cell in found.cells] == [True, False]
    with pytest.raises(ConfigurationError, match=r"evaluate\.unknown.*clases.*classes"):
        run(tmp_path, evaluate={**SMALL, "unknown": {"clases": 4}})


def test_rows_that_answer_different_questions_are_not_compared(tmp_path: Path) -> None:
    own = {
        "one": {"unknown": {"classes": 1, "queries": 9}},
        "cosine": {"unknown": {"classes": 4, "queries": 3, "score": "cosine"}},
        "none": {"unknown": False},
    }
    learners = [
        "prototypical",
        *({"id": name, "use": "prototypical", "evaluate": evaluate} for name, evaluate in own.items()),
        "simpleshot",
    ]
    asked = {**SMALL, "shapes": ["5w1s"], "unknown": {"classes": 4, "queries": 3}}
    found = run(tmp_path, learners=learners, evaluate=asked, train={"episodes": 0})
    tables = {table.title: [row.learner for row in table.rows] for table in results.rejection_tables(found)}
    assert tables == {
        "toy 5w1s: 4 × 3 unknown, max logit": ["prototypical", "simpleshot"],
        "toy 5w1s: 1 × 9 unknown, max logit": ["one"],
        "toy 5w1s: 4 × 3 unknown, cosine": ["cosine"],
    }
    best = {row.learner: any(row.best) for table in results.rejection_tables(found) for row in table.rows}
    assert not best["one"]
    assert not best["cosine"]
    page = write_report(tmp_path).read_text()
    assert all(f"{title}</bdi></caption>" in page for title in tables)
    with (tmp_path / "results.csv").open() as stream:
        lines = {line["learner"]: line for line in csv.DictReader(stream)}
    names = ("unknown_classes", "unknown_queries", "unknown_score")
    assert [lines["one"][name] for name in names] == ["1", "9", "max_logit"]
    assert [lines["none"][name] for name in names] == ["", "", ""]


def test_rows_of_other_episodes_have_a_table_that_names_them(tmp_path: Path) -> None:
    asked = {**SMALL, "shapes": ["5w1s"], "unknown": {"classes": 4, "queries": 3}}
    found = run(tmp_path, learners=["prototypical", "simpleshot"], evaluate=asked, train={"episodes": 0})
    first, second = found.cells
    [score] = second.scores
    moved = second.model_copy(
        update={"scores": [score.model_copy(update={"manifest": "sha256:" + "e" * 64})]}
    )
    tables = results.rejection_tables(found.model_copy(update={"cells": [first, moved]}))
    unknown = score.unknown.manifest.removeprefix("sha256:")[:12]
    assert [table.title for table in tables] == [
        f"toy 5w1s: 4 × 3 unknown, max logit (episodes {one}, unknown queries {unknown})"
        for one in (score.manifest.removeprefix("sha256:")[:12], "e" * 12)
    ]
    assert not any(one for table in tables for row in table.rows for one in row.best)


def sentences(folder: Path) -> dict[str, object]:
    """The column ``part`` has the training classes first, and calls what is out of scope ``strays``."""
    lines = ["text,label,part"]
    for label in range(24):
        part = ("train", "validation", "test")[label // 8]
        lines += [f"w{label} v{label} n{number},class {label:02d},{part}" for number in range(8)]
    lines += [f"stray s{number},oos,strays" for number in range(12)]
    (folder / "texts.csv").write_text("\n".join(lines))
    return {"use": "text_table", "path": str(folder / "texts.csv"), "out_of_scope": "oos"}


def test_examples_of_no_class_are_asked_about(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="tables need kshot[tables]")
    unknown = {"out_of_scope": 10, "score": "cosine"}
    given = {
        "sources": {"texts": sentences(tmp_path)},
        "encoders": {"text": [{"use": "tfidf", "words": 64}]},
        "learners": ["prototypical"],
    }
    found = run(
        tmp_path / "run",
        load_registry(),
        **given,
        evaluate={**SMALL, "shapes": ["3w2s"], "unknown": unknown},
        train={"episodes": 0},
    )
    [score] = found.cells[0].scores
    assert (score.unknown.classes, score.unknown.queries, score.unknown.score) == (None, 10, "cosine")
    assert set(score.unknown.auroc) == {"max_logit", "max_softmax", "energy", "cosine"}
    assert score.unknown.auroc["cosine"] == score.metrics["unknown_auroc"]
    assert score.metrics["unknown_auroc"].mean > 0.6
    assert "texts 3w2s: 10 out of scope, cosine" in (tmp_path / "run" / "results.md").read_text()
    with pytest.raises(
        ConfigurationError, match=r"sources.texts: unknown queries: 13 out of scope are asked"
    ):
        run(tmp_path / "many", load_registry(), **given, evaluate={**SMALL, "unknown": {"out_of_scope": 13}})


def test_a_source_without_such_examples_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"sources.toy: the source has no examples of no class"):
        run(tmp_path, evaluate={**SMALL, "unknown": {"out_of_scope": 5}})


def test_a_label_without_rows_in_the_test_split_is_told(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="tables need kshot[tables]")
    source = sentences(tmp_path)
    told = {
        "none of the rows labelled 'oos' is in the test split, .* add their 'part' to split.test, or": {
            "split": {"column": "part"}
        },
        "no row that can be used has the label 'nothing'; name that": {"out_of_scope": "nothing"},
    }
    given = {
        "encoders": {"text": [{"use": "tfidf", "words": 64}]},
        "train": {"episodes": 0},
        "evaluate": {**SMALL, "unknown": {"out_of_scope": 5}},
    }
    for message, options in told.items():
        with pytest.raises(ConfigurationError, match=f"sources.texts: {message}"):
            run(tmp_path, load_registry(), sources={"texts": {**source, **options}}, **given)
    mended = {**source, "split": {"column": "part", "test": ["test", "strays"]}}
    found = run(tmp_path / "run", load_registry(), sources={"texts": mended}, **given)
    assert found.cells[0].scores[0].unknown is not None
