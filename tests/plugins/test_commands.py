"""``kshot list`` and ``kshot plugins`` beside plugins that do not work, in processes of their own."""

from __future__ import annotations

import json

FAULTY = (
    "broken",
    "leaving",
    "duplicate",
    "misspelt",
    "too_new",
    "needs_newer",
    "wrong_class",
    "rival",
    "printing",
)


def test_plugins_shows_each_refused_plugin_with_its_reason_in_one_line(site):
    site.install("good", *FAULTY)
    result = site.run("-m", "kshot", "plugins")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    for name, reason in {
        "broken": "refused: importing kshot_fixture_broken failed: RuntimeError: two lines of trouble",
        "leaving": "refused: importing kshot_fixture_leaving failed: SystemExit: goodbye",
        "misspelt": "refused: there is no hook 'kshot_encodrs'; did you mean 'kshot_encoders'?",
        "too_new": "refused: it was written for hook interface 99",
        "needs_newer": "refused: it needs kshot>=99",
        "wrong_class": "refused: kshot_learners returned an element of type EncoderSpec",
    }.items():
        line = [one for one in lines if one.split()[:1] == [name]]
        assert len(line) == 1, result.stdout
        assert reason in line[0]
    assert sum("both name an entry point 'good'" in line for line in lines) == 2
    assert "hello" not in result.stdout


def test_list_still_works_and_tells_on_stderr_what_is_missing(site):
    site.install("good", "broken", "printing", "rival")
    result = site.run("-m", "kshot", "list")
    assert result.returncode == 0, result.stderr
    assert "own" in result.stdout
    assert "toy" not in [line.split()[0] for line in result.stdout.splitlines() if line.strip()]
    assert "refused: plugin 'broken' of kshot-fixture-broken 1.0: importing" in result.stderr
    assert "encoder 'toy' is refused: kshot-fixture-good 1.0 and kshot-fixture-rival 1.0" in result.stderr


def test_json_is_json_though_a_plugin_prints(site):
    site.install("good", "broken", "printing")
    plugins = site.run("-m", "kshot", "plugins", "--json")
    found = {one["name"]: one for one in json.loads(plugins.stdout)["plugins"]}
    assert found["good"]["specs"]["learners"] == ["guess"]
    assert found["good"]["error"] is None
    assert "two lines of trouble" in found["broken"]["error"]
    assert "hello from import" in plugins.stderr
    entries = json.loads(site.run("-m", "kshot", "list", "learners", "--json").stdout)
    guess = next(one for one in entries["learners"] if one["name"] == "guess")
    assert guess["paper"] == "Anon 1901"
    assert (guess["distribution"], guess["version"]) == ("kshot-fixture-good", "1.0")


def test_an_unknown_name_in_the_environment_is_told_on_stderr(site):
    site.install("good")
    result = site.run("-m", "kshot", "plugins", "--json", KSHOT_PLUGINS="nowhere,good")
    assert result.returncode == 0, result.stderr
    told = "KSHOT_PLUGINS: 'nowhere' is not an installed plugin"
    assert result.stderr.count(told) == 1
    found = json.loads(result.stdout)
    assert [note for note in found["notes"] if told in note]
    states = {one["name"]: one["excluded"] for one in found["plugins"]}
    assert states["good"] is None
    assert states["kshot"] is None
