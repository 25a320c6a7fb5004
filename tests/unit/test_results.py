"""Results: what is written is read back, to the byte; what is broken is named; what is hostile is harmless."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kshot.errors import KshotError
from kshot.results import (
    Cell,
    CurvePoint,
    Measure,
    Results,
    Sample,
    SampleExample,
    Score,
    Train,
    UnknownQueries,
    load,
    load_samples,
    read_entry,
    rejection_tables,
    sample_path,
    save,
    save_sample,
    summary,
    tables,
    without_times,
    write_entry,
)
from kshot.results.text import markdown, p_value, printable, unformula


def score(accuracy: float = 0.5, shot: int = 1, **more: Any) -> Score:
    fields = {
        "way": 5,
        "shot": shot,
        "queries": 15,
        "episodes": 600,
        "accuracy": accuracy,
        "ci95": 0.004,
        "chance": 0.2,
    }
    return Score.model_validate(fields | more)


def cell(learner: str = "prototypical", encoder: str = "conv4", source: str = "glyphs", **more: Any) -> Cell:
    fields: dict[str, Any] = {
        "id": f"{learner}.{encoder}.{source}.{more.get('seed', 0)}",
        "learner": learner,
        "encoder": encoder,
        "source": source,
        "modality": "image",
        "seed": 0,
        "status": "finished",
        "train": Train(way=5, shot=1, queries=5, episodes=2000, seconds=1.5, peak_memory_bytes=10),
        "scores": [score()],
    }
    return Cell.model_validate(fields | more)


def results(*cells: Cell, **more: Any) -> Results:
    return Results.model_validate({"name": "three-senses", "cells": list(cells)} | more)


FULL = results(
    cell(
        options={"learner": {"inner_steps": 5, "lr": 1e-3}, "encoder": {}, "source": {"path": ["a", "b"]}},
        curve=[
            CurvePoint(episodes=100, loss=1.5, accuracy=0.4, ci95=0.1),
            CurvePoint(episodes=200, loss=0.1 + 0.2),
        ],
        scores=[
            score(
                2 / 3,
                metrics={"f1": Measure(mean=0.1, ci95=0.2)},
                classes=38,
                left_out=["ა"],
                class_ci95=(0.6, 0.7),
            ),
            score(1, 5, within="alphabet", apart="drawer"),
        ],
    ),
    cell("maml", status="failed", error="out of memory", scores=[], train=Train()),
    environment={"torch": "2.14.1", "devices": [{"name": "cpu"}]},
)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    save(tmp_path, FULL)
    assert load(tmp_path) == FULL
    assert load(tmp_path / "results.json") == FULL
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "results.csv",
        "results.json",
        "results.md",
        "results.tex",
    ]


def test_the_file_follows_the_published_schema(tmp_path: Path) -> None:
    save(tmp_path, FULL)
    raw = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert list(raw) == [
        "schema",
        "name",
        "environment",
        "configuration",
        "uses",
        "cells",
        "comparisons",
        "rankings",
    ]
    assert raw["schema"] == 1
    first = raw["cells"][0]
    identity = ["id", "learner", "options", "encoder", "source", "modality", "seed", "status", "error"]
    assert list(first)[: len(identity)] == identity
    train = {
        "way",
        "shot",
        "queries",
        "episodes",
        "seconds",
        "episodes_per_second",
        "precision",
        "best",
        "start",
        "pretrain_epochs",
        "pretrain_seconds",
        "parameters",
        "peak_memory_bytes",
        "at_once",
    }
    assert set(first["train"]) == train
    needed = {
        "way",
        "shot",
        "queries",
        "episodes",
        "accuracy",
        "ci95",
        "chance",
        "manifest",
        "batch_statistics",
    }
    assert needed | {"episodes_per_second"} <= set(first["scores"][0])
    assert first["scores"][0]["accuracy"] == 2 / 3


def test_equal_figures_give_equal_bytes(tmp_path: Path) -> None:
    save(tmp_path / "a", FULL)
    shuffled = json.loads(
        (tmp_path / "a" / "results.json").read_text(encoding="utf-8"), object_pairs_hook=_reversed
    )
    save(tmp_path / "b", Results.model_validate(shuffled))
    for name in ("results.json", "results.csv", "results.md", "results.tex"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def _reversed(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def test_unknown_keys_are_kept(tmp_path: Path) -> None:
    raw = {"schema": 1, "name": "x", "later": {"b": 1, "a": [2]}, "cells": []}
    (tmp_path / "results.json").write_text(json.dumps(raw))
    save(tmp_path, load(tmp_path))
    again = json.loads((tmp_path / "results.json").read_text())
    assert again["later"] == {"a": [2], "b": 1}


def test_a_diverged_loss_is_null(tmp_path: Path) -> None:
    broken = cell(
        curve=[CurvePoint(episodes=1, loss=float("nan"), ci95=float("inf"))],
        options={"learner": {"margin": float("inf")}},
    )
    save(tmp_path, results(broken))
    text = (tmp_path / "results.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert load(tmp_path).cells[0].curve == [CurvePoint(episodes=1, loss=None)]


def test_names_that_are_no_unicode_are_stored(tmp_path: Path) -> None:
    path = b"\xffbad".decode("utf-8", "surrogateescape")
    save(tmp_path, results(cell(error=f"cannot read {path}", options={"source": {"path": path}})))
    loaded = load(tmp_path)
    assert loaded.cells[0].error == "cannot read \\udcffbad"
    assert loaded.cells[0].options["source"]["path"] == path


def test_without_times_keeps_the_figures() -> None:
    slow = results(cell(scores=[score(0.7, episodes_per_second=3.0)]))
    timeless = without_times(slow)
    assert timeless.cells[0].scores == [score(0.7)]
    assert timeless.cells[0].train == Train(way=5, shot=1, queries=5, episodes=2000)
    fast = results(
        cell(
            scores=[score(0.7, episodes_per_second=9.0)], train=Train(way=5, shot=1, queries=5, episodes=2000)
        )
    )
    assert without_times(fast) == timeless


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no results.json in"),
        ("{", "not valid JSON"),
        (b"\xff\xfe{}", "not valid JSON"),
        ("[]", "expected a JSON object, found list"),
        ('{"schema": 2, "name": "x"}', "written under schema 2, this kshot reads up to 1; upgrade kshot"),
        ('{"schema": 1}', "name: Field required"),
        ('{"name": "x", "cells": [{"id": "a"}]}', "cells.0.learner: Field required"),
        ('{"name": "x", "cells": 3}', "cells: Input should be a valid list"),
    ],
)
def test_a_broken_file_is_named_with_its_reason(
    tmp_path: Path, content: str | bytes | None, message: str
) -> None:
    path = tmp_path / "results.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(KshotError) as caught:
        load(tmp_path)
    assert message in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_folder_in_the_files_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "results.json").mkdir()
    with pytest.raises(KshotError, match="cannot read"):
        load(tmp_path)


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KshotError, match="cannot write"):
        save(tmp_path / "file", FULL)


@pytest.mark.parametrize(
    "figures", [{"accuracy": 1.2}, {"accuracy": float("nan")}, {"way": 1}, {"ci95": -0.1}]
)
def test_impossible_scores_are_refused(figures: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        score(**figures)


def test_two_cells_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"two cells are called 'prototypical\.conv4\.glyphs\.0'"):
        results(cell(), cell())


def test_the_sheet_has_a_line_for_each_score_and_failed_cell(tmp_path: Path) -> None:
    save(tmp_path, FULL)
    lines = list(csv.DictReader(io.StringIO((tmp_path / "results.csv").read_text(encoding="utf-8"))))
    assert [(line["cell"], line["status"], line["shot"]) for line in lines] == [
        ("prototypical.conv4.glyphs.0", "finished", "1"),
        ("prototypical.conv4.glyphs.0", "finished", "5"),
        ("maml.conv4.glyphs.0", "failed", ""),
    ]
    assert float(lines[0]["accuracy"]) == 2 / 3
    assert (lines[0]["ci95"], lines[0]["class_ci95_low"], lines[0]["class_ci95_high"]) == (
        "0.004",
        "0.6",
        "0.7",
    )
    assert (lines[0]["f1"], lines[0]["f1_ci95"]) == ("0.1", "0.2")
    assert lines[1]["f1"] == ""
    assert lines[1]["within"] == "alphabet"
    assert lines[0]["train_episodes"] == "2000"
    assert lines[2]["error"] == "out of memory"
    assert json.loads(lines[0]["options"])["learner"]["inner_steps"] == 5


@pytest.mark.parametrize("formula", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", " =1", "＝1"])
def test_the_sheet_holds_no_formula(tmp_path: Path, formula: str) -> None:
    hostile = cell(formula, formula, formula, modality=formula, note=formula, error=formula)
    hostile = hostile.model_copy(
        update={"scores": [score(metrics={formula: Measure(mean=-0.5)}, manifest=formula)]}
    )
    save(tmp_path, results(hostile))
    rows = list(csv.reader(io.StringIO((tmp_path / "results.csv").read_text(encoding="utf-8"))))
    assert len(rows) == 2
    fields = [field for row in rows for field in row]
    assert [field for field in fields if field[:1] in tuple("=+@＝\t\r")] == []
    assert [field for field in fields if field.startswith("-")] == ["-0.5"]


@given(st.text())
def test_no_text_is_read_as_a_formula(text: str) -> None:
    assert unformula(text)[:1] not in tuple("=+-@\t\r\n＝＋－＠")


@given(st.text())
def test_printable_text_is_one_harmless_line(text: str) -> None:
    line = printable(text)
    assert line == " ".join(line.split())
    assert all(char.isprintable() or not char.isascii() for char in line)
    line.encode()


def test_markdown_escapes_what_markdown_reads() -> None:
    assert markdown("a|b") == r"a\|b"
    assert markdown("<b>*x*</b>") == r"&lt;b&gt;\*x\*&lt;/b&gt;"
    assert markdown("inner_steps") == "inner_steps"
    assert markdown("_em_ [l](u) `c` $x$") == r"\_em\_ \[l\](u) \`c\` \$x\$"
    assert markdown("two\nlines\x1b[1m") == "two lines\ufffd\\[1m"


@given(st.text(max_size=20))
def test_names_do_not_break_the_markdown_table(name: str) -> None:
    text = summary(results(cell(name, name, name, modality=name, id="x")))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 3
    assert {row.replace(r"\|", "").replace("\\\\", "").count("|") for row in rows} == {4}


def test_the_markdown_table_in_full(tmp_path: Path) -> None:
    save(
        tmp_path,
        results(
            cell(scores=[score(0.951), score(0.98, 5, ci95=0.0021)]),
            cell(
                "nearest_mean",
                "pixels",
                train=Train(),
                pretrained=True,
                scores=[score(0.52), score(0.9804, 5, ci95=None)],
            ),
            cell("maml", status="failed", error="NaN <loss>", scores=[]),
        ),
    )
    assert (tmp_path / "results.md").read_text(encoding="utf-8") == (
        "# three-senses\n\n"
        "## image\n\n"
        "| learner | encoder | glyphs 5w1s | glyphs 5w5s |\n"
        "| --- | --- | ---: | ---: |\n"
        "| prototypical | conv4 | **95.1 ± 0.4** | 98.0 ± 0.2 |\n"
        "| nearest_mean | pixels (pretrained, untrained) | 52.0 ± 0.4 | **98.0** |\n"
        "| maml | conv4 | failed | failed |\n\n"
        "Accuracy in per cent, mean over test episodes ± half-width of the 95 % interval.\n"
        "Pretrained: the encoder came with weights trained on other data.\n"
        "Untrained: this run trained nothing of that row.\n"
        "The best of a column is bold.\n\n"
        "## Failed cells\n\n"
        "- **maml.conv4.glyphs.0**: NaN &lt;loss&gt;\n"
    )


def test_tables_by_modality_with_columns_by_source_and_shape() -> None:
    every = tables(
        results(
            cell(scores=[score(0.5), score(0.6, within="alphabet")]),
            cell(source="omniglot", scores=[score(0.7)]),
            cell("maml", source="omniglot", scores=[score(0.8)]),
            cell(encoder="dvector", source="voices", modality="audio", status="failed", scores=[]),
        )
    )
    image, audio = every
    assert image.header == (
        "learner",
        "encoder",
        "glyphs 5w1s",
        "glyphs 5w1s within alphabet",
        "omniglot 5w1s",
    )
    assert image.lines == (
        ("prototypical", "conv4", "50.0 ± 0.4", "60.0 ± 0.4", "70.0 ± 0.4"),
        ("maml", "conv4", "", "", "80.0 ± 0.4"),
    )
    assert [[value is not None and value.best for value in row.values] for row in image.rows] == [
        [False, False, False],
        [False, False, True],
    ]
    assert audio.header == ("learner", "encoder", "voices")
    assert audio.lines == (("prototypical", "dvector", "failed"),)


def test_shapes_that_differ_in_their_queries_alone_stand_apart() -> None:
    (table,) = tables(results(cell(scores=[score(0.5), score(0.6, queries=5)])))
    assert table.header[2:] == ("glyphs 5w1s 15q", "glyphs 5w1s 5q")


def test_seeds_are_averaged_and_failures_counted() -> None:
    (table,) = tables(
        results(
            cell(seed=0, scores=[score(0.5, ci95=0.01)]),
            cell(seed=1, scores=[score(0.7, ci95=0.03)]),
            cell(seed=2, status="failed", scores=[]),
        )
    )
    (row,) = table.rows
    (value,) = row.values
    assert value is not None
    assert (value.accuracy, value.ci95, value.seeds, value.failed) == (
        pytest.approx(0.6),
        pytest.approx(0.02),
        2,
        1,
    )
    assert value.deviation == pytest.approx(0.02**0.5)
    assert value.text == "60.0 ± 2.0 (s 14.1, 1 of 3 failed)"


def test_measures_of_unknown_queries_are_averaged_and_the_best_told_by_their_direction() -> None:
    def asked(learner: str, seed: int, ci95: float, *means: float) -> Cell:
        unknown = UnknownQueries(classes=5, queries=3, score="cosine")
        metrics = {
            name: Measure(mean=mean, ci95=ci95)
            for name, mean in zip(
                ("unknown_auroc", "unknown_fpr95", "unknown_oscr", "unknown_eer"), means, strict=True
            )
        }
        return cell(learner, seed=seed, scores=[score(metrics=metrics, unknown=unknown)])

    (table,) = rejection_tables(
        results(
            asked("seeds", 0, 0.01, 0.8, 0.5, 0.7, 0.3),
            asked("seeds", 1, 0.03, 0.6, 0.3, 0.5, 0.4),
            asked("single", 0, 0.01, 0.9, 0.2, 0.5, 0.1),
        )
    )
    seeds, single = table.rows
    assert seeds.fields == ("70.0 ± 2.0", "40.0 ± 2.0", "60.0 ± 2.0", "35.0 ± 2.0")
    assert (seeds.best, single.best) == ((False, False, True, False), (True, True, False, True))


def test_other_unknown_queries_have_a_table_of_their_own() -> None:
    (one, other) = (
        score(unknown=UnknownQueries(classes=5, queries=3, score="cosine", manifest=f"sha256:{letter * 64}"))
        for letter in "ab"
    )
    found = rejection_tables(results(cell(scores=[one]), cell("maml", scores=[other])))
    assert [[row.learner for row in table.rows] for table in found] == [["prototypical"], ["maml"]]


@pytest.mark.parametrize(
    ("p", "told"), [(0.0312, "0.031"), (0.0014, "0.001"), (0.001, "0.001"), (0.0009, "< 0.001")]
)
def test_small_p_values_are_told_to_a_per_mille(p: float, told: str) -> None:
    assert p_value(p) == told


def sample(**more: Any) -> Sample:
    fields: dict[str, Any] = {
        "source": "glyphs",
        "modality": "image",
        "shape": "5w1s",
        "classes": ["a|<b>", "ბ"],
        "support": [
            SampleExample.of(0, "image/png", b"\x89PNG"),
            SampleExample.of(1, "text/plain", "שלום".encode()),
        ],
        "query": [SampleExample.of(1, "audio/wav", b"RIFF")],
    }
    return Sample.model_validate(fields | more)


def test_samples_round_trip(tmp_path: Path) -> None:
    path = save_sample(tmp_path, sample())
    assert path == tmp_path / "samples" / "glyphs.json"
    save_sample(tmp_path, sample(source="../escape"))
    assert [one.source for one in load_samples(tmp_path)] == ["../escape", "glyphs"]
    (_, loaded) = load_samples(tmp_path)
    assert loaded == sample()
    assert [one.content for one in loaded.support] == [b"\x89PNG", "שלום".encode()]
    assert load_samples(tmp_path / "nowhere") == []


def test_a_sample_stays_in_its_folder(tmp_path: Path) -> None:
    for source in ("../../x", "a/b", "..", "."):
        assert sample_path(tmp_path, source).resolve().parent == tmp_path.resolve() / "samples"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"support": [{"label": 2, "media": "text/plain", "data": "x"}]}, "label 2 is none of the 2 classes"),
        (
            {"support": [{"label": 0, "media": "image/png", "data": "no base64!"}]},
            "image/png data is not base64",
        ),
        ({"support": [{"label": 0, "media": "text/html", "data": "x"}]}, "support.0.media"),
    ],
)
def test_broken_samples_are_named(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    path = save_sample(tmp_path, sample())
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | more))
    with pytest.raises(KshotError, match=r"glyphs\.json") as caught:
        load_samples(tmp_path)
    assert message in str(caught.value)


def test_a_cell_is_an_entry_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "cells" / "x" / "cell.json"
    write_entry(path, FULL.cells[0])
    assert read_entry(path, Cell) == FULL.cells[0]


def test_results_need_neither_torch_nor_numpy() -> None:
    code = "import sys, kshot.results; sys.exit(bool({'torch', 'numpy', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
