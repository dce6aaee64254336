"""`report.html`: well-formed, it asks for nothing from outside, and hostile text is only text."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tune
from tests.support.reports import (
    EMPTY,
    HOSTILE,
    WINNER,
    config,
    money,
    provenance,
    study,
    texts,
    whole,
)
from tune.completion import Message
from tune.fakes.faults import Fault, Model
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.report import PriceLine, PromptText, Report, TrialRow, page_html
from tune.space import Point
from tune.study.study import MORE_PAGES

_TAGS = """
a body button circle code dd desc details dialog div dl dt fieldset figcaption figure g h1 h2 h3 head
html input label legend li line main meta nav output p path polyline pre rect script section small
span strong style summary svg table tbody td text th thead title tr ul
"""
_ATTRIBUTES = """
autocomplete charset class content cx cy d dx dy for height hidden href http-equiv id lang max min
name open overflow placeholder points preserveaspectratio r role scope step tabindex text-anchor
transform type value viewbox visibility width x x1 x2 y y1 y2
"""
VOID = {"meta", "br", "hr", "input"}
TAGS = frozenset(_TAGS.split())
"""All that a page is made of."""

ATTRIBUTES = frozenset(_ATTRIBUTES.split())
"""None of them can hold a script; `content` and `href` are looked at by themselves."""


class Reader(HTMLParser):
    """Reads a page as strictly as it can: every tag that is opened is closed, in order.

    Attributes:
        tags: (name, attributes) of each, in order.
        texts: (the tag that it is in, text) of each run of text that is not blank.
    """

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.declarations: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), attrs
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1:] == [tag], (tag, self.open)
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.texts.append((self.open[-1], data))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        self.declarations.append(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"an unknown declaration: {data}")

    def said(self, *tags: str) -> str:
        return "".join(text for tag, text in self.texts if not tags or tag in tags)


def harmless(text: str) -> Reader:
    """The page, read; it holds nothing but what a page is made of, and nothing that reaches
    outside.
    """
    reader = Reader(text)
    assert {tag for tag, _ in reader.tags} <= TAGS
    for _, attributes in reader.tags:
        for name, value in attributes.items():
            assert name in ATTRIBUTES or name.startswith(("aria-", "data-")), name
            # Links lead to a place on this page.
            assert name != "href" or re.fullmatch(r"#[a-z]+", value), value
    kinds = [
        attributes.get("type") for tag, attributes in reader.tags if tag == "script"
    ]
    # The other kinds are data, which no browser runs.
    assert set(kinds) <= {None, "application/json", "text/plain"}
    assert kinds.count(None) == 1
    assert Counter(tag for tag, _ in reader.tags)["style"] == 1
    style = reader.said("style")
    assert not re.search(r"url\(|@import|expression|src|//", style)
    assert next(attributes for tag, attributes in reader.tags if tag == "meta") == {
        "charset": "utf-8"
    }
    text.encode("utf-8")
    return reader


def executed(reader: Reader) -> str:
    """The page's one script."""
    (said,) = [
        said
        for tag, said in reader.texts
        if tag == "script" and said.startswith("(() =>")
    ]
    return said


def digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


# --- the page


def test_the_page_is_whole_and_allows_only_its_own_style_and_script() -> None:
    reader = harmless(page_html(study()))
    assert reader.declarations == ["DOCTYPE html"]
    metas = [attributes for tag, attributes in reader.tags if tag == "meta"]
    (policy,) = [
        meta["content"]
        for meta in metas
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {
        "default-src": "'none'",
        "script-src": f"'sha256-{digest(executed(reader))}'",
        "style-src": f"'sha256-{digest(reader.said('style'))}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert metas.index({"charset": "utf-8"}) == 0
    assert {
        "name": "viewport",
        "content": "width=device-width, initial-scale=1",
    } in metas
    assert reader.tags[0] == ("html", {"lang": "en"})
    assert (
        next(text for tag, text in reader.texts if tag == "title")
        == "reviews: best quality"
    )


def test_the_script_reaches_for_nothing_and_writes_no_html() -> None:
    script = executed(harmless(page_html(study())))
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|fetch\(|"
        r"XMLHttpRequest|WebSocket|import\(|https?:(?!//www\.w3\.org)|localStorage",
        script,
    )


def test_every_section_has_a_place_in_the_navigation() -> None:
    reader = harmless(page_html(study()))
    links = [attributes["href"] for tag, attributes in reader.tags if tag == "a"]
    sections = [attributes["id"] for tag, attributes in reader.tags if tag == "section"]
    assert links == ["#main", *(f"#{name}" for name in sections)]
    assert len(sections) >= 6


def test_the_command_that_settles_uncertain_dollars_is_shown_without_backticks() -> (
    None
):
    reader = harmless(page_html(whole(money=money(uncertain=0.5))))
    said = reader.said("li")
    assert "tune reconcile STUDY --billed USD books the whole bill" in said
    assert "`" not in said


def test_every_table_can_be_scrolled_sideways_with_finger_or_keyboard() -> None:
    reader = harmless(page_html(study()))
    for before, (tag, _) in zip(reader.tags, reader.tags[1:], strict=False):
        if tag == "table":
            frame, attributes = before
            assert (frame, attributes["class"].split()[0], attributes["tabindex"]) == (
                "div",
                "scroll",
                "0",
            )
            assert attributes["role"] == "group"
            assert attributes["aria-label"]
    assert re.search(r"\.scroll[^{]*\{[^}]*overflow-x: auto", reader.said("style"))


def test_what_is_wider_than_the_screen_has_a_shadow_where_more_is() -> None:
    style = harmless(page_html(study())).said("style")
    (rule,) = re.findall(r"\.scroll \{([^}]*background[^}]*)\}", style)
    layers = [layer for layer in re.split(r",\n", rule) if "gradient" in layer]
    sides = {
        (side, kind): False
        for side in ("left", "right")
        for kind in ("local", "scroll")
    }
    for layer in layers:
        side = re.search(r"\) (left|right) /", layer)
        assert side is not None, layer
        kind = layer.strip().rstrip(";").split()[-1]
        sides[side[1], kind] = True
        # The shadow stays at the edge; what hides it moves with the content.
        assert ("var(--edge)" in layer) == (kind == "scroll")
    assert all(sides.values())
    # Covers lie on top of shadows.
    assert "local" in layers[0]
    assert "local" in layers[1]


def test_it_is_legible_by_day_and_by_night() -> None:
    style = harmless(page_html(study())).said("style")
    assert "prefers-color-scheme: dark" in style
    day, night = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = [dict(re.findall(r"--([\w-]+): (#\w+)", part)) for part in (day, night)]
    assert colours[0].keys() == colours[1].keys()
    used = set(re.findall(r"var\(--([\w-]+)\)", style))
    assert used == colours[0].keys()
    for named in colours:
        for name in ("text", "faint", "winner", "baseline", "good", "bad"):
            assert contrast(named[name], named["page"]) >= 4.5, name
        for name in ("text", "faint"):
            assert contrast(named[name], named["shade"]) >= 4.5, name
        for name in ("good", "bad"):
            assert contrast(named[name], named[f"{name}-shade"]) >= 4.5, name


def contrast(one: str, other: str) -> float:
    """The ratio of two colours' luminance, as the Web Content Accessibility Guidelines define it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    digits = (
        colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    )
    parts = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in parts
    ]
    return sum(
        weight * part
        for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
    )


# --- parts that are missing


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_study_without_a_winner_has_a_page_that_says_so_and_no_chart(
    interrupted: bool,
) -> None:
    reader = harmless(page_html(replace(EMPTY, interrupted=interrupted)))
    assert "there is no configuration to recommend" in reader.said("p")
    charts = {attributes.get("data-chart") for _, attributes in reader.tags}
    assert "quality" not in charts


def test_a_study_of_one_configuration_has_no_chart_and_all_else() -> None:
    report = whole(
        baseline=replace(WINNER, name="baseline"),
        difference=None,
        deployable=None,
        runners_up=(),
    )
    reader = harmless(page_html(report))
    assert "It is the baseline itself" in reader.said("p")
    charts = {attributes.get("data-chart") for _, attributes in reader.tags}
    assert "quality" not in charts
    assert "Quality against cost" in reader.said("h2")


@settings(max_examples=25)
@given(
    st.sets(
        st.sampled_from(
            sorted(set(Report.__dataclass_fields__) - {"money", "provenance"})
        )
    )
)
def test_any_part_may_be_missing(missing: set[str]) -> None:
    report = study()
    reader = harmless(
        page_html(replace(report, **{name: getattr(EMPTY, name) for name in missing}))
    )
    assert reader.said("h1") == "reviews: best quality"


# --- hostile text

EVIL = (
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</style></svg></desc><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "[click](javascript:alert(1))",
    "![x](http://example.test/pixel.png)",
    "<http://example.test/>",
    "http://example.test/ www.example.test someone@example.test",
    "[x]: http://example.test/\n\n[x]",
    "```\n</code></pre><iframe src=//example.test>\n```",
    "&#60;script&#62;alert(1)&lt;/script&gt;",
    "<!-- <![CDATA[ <?php",
    "javascript:alert(1)",
)


def hostile(x: str, y: str, z: str) -> Report:
    """A report in which everything that somebody else writes is one of three texts."""
    evil = config(model=x or "m", prompt=y or "p", stop=(z or "z",), effort=z)
    known = study()
    assert known.winner is not None
    trial = TrialRow(
        1,
        Point({"model": x or "m", "prompt": y or "p"}),
        "stopped",
        z,
        best=evil,
        quality=WINNER.tuning,
    )
    more: dict[str, Any] = {
        "winner": replace(known.winner, config=evil, name=y or "winner"),
        "frontier": (*known.frontier, replace(known.winner, config=evil)),
        "trials": (trial,),
        "notices": (x or "x", y or "y", z or "z"),
        "stopped": z or "z",
        "majority_class": x or "x",
        "deployable_note": y or "y",
        "template": PromptText(x or "t", y, z, (Message("user", x),)),
        "answer": z or "z",
        "prices": (PriceLine(x, 1, 2, y, z),),
        "provenance": provenance(
            data=x or "d",
            metric=y or "m",
            goal=z or "g",
            commit=x or "c",
            command=y or "c",
            search=z or "s",
        ),
        "money": money(left_reason=z or "r"),
    }
    return replace(known, **more)


@settings(max_examples=40)
@given(*3 * [st.one_of(st.sampled_from(EVIL), texts)])
@example(*EVIL[:3])
@example(*EVIL[3:6])
@example(*EVIL[6:9])
@example(*EVIL[9:12])
@example(*HOSTILE[2:5])
@example(*HOSTILE[5:8])
def test_hostile_text_anywhere_is_text_and_leaves_the_page_with_the_shape_of_a_harmless_one(
    x: str, y: str, z: str
) -> None:
    """No tag but those of a page, no attribute that holds an address, and the same blocks in the
    same order.
    """
    evil, plain = (
        harmless(page_html(hostile(x, y, z))),
        harmless(page_html(hostile("x", "y", "z"))),
    )
    blocks = (
        "h1",
        "h2",
        "table",
        "tr",
        "td",
        "th",
        "pre",
        "figure",
        "svg",
        "text",
        "g",
    )
    shape = [tag for tag, _ in evil.tags if tag in blocks]
    if len({x, y, z}) == 3 and all(
        (x, y, z)
    ):  # a notice is said once, and what is not there has no row
        assert shape == [tag for tag, _ in plain.tags if tag in blocks]


@pytest.mark.parametrize("text", EVIL)
def test_what_is_hostile_is_shown_as_it_was_written(text: str) -> None:
    reader = harmless(page_html(hostile(text, text, text)))
    assert text in reader.said("code"), "the template"
    assert " ".join(text.split()) in " ".join(reader.said("title").split())
    items = [" ".join(said.split()) for tag, said in reader.texts if tag == "li"]
    assert " ".join(text.split()) in items, "a notice"


# --- a real study

WORLD = LabelledWorld(models={"small": 0.5, "large": 0.8})


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tune.Study:
    slow = Fault("status", status=503, message="<script>alert(1)</script>")
    with Server(
        models={"small": Model(0.1, 0.4), "large": Model(1.0, 4.0)},
        world=WORLD,
        plan=lambda number, _: slow if number == 3 else None,
    ) as server:
        return tune.tune(
            data=WORLD.examples(60),
            target="label",
            base_url=server.base_url,
            price=["small=0.1/0.4", "large=1/4"],
            budget=0.02,
            results=tmp_path_factory.mktemp("page") / "out",
            space=tune.Space(
                model=["small", "large"],
                prompt={"short": "Label <b>this</b> ticket: {text}"},
                temperature=[0.5],
                n=[1, 3],
                max_tokens=64,
                aggregate=["first", "vote"],
                answer={"labels": list(WORLD.labels)},
            ),
        )


def test_a_run_writes_the_page_beside_the_report_and_names_both(
    real: tune.Study,
) -> None:
    text = (real.folder / "report.html").read_text("utf-8")
    assert text == page_html(real.record, rows=real.answer_rows())
    reader = harmless(text)
    assert "svg" in {tag for tag, _ in reader.tags}
    assert f"{real.best.quality.mean:.3f}" in reader.said("p")  # type: ignore[union-attr]
    last = str(real).splitlines()[-1]
    assert "report.md" in last
    assert "report.html" in last


def test_a_report_written_anywhere_has_its_page(
    real: tune.Study, tmp_path: Path
) -> None:
    assert real.report(tmp_path / "elsewhere").name == "report.md"
    assert (tmp_path / "elsewhere" / "report.html").read_bytes() == (
        real.folder / "report.html"
    ).read_bytes()
    assert not list((tmp_path / "elsewhere").glob("*.part"))


def test_further_pages_of_answers_are_written_and_old_ones_removed(
    real: tune.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real.report(tmp_path)
    assert not list(tmp_path.glob(MORE_PAGES))
    page = tmp_path / "report.html"
    packed = len(page.read_bytes())
    with monkeypatch.context() as patch:
        patch.setattr("tune.report.page.answers.MOST_BYTES", 1_000)
        real.report(tmp_path)
    more = sorted(tmp_path.glob(MORE_PAGES))
    assert more
    assert more[0].stat().st_mode == page.stat().st_mode
    assert len(page.read_bytes()) < packed
    real.report(tmp_path)
    assert not list(tmp_path.glob(MORE_PAGES)), "they would show answers twice"
