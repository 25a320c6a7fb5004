"""One plugin's fault never stops another: each trap of plugin loading has its test here."""

from __future__ import annotations

import sys

import kshot
import pluggy
import pytest
from kshot.errors import KshotError, PluginError
from kshot.registry import Entry, PluginReport, Registry, compatibility, load_registry


def report(registry: Registry, name: str, distribution: str | None = None) -> PluginReport:
    """The one report of a plugin."""
    found = [
        plugin
        for plugin in registry.plugins
        if plugin.name == name and distribution in (None, plugin.distribution)
    ]
    assert len(found) == 1, found
    return found[0]


def error_of(registry: Registry, name: str, distribution: str | None = None) -> str:
    """Why a plugin is refused; always one line, and the plugin has left no trace."""
    plugin = report(registry, name, distribution)
    assert plugin.error is not None
    assert "\n" not in plugin.error
    assert not plugin.usable
    assert not any(
        entry.distribution == plugin.distribution for kind in plugin.specs for entry in registry.entries(kind)
    )
    if distribution is None:
        assert registry.manager.get_plugin(name) is None
    return plugin.error


def implementers(manager: pluggy.PluginManager) -> set[str]:
    """Names of all plugins that any hook would call."""
    callers = vars(manager.hook).values()
    return {one.plugin_name for caller in callers for one in caller.get_hookimpls()}


def test_a_good_plugin_is_loaded_with_its_origin(site):
    site.install("good")
    registry = load_registry()
    plugin = report(registry, "good")
    assert plugin.usable
    assert (plugin.distribution, plugin.version, plugin.api) == ("kshot-fixture-good", "1.0", 1)
    assert plugin.specs["learners"] == ("guess",)
    assert plugin.seconds > 0
    entry = registry.find("encoders", "toy")
    assert (entry.plugin, entry.provider, entry.modality) == ("good", "kshot-fixture-good 1.0", "toy")
    assert entry.resolve()(width=7) == 7
    assert "toy" in registry.modalities()


def test_the_core_registers_through_the_same_hooks(site):
    del site
    registry = load_registry()
    assert registry.plugins[0].name == "kshot"
    entry = registry.find("learners", "prototypical")
    assert (entry.distribution, entry.version) == ("kshot", kshot.__version__)
    assert {entry.name for entry in registry.entries("metrics")} >= {"accuracy", "cross_entropy"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broken", "importing kshot_fixture_broken failed: RuntimeError: two lines of trouble"),
        ("leaving", "importing kshot_fixture_leaving failed: SystemExit: goodbye"),
        ("panicking", "importing kshot_fixture_panicking failed: PanicException: index out of bounds"),
        ("panicking_hook", "kshot_encoders raised PanicException: out of bounds"),
        ("misspelt", "there is no hook 'kshot_encodrs'; did you mean 'kshot_encoders'?"),
        ("unmarked", "function 'kshot_encoders' is not marked with @kshot.hookimpl"),
        ("hookless", "it implements no hook"),
        ("too_new", f"it was written for hook interface 99, and kshot {kshot.__version__} speaks 1"),
        ("too_old", "it was written for hook interface 0"),
        ("no_api", "does not say which hooks it was written for: add KSHOT_API = 1"),
        ("text_api", "KSHOT_API of kshot_fixture_text_api is '1'"),
        ("needs_newer", f"it needs kshot>=99, and this is kshot {kshot.__version__}"),
        ("raising", "kshot_sources raised ValueError: spec name 'Not A Name'"),
        ("wrong_class", "kshot_learners returned an element of type EncoderSpec"),
        ("nothing", "kshot_encoders returned NoneType; it must return a list or tuple of EncoderSpec"),
        ("wrong_arguments", "Argument(s) {'configuration'} are declared in the hookimpl"),
        ("wrapper", "'kshot_encoders' is a hook wrapper"),
        (
            "awaited",
            "'kshot_cell_finished' is an async function, and no hook is awaited; write it with a plain",
        ),
        ("awaited_specs", "'kshot_encoders' is an async function"),
        ("attribute", "must name a module"),
        ("usurper", "'kshot' is the core's own name"),
    ],
)
def test_a_faulty_plugin_is_kept_with_its_reason_and_stops_no_other(site, name, reason):
    site.install(name, "good")
    registry = load_registry()
    shown = "kshot" if name == "usurper" else name
    distribution = "kshot-fixture-usurper" if name == "usurper" else None
    assert reason in error_of(registry, shown, distribution)
    assert report(registry, "good").usable
    assert registry.find("encoders", "toy").resolve()
    assert registry.find("learners", "prototypical")
    assert implementers(registry.manager) == {one.name for one in registry.plugins if one.usable}


def test_hooks_of_an_older_interface_are_refused_with_both_numbers(site, monkeypatch):
    site.install("good")
    monkeypatch.setattr(compatibility, "OLDEST_API", 2)
    monkeypatch.setattr(compatibility, "KSHOT_API", 3)
    error = error_of(load_registry(), "good")
    assert "interface 1" in error
    assert "speaks 2 to 3" in error


def test_two_entry_points_of_one_name_are_both_refused_before_they_are_loaded(site):
    site.install("good", "duplicate")
    registry = load_registry()
    for distribution in ("kshot-fixture-good", "kshot-fixture-duplicate"):
        error = error_of(registry, "good", distribution)
        assert "kshot-fixture-duplicate 2.0 and kshot-fixture-good 1.0" in error
    assert registry.manager.get_plugin("good") is None
    with pytest.raises(KshotError, match=r"unknown encoder 'toy'.*kshot-fixture-duplicate 2\.0"):
        registry.find("encoders", "toy")


def test_leaving_one_duplicate_out_frees_the_other(site):
    site.install("good", "duplicate")
    registry = load_registry({"KSHOT_DISABLE_PLUGINS": "kshot-fixture-duplicate"})
    assert registry.find("encoders", "toy").distribution == "kshot-fixture-good"
    assert report(registry, "good", "kshot-fixture-duplicate").excluded == "KSHOT_DISABLE_PLUGINS"


def test_two_specs_of_one_name_are_refused_and_all_other_names_work(site):
    site.install("good", "rival")
    registry = load_registry()
    both = "encoder 'toy' is refused: kshot-fixture-good 1.0 and kshot-fixture-rival 1.0 bring it"
    with pytest.raises(PluginError, match=both):
        registry.find("encoders", "toy")
    assert registry.find("encoders", "own").plugin == "good"
    assert registry.find("encoders", "rare").plugin == "rival"
    assert "toy" not in {entry.name for entry in registry.entries("encoders")}
    assert [line for line in registry.conflicts if both in line]


def test_one_plugin_with_one_name_twice_is_told_apart_from_two(site):
    site.install("twice")
    with pytest.raises(PluginError, match=r"kshot-fixture-twice 1\.0 brings it 2 times"):
        load_registry().find("metrics", "same")


@pytest.mark.parametrize(
    ("plugin", "kind", "name"),
    [
        ("misspelt", "learners", "spelt"),
        ("unmarked", "learners", "marked"),
        ("wrong_class", "encoders", "promised"),
    ],
)
def test_asking_for_what_a_refused_plugin_names_tells_the_reason(site, plugin, kind, name):
    site.install(plugin)
    registry = load_registry()
    with pytest.raises(PluginError) as caught:
        registry.find(kind, name)
    assert f"comes with plugin '{plugin}' of kshot-fixture-{plugin.replace('_', '-')} 1.0" in str(
        caught.value
    )
    assert error_of(registry, plugin) in str(caught.value)


def test_an_unknown_name_points_at_the_refused_plugins_that_may_bring_it(site):
    site.install("broken")
    with pytest.raises(
        KshotError, match=r"unknown encoder 'toy'.*refused: plugin 'broken'.*two lines of trouble"
    ):
        load_registry().find("encoders", "toy")


def test_a_register_that_fails_half_way_leaves_nothing(site, monkeypatch):
    """Released versions of pluggy add a plugin's hooks one by one before they find one wrong."""
    site.install("good")
    register = pluggy.PluginManager.register

    def failing(self, plugin, name=None):
        register(self, plugin, name)
        if name == "good":
            raise pluggy.PluginValidationError(plugin, "found too late")
        return name

    monkeypatch.setattr(pluggy.PluginManager, "register", failing)
    registry = load_registry()
    assert "found too late" in error_of(registry, "good")
    assert "good" not in implementers(registry.manager)


def test_a_second_entry_point_for_a_module_leaves_the_first_alone(site):
    site.install("good", "alias")
    registry = load_registry()
    loaded = [plugin for plugin in registry.plugins if plugin.module == "kshot_fixture_good"]
    assert [(plugin.name, plugin.usable) for plugin in loaded] == [("alias", True), ("good", False)]
    assert "is registered already, as plugin 'alias'" in error_of(registry, "good")
    assert registry.find("encoders", "toy").plugin == "alias"
    assert "alias" in implementers(registry.manager)


def test_requirements_that_do_not_apply_do_not_count(site):
    site.install("optional")
    assert load_registry().find("metrics", "optional")


def test_a_requirement_that_cannot_be_read_is_the_plugins_own_fault(site):
    site.install("needs_newer", "good")
    metadata = next(site.folder.glob("kshot_fixture_needs_newer*/METADATA"))
    metadata.write_text(metadata.read_text().replace("kshot>=99", "kshot >= one"))
    registry = load_registry()
    assert "requirement 'kshot >= one' cannot be read" in error_of(registry, "needs_newer")
    assert report(registry, "good").usable


@pytest.mark.parametrize("damage", ["entry_points.txt", "METADATA"])
def test_damaged_metadata_stops_no_other_plugin(site, damage):
    site.install("broken", "good")
    folder = next(site.folder.glob("kshot_fixture_broken-*"))
    if damage == "METADATA":
        (folder / damage).unlink()
    else:
        (folder / damage).write_text("[kshot]\nthis is no entry point\n")
    registry = load_registry()
    assert report(registry, "good").usable
    assert [
        plugin for plugin in registry.plugins if plugin.error and "metadata cannot be read" in plugin.error
    ]


def test_of_a_distribution_that_lies_on_the_path_twice_the_first_counts(site, monkeypatch, tmp_path):
    site.install("good")
    other = type(site)(tmp_path / "second")
    other.folder.mkdir()
    other.install("good")
    metadata = next(other.folder.glob("*/METADATA"))
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 2.0"))
    monkeypatch.syspath_prepend(str(other.folder))
    plugin = report(load_registry(), "good")
    assert plugin.usable
    assert plugin.version == "2.0"


def test_nothing_of_a_factory_is_imported_before_it_is_asked_for(site):
    site.install("good")
    registry = load_registry()
    entry = registry.find("encoders", "toy")
    assert "kshot_fixture_good_parts" not in sys.modules
    entry.resolve()
    assert "kshot_fixture_good_parts" in sys.modules


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("lost", "ModuleNotFoundError: No module named 'kshot_fixture_dependency'"),
        ("renamed", "has no attribute 'encodr'; did you mean 'encoder'?"),
        ("number", "it is of type int, not something to call"),
    ],
)
def test_a_factory_that_cannot_be_had_names_plugin_distribution_and_reason(site, name, reason):
    site.install("good")
    entry = load_registry().find("encoders", name)
    with pytest.raises(PluginError) as caught:
        entry.resolve()
    for part in (f"encoder '{name}'", "kshot-fixture-good 1.0", "plugin 'good'", entry.spec.factory, reason):
        assert part in str(caught.value)


def test_a_factory_whose_module_panics_names_its_plugin(site):
    site.install("panicking")
    spec = kshot.EncoderSpec("rusty", "panics", "kshot_fixture_panicking:Encoder", modality="toy")
    with pytest.raises(
        PluginError, match=r"\(plugin 'mine'\).*cannot be imported: PanicException: index out of"
    ):
        Entry("encoders", spec, "mine", "kshot-mine", "1.0").resolve()


@pytest.mark.parametrize("asked", [KeyboardInterrupt, GeneratorExit])
def test_who_asks_for_a_stop_is_heard_while_plugins_load(site, monkeypatch, asked):
    site.install("good")

    def stopped(name):
        raise asked

    monkeypatch.setattr("kshot.registry.load.importlib.import_module", stopped)
    with pytest.raises(asked):
        load_registry()


def test_the_environment_chooses_plugins(site):
    site.install("good", "rival", "broken")
    only = load_registry({"KSHOT_PLUGINS": "rival"})
    assert report(only, "rival").usable
    assert report(only, "good").excluded == "KSHOT_PLUGINS"
    assert report(only, "broken").error is None
    assert only.find("encoders", "toy").plugin == "rival"
    without = load_registry({"KSHOT_DISABLE_PLUGINS": "broken, good"})
    assert report(without, "good").excluded == "KSHOT_DISABLE_PLUGINS"
    assert without.find("encoders", "toy").plugin == "rival"


def test_an_empty_choice_leaves_the_core_alone(site):
    site.install("good")
    registry = load_registry({"KSHOT_PLUGINS": ""})
    assert [plugin.name for plugin in registry.plugins if plugin.usable] == ["kshot"]


def test_choosing_a_plugin_that_is_not_installed_is_told_and_stops_nothing(site, caplog):
    site.install("good")
    registry = load_registry(
        {"KSHOT_PLUGINS": "goood,kshot-fixture-good", "KSHOT_DISABLE_PLUGINS": "nowhere"}
    )
    assert report(registry, "good").usable
    chosen, left_out = registry.notes
    assert chosen.startswith("KSHOT_PLUGINS: 'goood' is not an installed plugin; did you mean 'good'?")
    assert left_out.startswith("KSHOT_DISABLE_PLUGINS: 'nowhere' is not an installed plugin; there are")
    load_registry({"KSHOT_PLUGINS": "goood,kshot-fixture-good"})
    assert [record.getMessage() for record in caplog.records].count(chosen) == 1


def test_order_of_discovery_means_nothing(site, monkeypatch):
    from kshot.registry import load

    site.install("good", "rival", "printing", "optional")
    forwards = load_registry()
    monkeypatch.setattr(load, "discover", lambda discover=load.discover: discover()[::-1])
    backwards = load_registry()
    for kind in ("encoders", "learners", "sources", "metrics"):
        assert forwards.entries(kind) == backwards.entries(kind)
        assert [one.name for one in forwards.entries(kind)] == sorted(
            one.name for one in forwards.entries(kind)
        )
    assert forwards.conflicts == backwards.conflicts


def test_an_error_in_a_run_time_hook_names_its_plugin_and_reaches_the_others(site):
    site.install("observer")
    registry = load_registry()
    seen = []

    class Watching:
        @kshot.hookimpl
        def kshot_cell_failed(self, cell, error):
            seen.append((cell, error))

    with registry.observing(Watching()), pytest.raises(PluginError) as caught:
        registry.notify("kshot_cell_failed", cell="a.b.c.0", error="out of memory")
    assert seen == [("a.b.c.0", "out of memory")]
    assert str(caught.value) == (
        "plugin 'observer' of kshot-fixture-observer 1.0: "
        "kshot_cell_failed raised ValueError: cannot note a.b.c.0"
    )


def test_a_run_time_hook_that_would_end_the_process_does_not(site):
    del site
    registry = load_registry({"KSHOT_PLUGINS": ""})

    class Leaving:
        @kshot.hookimpl
        def kshot_cell_started(self, stage):
            sys.exit(f"veto of {stage}")

    told = "observer Leaving: kshot_cell_started raised SystemExit: veto of train"
    with registry.observing(Leaving()), pytest.raises(PluginError, match=told):
        registry.notify("kshot_cell_started", cell="a.b.c.0", stage="train")


def test_a_stop_that_is_asked_for_in_a_run_time_hook_stops(site):
    del site
    registry = load_registry({"KSHOT_PLUGINS": ""})

    class Stopping:
        @kshot.hookimpl
        def kshot_cell_started(self):
            raise KeyboardInterrupt

    with registry.observing(Stopping()), pytest.raises(KeyboardInterrupt):
        registry.notify("kshot_cell_started", cell="a.b.c.0", stage="train")


def test_the_order_of_registration_means_nothing_to_run_time_hooks(site):
    """pluggy calls the plugin first that was registered last."""
    del site
    calls = []

    class Noting:
        def __init__(self, name):
            self.name = name

        @kshot.hookimpl
        def kshot_cell_failed(self):
            calls.append(self.name)

    for order in (["b", "a", "c"], ["c", "b", "a"]):
        registry = load_registry({"KSHOT_PLUGINS": ""})
        for name in order:
            registry.manager.register(Noting(name), name)
        registry.notify("kshot_cell_failed", cell="a.b.c.0", error="out of memory")
    assert calls == ["a", "b", "c"] * 2
