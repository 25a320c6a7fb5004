"""The page in a real browser: taught, asked, and not to be fooled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kshot import FewShotClassifier
from kshot.serving.page import page as made

from .driving import Page, browser
from .live import Client, live

HOSTILE = '<img src=x onerror="window.broken=1">'


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser")) as page:
        yield page


def opened(window: Page, client: Client) -> Page:
    window.open(client.address)
    window.find("main")
    window.complaints()  # those of before
    return window


def teach_files(page: Page, name: str, files: list[Path]) -> None:
    page.type("#class-name", name)
    page.type("#teach input[type=file]", "\n".join(map(str, files)))
    page.until(f"return document.querySelectorAll('#teach figure').length === {len(files)}")
    page.click("#teach button[type=submit]")
    page.until("return document.querySelector('#class-name').value === ''")


def quiet(page: Page) -> None:
    """It asked nobody but its server, and nothing was reported to the console."""
    assert page.complaints() == []
    names = page.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    origin = page.run("return location.origin")
    assert [name for name in names if not name.startswith((origin, "blob:", "data:"))] == []


def test_two_classes_of_texts_are_taught_and_asked_about(words: FewShotClassifier, window: Page) -> None:
    with live(words) as client:
        page = opened(window, client)
        assert "Classifies texts" in page.text()
        assert "3 classes, 15 examples" in page.text()
        for name, lines in (("bake", "flour oven\noven flour\nflour"), (HOSTILE, "choir wheel\nwheel choir")):
            page.type("#class-name", name)
            page.type("#teach textarea", lines)
            page.click("#teach button[type=submit]")
            page.until("return document.querySelector('#class-name').value === ''")
        assert client.counts() == {"bake": 3, HOSTILE: 2, "cook": 5, "drive": 5, "sing": 5}
        page.type("#ask textarea", f"flour oven flour\nchoir and wheel\nzebra quartz {HOSTILE}")
        page.click("#ask button[type=submit]")
        said = page.until(
            "return document.querySelectorAll('.answer').length === 3 && document.body.innerText"
        )
        assert page.run("return document.querySelector('.verdict').innerText").startswith("bake ")
        second = "document.querySelectorAll('.verdict')[1].querySelector('bdi').textContent"
        assert page.run(f"return {second}") == HOSTILE
        assert page.run("return document.querySelectorAll('.verdict')[2].innerText").startswith("unknown")
        assert "below the threshold" in said
        assert "flour oven" in page.run("return document.querySelector('.near').innerText")
        assert page.run("return window.broken") is None
        assert page.run("return document.querySelectorAll('#answers img').length") == 0
        quiet(page)


def test_texts_of_no_class_set_what_is_unknown_and_are_forgotten(
    words: FewShotClassifier, window: Page
) -> None:
    with live(words) as client:
        before = client.get("/model").json["threshold"]
        page = opened(window, client)
        page.type("#teach textarea", "zebra quartz\nquartz oven")
        page.click("#none")
        page.until("return document.querySelector('#negatives')?.innerText.includes('2 examples')")
        assert client.get("/model").json["threshold"] != before
        assert client.counts() == {"cook": 5, "drive": 5, "sing": 5}
        page.click("#negatives button")
        page.until("return document.querySelector('#negatives') === null")
        assert client.get("/model").json["threshold"] == before
        quiet(page)


def test_pictures_are_chosen_taught_and_corrected(
    bars: FewShotClassifier, window: Page, png: Callable[..., bytes], tmp_path: Path
) -> None:
    files = [tmp_path / f"{kind}{size}.png" for kind in ("cross", "lying") for size in (16, 20)]
    for file in files:
        file.write_bytes(png(file.name[:5], int(file.stem[5:])))
    with live(bars) as client:
        page = opened(window, client)
        assert "nothing is called unknown" in page.text()
        teach_files(page, "cross", files[:2])
        page.type("#ask input[type=file]", f"{files[0]}\n{files[2]}")
        page.until("return document.querySelectorAll('.answer').length === 2")
        told = page.run("return [...document.querySelectorAll('.verdict bdi')].map((one) => one.textContent)")
        assert told == ["cross", "lying"]
        shown = "[...document.querySelectorAll('.answer img')]"
        page.until(f"return {shown}.every((one) => one.complete && one.naturalWidth)")
        assert page.run(f"return {shown}.some((one) => new URL(one.src).pathname.startsWith('/examples/'))")
        page.click(".answer .quiet")  # teach it
        page.type("#class-name", "plus")
        page.click("#teach button[type=submit]")
        page.until("return document.querySelector('#class-name').value === ''")
        assert client.counts() == {"cross": 2, "lying": 4, "plus": 1, "standing": 4}
        page.click("[aria-label='Forget plus']")
        page.click("[aria-label='Really forget plus?']")
        page.until("return document.querySelectorAll('#classes li.card').length === 3")
        assert "plus" not in client.counts()
        quiet(page)


def test_what_the_server_refuses_stands_beside_its_form(
    bars: FewShotClassifier, window: Page, png: Callable[..., bytes], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    other = tmp_path / "other.heic"
    other.write_bytes(b"no picture")
    with live(bars) as client:
        page = opened(window, client)
        page.type("#ask input[type=file]", str(bad))
        alarm = page.find("#ask .alarm")
        assert page.run("return arguments[0].textContent", alarm).startswith(
            "1 of 1 cannot be used: bad.png: not an image"
        )
        page.type("#teach input[type=file]", str(other))
        alarm = page.find("#teach .alarm")
        assert "neither the server nor this browser" in page.run("return arguments[0].textContent", alarm)
        page.click("#teach button[type=submit]")
        assert (
            page.until("return document.querySelector('#teach .alarm').textContent")
            == "Say which class it is."
        )
        assert page.run("return document.activeElement.id") == "class-name"


def test_sound_is_recorded_in_the_page(tones: FewShotClassifier, window: Page) -> None:
    with live(tones) as client:
        page = opened(window, client)
        for number in (1, 2):
            page.click("#teach .record")
            page.until("return /Stop · [1-9]/.test(document.querySelector('#teach .record').innerText)")
            page.click("#teach .record")
            page.until(f"return document.querySelectorAll('#teach figure').length === {number}")
        page.type("#class-name", "beep")
        page.click("#teach button[type=submit]")
        page.until("return document.querySelector('#class-name').value === ''")
        [beep, *_] = client.get("/model").json["classes"]
        assert (beep["name"], beep["count"]) == ("beep", 2)
        assert client.get(beep["examples"][0]["href"]).content.startswith(b"RIFF")
        page.click("#ask .record")
        page.until("return /Stop · [1-9]/.test(document.querySelector('#ask .record').innerText)")
        page.click("#ask .record")
        page.until("return document.querySelectorAll('.answer').length === 1")
        quiet(page)


def test_it_is_used_by_keyboard_alone(words: FewShotClassifier, window: Page) -> None:
    with live(words) as client:
        page = opened(window, client)
        focused: list[str] = []
        for _ in range(20):
            page.keys("\ue004")
            named = page.run(
                "const e = document.activeElement; return e.id || e.getAttribute('aria-label') || e.tagName"
            )
            focused.append(named)
            if named == "TEXTAREA":
                break
        page.keys(*"flour")
        page.keys("\ue004", "\ue007")  # on to the button, and press it
        page.until("return document.querySelectorAll('.answer').length === 1")
        assert "download" in focused
        unnamed = """
            const named = (one) => one.textContent || one.getAttribute('aria-label') || one.alt || one.labels?.length;
            const all = document.querySelectorAll('button, a, input, textarea, audio, img');
            return [...all].filter((one) => one.checkVisibility() && !named(one));
        """
        assert page.run(unnamed) == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_a_phone_and_can_be_read(
    words: FewShotClassifier, window: Page, width: int, dark: bool, tmp_path: Path
) -> None:
    with live(words) as client:
        client.teach("a" * 100, "flour oven")
        page = opened(window, client)
        page.type("#ask textarea", f"flour {'oven' * 100}\nzebra")
        page.click("#ask button[type=submit]")
        page.until("return document.querySelectorAll('.answer').length === 2")
        page.look(tmp_path / "page.png", width, dark=dark, phone=width < 500)
        assert page.run("return document.documentElement.scrollWidth") == width
        ink, paper = page.run(
            "const one = getComputedStyle(document.body); return [one.color, one.backgroundColor]"
        )
        assert abs(brightness(ink) - brightness(paper)) > 150
        page.devtools("Emulation.clearDeviceMetricsOverride")


def brightness(colour: str) -> float:
    return sum(int(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]) / 3


def test_the_page_holds_all_that_it_needs() -> None:
    page = made()
    assert "http://" not in page.html.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page.html
    for unsafe in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert unsafe not in page.html
