"""A classifier sent to a hub over HTTP and fetched from there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from kshot import FewShotClassifier
from kshot.errors import KshotError

from .fake_hub import TOKEN, Hub, serving
from .things import pictures, texts

pytest.importorskip("huggingface_hub", reason='huggingface_hub comes with "kshot[hub]"')


# The hub's library sends large files in a way that the library below it will drop.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


def point_at(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the variable HF_ENDPOINT does for a process that starts with it."""
    from huggingface_hub import constants

    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + template)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that huggingface_hub takes for the only one, with a cache and a token of its own."""
    from huggingface_hub import constants

    with serving() as one:
        point_at(one.address, monkeypatch)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
            monkeypatch.delenv(variable, raising=False)
        yield one


@pytest.fixture
def fitted() -> FewShotClassifier:
    return FewShotClassifier("tfidf", unknown=0.2).fit(*texts())


def test_what_is_pushed_comes_back(fitted: FewShotClassifier, hub: Hub) -> None:
    address = fitted.push_to_hub("me/tickets", token=TOKEN)
    assert address.startswith(f"{hub.address}/me/tickets/commit/")
    assert set(hub.files("me/tickets")) == {"classifier.safetensors", "README.md"}
    [sent] = [one.removeprefix("PUT /objects/") for one in hub.asked if one.startswith("PUT ")]
    assert hub.objects[sent] == hub.files("me/tickets")["classifier.safetensors"]
    hub.asked.clear()
    loaded = FewShotClassifier.from_pretrained("me/tickets")
    asked = ["boil the oven", "zebra quartz", "a song"]
    np.testing.assert_array_equal(loaded.predict_proba(asked), fitted.predict_proba(asked))
    assert loaded.predict(asked).tolist() == fitted.predict(asked).tolist()
    assert hub.asked
    assert all(one.endswith(("/classifier.safetensors", f"/objects/{sent}")) for one in hub.asked)


def test_a_hub_without_room_keeps_nothing(fitted: FewShotClassifier, hub: Hub) -> None:
    hub.full = True
    with pytest.raises(KshotError, match=r"me/tickets: .*no room is left"):
        fitted.push_to_hub("me/tickets", token=TOKEN)
    assert hub.repos == {"me/tickets": {}}


def test_a_revision_is_what_was_pushed_then(fitted: FewShotClassifier, hub: Hub) -> None:
    first = fitted.push_to_hub("me/tickets", token=TOKEN).rpartition("/")[2]
    fitted.add_class("law", ["the road stir"]).push_to_hub("me/tickets", token=TOKEN)
    assert len(FewShotClassifier.from_pretrained("me/tickets").classes_) == 4
    assert len(FewShotClassifier.from_pretrained("me/tickets", revision=first).classes_) == 3
    with pytest.raises(KshotError, match="me/tickets: the repository has no revision 'v9'"):
        FewShotClassifier.from_pretrained("me/tickets", revision="v9")


def test_what_is_in_the_cache_needs_no_hub(
    fitted: FewShotClassifier, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted.push_to_hub("me/tickets", token=TOKEN)
    FewShotClassifier.from_pretrained("me/tickets")
    point_at("http://127.0.0.1:9", monkeypatch)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the library tries again and again
    assert len(FewShotClassifier.from_pretrained("me/tickets").classes_) == 3
    with pytest.raises(
        KshotError, match="me/other: the hub cannot be reached, and nothing of it is in the cache"
    ):
        FewShotClassifier.from_pretrained("me/other")
    with pytest.raises(KshotError, match="me/tickets: the hub cannot be reached"):
        fitted.push_to_hub("me/tickets", token=TOKEN)


def test_a_hostile_file_is_refused(fitted: FewShotClassifier, hub: Hub) -> None:
    fitted.push_to_hub("me/tickets", token=TOKEN)
    content = hub.files("me/tickets")["classifier.safetensors"]
    hub.commit("me/tickets", {"classifier.safetensors": content[:-4] + b"\0\1\2\3"})
    with pytest.raises(KshotError, match="does not match its digest"):
        FewShotClassifier.from_pretrained("me/tickets")
    hub.commit("me/tickets", {"classifier.safetensors": b"\x80\x04cos\nsystem\n"})
    with pytest.raises(KshotError, match="not a classifier, or damaged"):
        FewShotClassifier.from_pretrained("me/tickets")


@pytest.mark.parametrize(
    ("repo", "token", "message"),
    [
        ("me/tickets", None, "log in by `hf auth login`, set HF_TOKEN, or give token="),
        ("me/tickets", "hf_wrong", "log in by `hf auth login`, set HF_TOKEN, or give token="),
        (
            "stranger/tickets",
            TOKEN,
            r"the hub refuses \(You don't have the rights .*\): the token must be one that may write",
        ),
        ("no good/name", TOKEN, "no name of a repository; write OWNER/NAME"),
    ],
)
def test_what_hinders_a_push_is_told(
    fitted: FewShotClassifier, hub: Hub, repo: str, token: str | None, message: str
) -> None:
    with pytest.raises(KshotError, match=f"^{repo}: .*{message}"):
        fitted.push_to_hub(repo, token=token)
    assert not hub.repos


def test_what_is_not_there_is_told(hub: Hub) -> None:
    with pytest.raises(KshotError, match="me/none: there is no such repository"):
        FewShotClassifier.from_pretrained("me/none")
    hub.repos["me/weights"] = {}
    hub.commit("me/weights", {"pytorch_model.bin": b"pickle"})
    with pytest.raises(KshotError, match=r"holds no classifier: classifier\.safetensors is missing there"):
        FewShotClassifier.from_pretrained("me/weights")


def test_the_library_may_be_missing(fitted: FewShotClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for call in (
        lambda: fitted.push_to_hub("me/tickets"),
        lambda: FewShotClassifier.from_pretrained("me/tickets"),
    ):
        with pytest.raises(KshotError, match=r'pip install "kshot\[hub\]"'):
            call()


def test_the_card_says_what_it_is_and_takes_names_literally(hub: Hub) -> None:
    words, labels = texts()
    nasty = "<script>alert(1)</script> | x\n\n# [y](http://z)"
    fitted = FewShotClassifier("tfidf", encoder_options={"words": 50}).fit(
        words, [nasty if label == "cook" else label for label in labels]
    )
    fitted.push_to_hub("me/tickets", token=TOKEN)
    text = hub.files("me/tickets")["README.md"].decode()
    assert text.startswith(
        "---\nlibrary_name: kshot\ntags:\n- kshot\n- few-shot-learning\npipeline_tag: text-cla"
    )
    assert 'FewShotClassifier.from_pretrained("me/tickets")' in text
    assert "- Encoder: tfidf (words=50); its weights, where it has any, are in the file." in text
    assert "- Learner: prototypical (shrinkage=True); trained by these examples alone." in text
    assert f"divided by {fitted.temperature_:.4g}, a temperature fitted" in text
    assert "- Unknown: every example is given one of the classes." in text
    assert "<script>" not in text
    assert "| &lt;script&gt;alert(1)&lt;/script&gt; \\| x \\# \\[y\\](http://z) | 5 |" in text


def test_the_card_names_the_licence_of_pretrained_weights(hub: Hub) -> None:
    pytest.importorskip("efficientnet_lite_pytorch", reason='needs "kshot-image[efficientnet]"')
    fitted = FewShotClassifier("efficientnet_lite0", encoder_options={"size": 32}).fit(*pictures())
    fitted.push_to_hub("me/bars", token=TOKEN)
    text = hub.files("me/bars")["README.md"].decode()
    assert "its pretrained weights (licence Apache-2.0) are not in the file and must be installed." in text


def test_a_model_in_a_folder_is_nothing_to_share(tmp_path: Path, hub: Hub) -> None:
    from kshot_text.trials import saved_bert

    words, labels = texts()
    model = saved_bert(tmp_path, {word for text in words for word in text.split()})
    fitted = FewShotClassifier(f"hf-text:{model}").fit(words, labels)
    with pytest.raises(KshotError, match="its model lies in a folder here"):
        fitted.push_to_hub("me/tickets", token=TOKEN)
    assert not hub.asked
