"""``kshot plugins check``: what it says of a plugin of which some parts keep their contracts and some do not."""

from __future__ import annotations

import json

import pytest
from kshot.errors import KshotError, PluginError
from kshot.registry import load_registry
from kshot.testing import PluginConformance, check_plugin, imports_of, registered_subject


def outcomes(*names: str) -> dict[str, dict[str, tuple[str, str]]]:
    """Entry → check → result and reason."""
    return {
        checked.entry.name: {one.name: (one.result, one.reason) for one in checked.outcomes}
        for checked in check_plugin("tried", names)
    }


def failed(found: dict[str, tuple[str, str]]) -> dict[str, str]:
    return {name: reason for name, (result, reason) in found.items() if result == "failed"}


def test_what_keeps_its_contracts_passes_under_every_name(site):
    site.install("tried")
    found = outcomes("sound", "made", "means", "points", "share")
    assert {name: failed(one) for name, one in found.items()} == {name: {} for name in found}
    for check in ("name", "imports", "declaration", "builds", "shapes", "hostile", "functional_call"):
        assert found["sound"][check][0] == "passed"
    assert found["points"]["digest"] == (
        "skipped",
        "Toy tells no digests; catalogue and place stand for the content",
    )
    assert found["means"]["label_equivariance"][0] == "passed"
    assert "toy" not in {entry.name for entry in load_registry().entries("sources")}


@pytest.mark.parametrize(
    ("entry", "check", "reason"),
    [
        ("blind", "hostile", "prepare([<object object at"),
        ("misread", "declaration", "trial.options.dimm: unknown option; did you mean 'dim'?"),
        ("misnamed", "declaration", "no check is called 'hostil'; did you mean 'hostile'?"),
        ("lost", "imports", "has no attribute 'nowhere'"),
        ("leaving", "builds", "raised SystemExit: 7"),
        ("elsewhere", "builds", "modality is 'toy', its spec's 'place'"),
        ("lonely", "builds", "no installed plugin brings a tiny source of the modality 'place'"),
        ("split", "declaration", "options.classes: should be an integer (given: 'many')"),
        ("toy", "refusals", "read(empty) is accepted"),
    ],
)
def test_a_fault_fails_one_named_check_with_a_reason_in_one_line(site, entry, check, reason):
    site.install("tried")
    found = failed(outcomes(entry)[entry])
    assert list(found) == [check]
    assert reason in found[check]
    assert "\n" not in found[check]


def test_exceptions_stand_in_the_table_with_their_reason(site):
    site.install("tried")
    found = outcomes("excused", "extra", "deeper", "weights")
    assert found["excused"]["hostile"] == ("excepted", "it takes whatever comes")
    assert failed(found["excused"]) == {}
    assert found["extra"]["imports"] == ("excepted", "needs kshot_fixture_absent, not installed here")
    absent = "kshot_fixture_absent.parts.inner, math.inner"
    assert found["deeper"]["imports"] == ("excepted", f"needs {absent}, not installed here")
    assert found["weights"]["imports"][0] == "passed"
    assert found["weights"]["shapes"] == ("excepted", "needs weights that nobody has")


def test_imports_resolves_and_builds_nothing(site):
    site.install("tried")
    found = {checked.entry.name: [one.name for one in checked.outcomes] for checked in imports_of("tried")}
    assert found["sound"] == ["name", "imports", "declaration"]
    assert found["lost"] == ["name", "imports"]
    assert len(found) == 18


def test_a_contested_name_fails_for_both(site):
    site.install("good", "rival")
    for plugin in ("good", "rival"):
        [checked] = imports_of(plugin, ["toy"])
        assert checked.failed
        assert "kshot-fixture-good 1.0 and kshot-fixture-rival 1.0 bring it" in checked.outcomes[0].reason


def test_what_cannot_be_checked_is_said(site):
    site.install("tried", "broken")
    with pytest.raises(PluginError, match="is refused: importing kshot_fixture_broken failed"):
        list(check_plugin("broken"))
    with pytest.raises(KshotError, match="no plugin 'tired' is installed; did you mean 'tried'"):
        list(check_plugin("tired"))
    with pytest.raises(KshotError, match="brings no 'sond'; did you mean 'sound'"):
        list(check_plugin("tried", ["sond"]))


def test_the_command_prints_tables_and_fails_where_a_check_does(site):
    site.install("tried")
    good = site.run("-m", "kshot", "plugins", "check", "kshot-fixture-tried", "sound", "share")
    assert good.returncode == 0, good.stderr
    assert "encoder 'sound' of kshot-fixture-tried 1.0:" in good.stdout
    assert ["functional_call", "passed"] in [line.split() for line in good.stdout.splitlines()]
    assert "2 entries: " in good.stdout
    bad = site.run("-m", "kshot", "plugins", "check", "tried", "blind")
    assert bad.returncode == 1, bad.stderr
    lines = [line for line in bad.stdout.splitlines() if line.split()[:2] == ["hostile", "failed"]]
    assert len(lines) == 1
    assert "is accepted; check what comes" in lines[0]
    assert bad.stdout.splitlines()[-1] == "  encoder 'blind' of kshot-fixture-tried 1.0: hostile"


def test_the_command_as_json(site):
    site.install("tried")
    result = site.run("-m", "kshot", "plugins", "check", "tried", "lost", "share", "--json", "--imports")
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert found["plugin"] == "tried"
    by_name = {one["name"]: one for one in found["checked"]}
    assert by_name["lost"]["failed"]
    assert by_name["lost"]["checks"][1]["result"] == "failed"
    assert not by_name["share"]["failed"]


def test_a_plugin_is_one_class_of_tests(site):
    site.install("tried")

    class TestTried(PluginConformance):
        plugin = "kshot-fixture-tried"
        only = ("sound", "blind", "weights", "extra")

    tests = [name for name in dir(TestTried) if name.startswith("test_")]
    assert tests == [f"test_encoders_{name}" for name in ("blind", "extra", "sound", "weights")]
    TestTried().test_encoders_sound()
    with pytest.raises(AssertionError, match=r"encoder 'blind' of kshot-fixture-tried 1\.0:\nhostile: "):
        TestTried().test_encoders_blind()
    with pytest.raises(
        TypeError, match="Quiet overrides test_encoders_blind; except a check, with the reason"
    ):

        class Quiet(PluginConformance):
            plugin = "tried"

            def test_encoders_blind(self) -> None:
                pass


def test_a_registered_encoder_as_a_subject(site):
    site.install("tried")
    subject = registered_subject("made")
    assert subject.encoder().dim == 6
    assert registered_subject("sound", dim=3).fresh().dim == 3
    assert set(subject.hostile) == {"empty", "short", "NaN", "infinite", "a matrix", "huge"}
