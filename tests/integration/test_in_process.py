"""What a notebook registers is used as if a plugin brought it, and its versions are told apart."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import kshot
import pytest
import torch
from kshot import EncoderSpec, FewShotClassifier, SourceSpec
from kshot.benchmark import make_plan, run_benchmark
from kshot.errors import ConfigurationError, KshotError, PluginError
from kshot.interfaces import Presentation
from kshot.registry import load_registry
from kshot.registry.fingerprint import code_hash
from kshot.testing import Toy, check_plugin

from .conftest import configuration
from .notebook import IMPORTS, Notebook, notebook

__all__ = ["notebook"]

ENCODER = """
FACTOR = 1.0

def scaled(values):
    return FACTOR * values

@kshot.register_encoder(modality="toy")
class MyNet(Encoder):
    '''A frozen map of the toy's sixteen numbers.'''

    modality, dim, pretrained = "toy", 4, True

    def __init__(self, *, shift: float = 0.0) -> None:
        super().__init__()
        self.shift = shift
        self.register_buffer("weight", torch.eye(16)[:4])

    def prepare(self, raw):
        return {"values": torch.from_numpy(np.stack(list(raw)))}

    def forward(self, inputs):
        return scaled(inputs["values"] @ self.weight.T) + self.shift
"""

LEARNER = """
from kshot.learners.prototypical import Prototypical

@kshot.register_learner
def nearest(encoder: torch.nn.Module, *, distance: str = "cosine"):
    '''Prototypical networks by another name.'''
    return Prototypical(encoder, distance=distance)
"""

METRIC = """
@kshot.register_metric(name="half")
def half_accuracy(logits, labels):
    return (logits.argmax(-1) == labels).double().mean(-1) / 2
"""


@pytest.fixture(autouse=True)
def _toy(notebook: Notebook) -> None:
    kshot.register_source(Toy, name="toy", modality="toy", tiny=True, trial=kshot.Trial({"noise": 1.0}))
    notebook.run(ENCODER)


def run(folder: Path, **changes):
    settings = configuration(encoders={"toy": "my_net"}, train={"episodes": 0}, **changes)
    return run_benchmark(make_plan(settings, "cell", load_registry()), folder, "cell", torch.device("cpu"))


def test_a_benchmark_uses_what_is_registered(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run(LEARNER)
    notebook.run(METRIC)
    shape = {"shapes": ["5w1s"], "episodes": 20, "queries": 5, "metrics": ["half"]}
    [cell] = run(tmp_path, learners=["nearest"], evaluate=shape).cells
    assert cell.error is None
    [score] = cell.scores
    assert score.accuracy > 0.5
    assert score.metrics["half"].mean == pytest.approx(score.accuracy / 2, abs=0.01)


def test_the_registry_shows_it_with_what_it_was_made_of(notebook: Notebook) -> None:
    entry = load_registry().find("encoders", "my_net", "toy")
    assert entry.spec == EncoderSpec(
        "my_net",
        "A frozen map of the toy's sixteen numbers.",
        "kshot_test_notebook:MyNet",
        modality="toy",
    )
    assert entry.resolve() is notebook.MyNet
    assert entry.provider == f"kshot_test_notebook.MyNet {code_hash(notebook.MyNet)}"
    source = load_registry().find("sources", "toy").spec
    assert isinstance(source, SourceSpec)
    assert source.tiny


def test_the_conformance_suite_checks_it(notebook: Notebook) -> None:
    del notebook
    [checked] = check_plugin("this process", ["my_net"])
    failed = {one.name: one.reason for one in checked.outcomes if one.result == "failed"}
    assert set(failed) == {"hostile"}


def test_running_a_cell_again_takes_its_own_place(notebook: Notebook) -> None:
    before = load_registry().find("encoders", "my_net")
    notebook.run(ENCODER)
    again = load_registry().find("encoders", "my_net")
    assert again.version == before.version
    assert again.resolve() is notebook.MyNet
    assert again.resolve() is not before.resolve()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return scaled(", "return 2 * scaled("),
        ("FACTOR = 1.0", "FACTOR = 3.0"),
        ("return FACTOR * values", "return values - FACTOR"),
        ("torch.eye(16)[:4]", "torch.eye(16)[1:5]"),
        ("shift: float = 0.0", "shift: float = 0.5"),
        ('"toy", 4, True', '"toy", 4, False'),
    ],
)
def test_another_version_of_the_code_is_another_version(notebook: Notebook, old: str, new: str) -> None:
    before = load_registry().find("encoders", "my_net").version
    notebook.run(ENCODER.replace(old, new))
    assert load_registry().find("encoders", "my_net").version != before


def test_layout_comments_and_docstrings_are_no_version(notebook: Notebook) -> None:
    before = load_registry().find("encoders", "my_net").version
    notebook.run(
        ENCODER.replace("A frozen map", "One frozen map").replace(
            "    def prepare", "\n\n    # here\n    def prepare"
        )
    )
    assert load_registry().find("encoders", "my_net").version == before


def test_the_hash_is_the_same_in_every_process(notebook: Notebook, tmp_path: Path) -> None:
    # In one cell with its imports, as in the script: Python makes other instructions of an import's attributes.
    notebook.run(IMPORTS + ENCODER)
    code = f"{IMPORTS}{ENCODER}\nfrom kshot.registry.fingerprint import code_hash\nprint(code_hash(MyNet))"
    (tmp_path / "script.py").write_text(code)
    seen = {
        subprocess.run(
            [sys.executable, str(tmp_path / "script.py")],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1
    assert seen == {f"{code_hash(notebook.MyNet)}\n"}


def test_neither_cells_nor_embeddings_of_another_version_are_taken(
    notebook: Notebook, tmp_path: Path
) -> None:
    """The same name, options and weights; the weights' use differs."""
    first = run(tmp_path).cells[0].scores[0].accuracy
    notebook.run(ENCODER.replace('inputs["values"] @', 'inputs["values"].flip(1) @'))
    worse = run(tmp_path).cells[0].scores[0].accuracy
    assert worse < first - 0.1
    notebook.run(ENCODER)
    assert run(tmp_path).cells[0].scores[0].accuracy == first


def test_another_version_of_a_source_meets_no_old_embedding(notebook: Notebook, tmp_path: Path) -> None:
    source = """
from kshot.testing import Toy
inner = Toy()

@kshot.register_source(name="own", modality="toy")
class Own(Source):
    modality = "toy"
    def catalogue(self, split):
        return inner.catalogue(split)
    def fetch(self, row):
        return inner.fetch(row)
    def present(self, raw):
        return inner.present(raw)
"""
    notebook.run(source)
    good = run(tmp_path, sources={"own": None}).cells[0].scores[0].accuracy
    notebook.run(source.replace("return inner.fetch(row)", "return inner.fetch(row)[::-1].copy()"))
    bad = run(tmp_path, sources={"own": None}).cells[0].scores[0].accuracy
    assert bad < good - 0.1


def test_a_name_belongs_to_one(notebook: Notebook) -> None:
    with pytest.raises(PluginError) as caught:
        notebook.run("@kshot.register_encoder(name='my_net')\nclass Other(MyNet): ...")
    assert "encoder 'my_net' is refused: kshot_test_notebook.MyNet " in str(caught.value)
    assert "kshot_test_notebook.Other " in str(caught.value)
    with pytest.raises(
        PluginError, match=rf"learner 'maml' is refused: kshot {kshot.__version__} brings it, and "
    ):
        notebook.run(LEARNER.replace("@kshot.register_learner", "@kshot.register_learner(name='maml')"))
    assert load_registry().find("learners", "maml").distribution == "kshot"
    assert load_registry().find("encoders", "my_net").resolve() is notebook.MyNet


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("kshot.register_encoder(MyNet, nam='x')", "no field 'nam'; did you mean 'name'?"),
        ("kshot.register_encoder(MyNet, name='My Net')", "spec name 'My Net': lower-case letters"),
        ("kshot.register_encoder(lambda: None, name='made')", "a modality is needed"),
        ("kshot.register_encoder(3, name='three')", "3 is nothing to call"),
        ("kshot.register_metric(print, name='p', customary=1, modality='toy')", "no field 'modality'"),
    ],
)
def test_the_checks_of_entry_points_hold_here_too(notebook: Notebook, call: str, reason: str) -> None:
    with pytest.raises(PluginError) as caught:
        notebook.run(call)
    assert reason in str(caught.value)


def test_a_function_and_a_partial_call_are_factories_too(notebook: Notebook) -> None:
    notebook.run(
        "import functools\nkshot.register_encoder(functools.partial(MyNet, shift=2.0), name='moved', modality='toy')"
    )
    assert load_registry().find("encoders", "moved").resolve()().shift == 2.0
    notebook.run("kshot.register_encoder(lambda: MyNet(shift=3.0), name='made', modality='toy')")
    assert load_registry().find("encoders", "made").resolve()().shift == 3.0


READER = """
@kshot.register_reader(modality="toy")
class Rows(Reader):
    suffixes = ()
    def read(self, given):
        return np.asarray(given, dtype=np.float32)
    def present(self, raw):
        return Presentation("text/plain", str(raw).encode())
"""


def test_a_reader_has_the_name_of_its_modality_wherever_that_is_said(notebook: Notebook) -> None:
    own = READER.replace('(modality="toy")', "").replace("suffixes = ()", 'suffixes, modality = (), "toy"')
    for written in (READER, own):
        notebook.run(written)
        assert load_registry().find("readers", "toy").modality == "toy"
        assert [one.name for one in load_registry().entries("readers") if one.plugin == "this process"] == [
            "toy"
        ]


def test_a_classifier_uses_it_and_knows_its_version_again(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run(READER)
    things = [[k, *([0.0] * 15)] for k in (0.0, 0.1, 0.2, 5.0, 5.1, 5.2)]
    fitted = FewShotClassifier("my_net", episodes=4).fit(things, ["low"] * 3 + ["high"] * 3)
    assert fitted.predict([things[0], things[-1]]).tolist() == ["low", "high"]
    fitted.save(tmp_path / "mine.kshot")
    assert FewShotClassifier.load(tmp_path / "mine.kshot").predict([things[0]]).tolist() == ["low"]
    notebook.run(ENCODER.replace("return scaled(", "return -scaled("))
    with pytest.raises(KshotError, match="made with another 'my_net'"):
        FewShotClassifier.load(tmp_path / "mine.kshot")


BROKEN = """
@kshot.register_encoder(name="broken", modality="toy")
def broken_encoder():
    raise {error}
@kshot.register_learner(name="broken")
def broken_learner(encoder):
    raise {error}
"""


@pytest.mark.parametrize("error", ["RuntimeError('two\\nlines')", "SystemExit('two\\nlines')"])
@pytest.mark.parametrize("kind", ["encoder", "learner"])
def test_a_factory_that_raises_is_named(notebook: Notebook, kind: str, error: str) -> None:
    notebook.run(READER)
    notebook.run(BROKEN.format(error=error))
    told = rf"{kind} 'broken' of \S+broken_{kind} \w+ cannot be made: {error.partition('(')[0]}: two lines"
    with pytest.raises(PluginError, match=told):
        FewShotClassifier(**{"encoder": "my_net", "episodes": 4, kind: "broken"}).fit(
            [[0.0] * 16] * 2, ["a", "b"]
        )


MISTAKEN = """
@kshot.register_encoder(name="mistaken", modality="toy")
def mistaken_encoder():
    return {given}
@kshot.register_learner(name="mistaken")
def mistaken_learner(encoder):
    return {given}
"""


@pytest.mark.parametrize(("given", "found"), [("None", "a NoneType"), ("MyNet", "the class MyNet")])
@pytest.mark.parametrize("kind", ["encoder", "learner"])
def test_a_factory_that_gives_something_else_is_named(
    notebook: Notebook, kind: str, given: str, found: str
) -> None:
    notebook.run(READER)
    notebook.run(MISTAKEN.format(given=given))
    told = (
        rf"{kind} 'mistaken' of \S+ \w+: its factory '\S+' gives {found}; it must give a kshot\.interfaces\."
    )
    with pytest.raises(PluginError, match=told):
        FewShotClassifier(**{"encoder": "my_net", "episodes": 4, kind: "mistaken"}).fit(
            [[0.0] * 16] * 2, ["a", "b"]
        )


def test_a_source_s_factory_that_gives_something_else_is_named(tmp_path: Path) -> None:
    kshot.register_source(lambda: [None], name="listed", summary="a list", modality="toy")
    with pytest.raises(
        KshotError, match=r"source 'listed' of .* gives a list; it must give a kshot\.interfaces"
    ):
        run(tmp_path, sources={"listed": {}})


class Undrawn(Toy):
    """Cannot be shown to people."""

    def present(self, raw: object) -> Presentation:
        raise ValueError("no ink")


def test_a_source_that_cannot_be_drawn_is_named_with_its_row(tmp_path: Path) -> None:
    kshot.register_source(Undrawn, modality="toy")
    with pytest.raises(
        PluginError, match=r"source 'undrawn' of .*: row \d+ cannot be drawn: ValueError: no ink"
    ):
        run(tmp_path, sources={"undrawn": {}})


UNSURE = """
from kshot.learners.prototypical import Prototypical

@kshot.register_learner
class Unsure(Prototypical):
    '''Cannot say how many classes it serves.'''

    @classmethod
    def way_of(cls, way, options):
        return options["outputs"]
"""


def test_a_learner_that_cannot_tell_its_way_is_named(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run(UNSURE)
    with pytest.raises(ConfigurationError, match=r"learner 'unsure' of .* way_of raised KeyError: 'outputs'"):
        run(tmp_path, learners=["unsure"])


def test_importing_kshot_and_finding_the_functions_imports_no_torch() -> None:
    code = "import sys, kshot; kshot.register_encoder; assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
