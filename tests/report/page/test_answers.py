"""The answers in the page: all of them, filtered and searched, and hostile ones only as text."""

from __future__ import annotations

import base64
import json
import random
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.report.page.test_browser import serious
from tests.report.page.test_render import EVIL
from tests.support.browser import Seen, open_browser, watch
from tests.support.reports import HOSTILE, whole
from tune.report import page_html, pages_html
from tune.report.answers import AnswerRow, answers_jsonl, without_texts
from tune.report.page import answers as section
from tune.report.page.answers import page_answers

Open = Callable[..., tuple[Any, Seen]]


def row(number: int, name: str, **values: Any) -> AnswerRow:
    answer = "yes" if number % 3 else "no"
    given: dict[str, Any] = {
        "part": "holdout" if number < 12 else "tuning",
        "inputs": {"text": f"Ticket {number}"},
        "target": "yes",
        "texts": (f"It is {answer}.",),
        "answers": (answer,),
        "answer": answer,
        "votes": {answer: 1},
        "draw_scores": (float(answer == "yes"),),
        "score": float(answer == "yes"),
        "reason": "" if answer == "yes" else "wrong",
        "draws": 1,
        **values,
    }
    return AnswerRow(example=f"t{number}", configuration=name, **given)


def rows() -> list[AnswerRow]:
    """Both configurations on 20 examples; of the baseline every fourth answer is missing."""
    found = []
    for number in range(20):
        found.append(row(number, "winner"))
        if number % 4:
            found.append(row(number, "baseline", answer="no", reason="wrong"))
        else:
            found.append(row(number, "baseline", answer=None, reason="no_answer"))
    found[5] = row(2, "baseline", reason="")
    return found


def unpacked(packed: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def test_the_page_has_every_answer_and_takes_little_more_than_its_text() -> None:
    rng = random.Random(0)
    words = [f"word{number}" for number in range(500)]
    given = []
    for number in range(200):
        text = " ".join(rng.choices(words, k=100))
        given.append(row(number, "winner", texts=(text,), inputs={"text": text[::-1]}))
    found = page_answers(given, None)
    assert found is not None
    (page,) = found.pages
    examples = unpacked(page.packed)
    assert [one["by"]["winner"]["texts"][0] for one in examples] == [
        one.texts[0] for one in given
    ]
    compressed = len(zlib.compress(answers_jsonl(given).encode(), 9))
    assert len(page.packed) <= 1.5 * compressed


def test_what_is_too_much_for_one_page_is_on_further_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(section, "MOST_BYTES", 400)
    found = page_answers(rows(), None)
    assert found is not None
    assert all(len(page.packed) <= 400 for page in found.pages)
    assert [page.file for page in found.pages[:2]] == [
        "report.html",
        "report-answers-2.html",
    ]
    # Every example is on one page.
    assert found.pages[0].first == 1
    assert found.pages[-1].last == found.total == 20
    for before, after in pairwise(found.pages):
        assert after.first == before.last + 1
    pages = pages_html(whole(), rows=rows())
    assert list(pages) == [page.file for page in found.pages]
    for name in pages:
        assert all(
            f'href="{other}#answers"' in pages[name] for other in {*pages} - {name}
        )
    # The whole report is on the first page alone.
    assert [text.count('id="overview"') for text in pages.values()][:2] == [1, 0]
    # An example alone has its page, however long it is.
    monkeypatch.setattr(section, "MOST_BYTES", 1)
    alone = page_answers(rows(), None)
    assert alone is not None
    assert len(alone.pages) == 20


def test_the_reader_of_the_command_can_ask_for_fewer() -> None:
    assert "This report shows 3 of 20 examples." in page_html(
        whole(), rows=rows(), most=3
    )


def test_a_wrong_answer_is_said_to_be_on_the_holdout_or_on_tuning_examples() -> None:
    wrong = [row(3, "winner"), row(15, "winner"), row(1, "winner")]
    text = page_html(whole(), rows=wrong)
    assert "t3: wrong (holdout example)" in text
    assert "t15: wrong (tuning example)" in text


def test_three_wrong_answers_stand_in_the_page_without_its_script() -> None:
    text = page_html(whole(), rows=rows())
    for wanted in ("t0: wrong", "t3: wrong", "t6: wrong"):
        assert wanted in text
    assert "t9: wrong" not in text
    assert "Ticket 3" in text


def test_without_texts_there_are_ids_and_reasons() -> None:
    text = page_html(whole(), rows=[without_texts(one) for one in rows()])
    assert "Ticket" not in text
    assert "t3: wrong" in text
    assert "are left out, as was asked for" in text


def test_without_answers_there_is_no_section() -> None:
    assert page_answers([], None) is None
    assert 'id="answers"' not in page_html(whole())


# --- in a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as started:
        yield started


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Open]:
    contexts: list[Any] = []

    def open_page(given: list[AnswerRow], width: int = 1280) -> tuple[Any, Seen]:
        file = tmp_path / "report.html"
        text = page_html(whole(), rows=given)
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}))
        page = contexts[-1].new_page()
        seen = watch(page, file)
        page.goto(file.as_uri())
        page.wait_for_selector("#answers-tools:not([hidden])")
        return page, seen

    yield open_page
    for context in contexts:
        context.close()


def looked_through(page: Any) -> list[str]:
    """The examples in the order in which a reader pages through them."""
    found = []
    if page.inner_text("#answers-count") == "no example":
        return []
    while True:
        found.append(page.inner_text("#answers-view dd").split()[0])
        if page.is_disabled("#answers-next"):
            return found
        page.click("#answers-next")


def test_each_filter_shows_the_examples_that_it_names(open_page: Open) -> None:
    page, seen = open_page(rows())
    by: dict[str, dict[str, AnswerRow]] = {}
    for one in rows():
        by.setdefault(one.example, {})[one.configuration] = one
    held = [name for name in by if by[name]["winner"].part == "holdout"]
    expected = {
        "wrong": [name for name in held if by[name]["winner"].reason],
        "right": [name for name in held if not by[name]["baseline"].reason],
        "differ": [
            name
            for name in held
            if by[name]["winner"].answer != by[name]["baseline"].answer
        ],
        "none": [name for name in held if by[name]["baseline"].answer is None],
    }
    assert looked_through(page) == held
    for name, wanted in expected.items():
        page.check(f"#answers-{name}")
        assert looked_through(page) == wanted, name
        page.uncheck(f"#answers-{name}")
    page.check("#answers-tuning")
    assert page.inner_text("#answers-count") == "1 of 20"
    page.fill("#answers-search", "ticket 13")
    assert looked_through(page) == ["t13"]
    assert seen.nothing, seen


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_everybody_can_use_it(
    browser: Any, tmp_path: Path, width: int, scheme: Any
) -> None:
    file = tmp_path / "report.html"
    file.write_text(page_html(whole(), rows=rows()), "utf-8")
    # The policy forbids scripts that a test puts into the page.
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
    )
    page = context.new_page()
    page.goto(file.as_uri())
    page.wait_for_selector("#answers-tools:not([hidden])")
    assert serious(page) == []
    # By keyboard alone: the next example.
    page.focus("#answers-next")
    page.keyboard.press("Enter")
    assert page.inner_text("#answers-count") == "2 of 12"
    context.close()


def test_what_is_shown_of_an_example_is_what_the_study_has(open_page: Open) -> None:
    voted = row(
        1,
        "winner",
        texts=("It is yes.", "Hmm, no.", "yes"),
        answers=("yes", "no", "yes"),
        votes={"yes": 2, "no": 1},
        score=0.667,
    )
    page, _ = open_page([voted])
    said = page.inner_text("#answers-view")
    for part in ("Ticket 1", "2 × yes, 1 × no", "score 0.667", "Hmm, no.", "right"):
        assert part in said


def test_further_pages_are_reached_from_the_first_and_lead_back(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(section, "MOST_BYTES", 400)
    pages = pages_html(whole(), rows=rows())
    assert len(pages) > 2
    for name, text in pages.items():
        (tmp_path / name).write_text(text, "utf-8")
    context = browser.new_context(viewport={"width": 390, "height": 900})
    page = context.new_page()
    found: list[str] = []
    for number, name in enumerate(pages):
        file = tmp_path / name
        seen = watch(page, file)
        if number == 0:
            page.goto(file.as_uri())
        else:
            page.click(f'nav[aria-label="Pages of answers"] a[href^="{name}"]')
        page.wait_for_selector("#answers-tools:not([hidden])")
        assert page.url.split("#")[0] == file.as_uri()
        page.check("#answers-tuning")
        found += looked_through(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert seen.errors == []
    assert sorted(found) == sorted({one.example for one in rows()})
    page.click('nav.sections a[href="report.html"]')
    page.wait_for_selector("#overview")
    context.close()


def test_hostile_answers_are_inert_text(open_page: Open) -> None:
    texts = [*EVIL, *(text for text in HOSTILE if "\ud800" not in text)]
    texts.append("x" * 1_000_000)
    given = []
    for number, text in enumerate(texts):
        given.append(
            row(
                number,
                "winner",
                part="holdout",
                inputs={text[:50]: text},
                target=text,
                texts=(text,),
                answers=(text,),
                answer=text,
                votes={text: 1},
            )
        )
    page, seen = open_page(given, width=390)
    shown = looked_through(page)
    assert len(shown) == len(given)
    assert "Show all 1,000,000 characters" in page.inner_text("#answers-view")
    page.fill("#answers-search", "alert(1)")
    assert page.inner_text("#answers-count").startswith("1 of ")
    assert "<script>alert(1)</script>" in page.inner_text("#answers-view")
    page.fill("#answers-search", "gnp.exe")
    assert "\u202e" not in page.inner_text("#answers-view")
    assert "\\u202egnp.exe" in page.inner_text("#answers-view")
    assert page.query_selector("#answers-view script, #answers-view img") is None
    assert seen.nothing, seen
    # Nothing is wider than the screen of a phone.
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
