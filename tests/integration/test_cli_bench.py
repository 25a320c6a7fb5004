"""``kshot bench``, ``check`` and ``report`` as a user types them, on the toy."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from kshot import EncoderSpec, SourceSpec, results
from kshot.cli import main
from kshot.cli.display import LiveDisplay, PlainDisplay
from rich.console import Console

from .conftest import configuration, run, toy_registry


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bad = EncoderSpec("bad", "fails", "tests.integration.failing:encoder", modality="toy")
    monkeypatch.setattr("kshot.registry.load_registry", lambda: toy_registry(("encoders", bad)))
    monkeypatch.chdir(tmp_path)


def write(**changes: Any) -> str:
    Path("toy.yaml").write_text(yaml.safe_dump(configuration(**changes)))
    return "toy.yaml"


def test_bench_prints_lines_a_table_and_where_everything_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", write(), "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert "toy-run: 1 cells" in out
    assert "[1/1] prototypical.toy_encoder.toy.0: 5w1s " in out
    assert "prototypical  toy_encoder" in out
    assert "\x1b" not in out, "plain lines where output is no terminal"
    assert Path("runs/toy-run/report.html").stat().st_size > 10_000
    assert len(results.load(Path("runs/toy-run")).cells) == 1


def test_a_second_bench_has_nothing_left_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    name = write()
    main(["bench", name])
    first = Path("runs/toy-run/results.json").read_bytes()
    capsys.readouterr()
    assert main(["bench", name]) == 0
    assert "1 cells, 1 of them finished already" in capsys.readouterr().out
    assert Path("runs/toy-run/results.json").read_bytes() == first


def test_set_only_and_out(tmp_path: Path) -> None:
    name = write(seeds=[0, 1])
    assert main(["bench", name, "--only", "*.1", "--set", "evaluate.episodes=20", "--out", "elsewhere"]) == 0
    [cell] = results.load(tmp_path / "elsewhere").cells
    assert cell.seed == 1
    assert cell.scores[0].episodes == 20


def test_only_keeps_what_other_runs_found() -> None:
    name = write(seeds=[0, 1])
    main(["bench", name, "--only", "*.1"])
    main(["bench", name, "--only", "*.0"])
    assert [cell.seed for cell in results.load(Path("runs/toy-run")).cells] == [0, 1]


def test_dry_run_lists_the_cells_and_runs_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", write(seeds=[0, 1]), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "2 cells; each trained on 60 episodes of 5w1s" in out
    assert "prototypical.toy_encoder.toy.1" in out
    assert not Path("runs").exists()


def test_dry_run_tells_what_a_source_and_a_learner_set_for_themselves(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shapes = {"evaluate": {"shapes": ["5w1s", "3w2s"]}}
    name = write(
        sources={"toy": None, "other": {"use": "toy", **shapes}},
        learners=["prototypical", {"use": "matching", "train": {"episodes": 7}}, "simpleshot"],
        evaluate={"shapes": ["5w1s"], "queries": 5, "episodes": 40},
    )
    assert main(["bench", name, "--only", "prototypical.*.other.*", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "1 cells; each trained on 60 episodes" in out
    assert "scored on 40 episodes of 5w1s with 5 queries, 40 episodes of 3w2s with 5 queries\n" in out
    assert main(["bench", name, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.count("1 cells; each trained on 60 episodes") == 2
    assert out.count("1 cells; each trained on 7 episodes") == 2
    assert out.count("1 cells; each scored on 40 episodes of 5w1s") == 2


def test_a_failed_cell_is_exit_code_one_and_stands_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", write(encoders={"toy": ["bad", "toy_encoder"]})]) == 1
    captured = capsys.readouterr()
    assert (
        "prototypical.bad.toy.0: failed: encoder 'bad' of kshot-toy 1.0 cannot be made: RuntimeError: out of ink"
        in captured.out
    )
    assert "Traceback" not in captured.out + captured.err
    bad, good = results.load(Path("runs/toy-run")).cells
    assert (bad.status, good.status) == ("failed", "finished")


def test_bad_configurations_are_exit_code_two_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("bench", "check"):
        assert main([command, write(learners=["prototypicl"], trian={})]) == 2
        err = capsys.readouterr().err
        assert "toy.yaml: 2 problems" in err
        assert "did you mean 'prototypical'?" in err
        assert "trian: unknown key; did you mean 'train'?" in err
        assert "Traceback" not in err


def test_check_looks_at_the_data_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", write()]) == 0
    assert "toy.yaml: good; 1 cells" in capsys.readouterr().out
    assert main(["check", write(sources={"toy": {"classes": 4}})]) == 2
    assert "the train split has 4 classes" in capsys.readouterr().err


def test_check_names_the_classes_that_a_shape_leaves_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uneven = SourceSpec("uneven", "one class is small", "tests.integration.failing:uneven", modality="toy")
    monkeypatch.setattr("kshot.registry.load_registry", lambda: toy_registry(("sources", uneven)))
    assert main(["check", write(sources={"uneven": None}, evaluate={"shapes": ["5w1s"], "queries": 5})]) == 0
    out = capsys.readouterr().out
    assert "5w1s with 5 queries of the test split leaves out 1 classes too small for it: test-024" in out


def test_check_counts_what_a_source_skips(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    skipping = SourceSpec("skipping", "two are bad", "tests.integration.failing:skipping", modality="toy")
    monkeypatch.setattr("kshot.registry.load_registry", lambda: toy_registry(("sources", skipping)))
    assert main(["check", write(sources={"toy": None, "skipping": None})]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[1:] == ["  - sources.skipping: unusable examples, which are skipped: 2"]


def test_a_folder_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").touch()
    assert main(["bench", write(), "--out", "file/below"]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_report_is_written_anew(capsys: pytest.CaptureFixture[str]) -> None:
    main(["bench", write()])
    page = Path("runs/toy-run/report.html")
    content = page.read_text()
    page.unlink()
    assert main(["report", "runs/toy-run"]) == 0
    assert page.read_text() == content
    assert main(["report", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_the_live_table_fills_in(tmp_path: Path) -> None:
    screen = io.StringIO()
    terminal = {"TERM": "xterm-256color"}
    shown = LiveDisplay(Console(file=screen, force_terminal=True, width=120, _environ=terminal))
    registry = toy_registry()
    with registry.observing(shown), shown:
        found = run(tmp_path, registry, seeds=[0, 1])
        halfway = screen.getvalue()
    shown.summary(found)
    assert "prototypical" in halfway
    final = screen.getvalue()[len(halfway) :]
    assert "toy_encoder" in final
    assert "toy 5w1s" in final


def test_a_run_goes_on_in_silence_where_its_reader_has_gone_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Gone(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    registry, shown = toy_registry(), PlainDisplay()
    monkeypatch.setattr(sys, "stdout", Gone())
    with registry.observing(shown), shown:
        found = run(tmp_path, registry, seeds=[0, 1])
    assert len(found.cells) == 2
    assert not caplog.messages


def test_the_tensor_path_needs_neither_datasets_nor_soundfile(tmp_path: Path) -> None:
    """Episodes, learners, training and the report run where only the core is installed."""
    code = f"""
import sys
banned = {{"datasets", "soundfile", "transformers", "torchvision", "torchaudio"}}
class Banned:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in banned:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Banned())
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
from kshot.report import write_report
from tests.integration.conftest import run
found = run(Path("out"))
assert found.cells[0].status == "finished"
write_report(Path("out"))
assert not banned & {{name.partition(".")[0] for name in sys.modules}}
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.stdout.strip() == "done", done.stderr


def test_results_json_is_valid_json_to_the_letter(tmp_path: Path) -> None:
    main(["bench", write()])

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    json.loads(Path("runs/toy-run/results.json").read_text(), parse_constant=refuse)
