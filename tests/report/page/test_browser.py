"""The page in a real browser: its numbers are those of the study, and everything on it works."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import tune
from tests.report.page.test_render import EVIL, hostile
from tests.support.browser import Seen, open_browser, watch
from tests.support.reports import large_study
from tune.fakes.faults import Fault, Model
from tune.fakes.server import Server
from tune.fakes.world import LabelledWorld
from tune.pricing.amounts import dollars
from tune.report import Report, page_html
from tune.report.text import exact_seconds, number

WORLD = LabelledWorld(models={"small": 0.4, "large": 0.9})

Open = Callable[..., tuple[Any, Seen]]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tune.Study:
    busy = Fault("status", status=503, message="busy")
    with Server(
        models={"small": Model(0.1, 0.4), "large": Model(1.0, 4.0)},
        world=WORLD,
        plan=lambda number, _: busy if number % 40 == 3 else None,
    ) as server:
        return tune.tune(
            data=WORLD.examples(80),
            target="label",
            base_url=server.base_url,
            price=["small=0.1/0.4", "large=1/4"],
            budget=0.05,
            min_gain=0,
            results=tmp_path_factory.mktemp("page") / "out",
            quiet=True,
            space=tune.Space(
                model=["small", "large"],
                prompt={
                    "short": "Label this ticket: {text}",
                    "chat": [
                        {"role": "system", "content": "You sort tickets."},
                        {"role": "user", "content": "Ticket: {text}"},
                    ],
                },
                temperature=[0.0, 0.5],
                n=[1, 3],
                max_tokens=[8, 64],
                aggregate=["first", "vote"],
                answer={"labels": list(WORLD.labels)},
            ),
        )


# After the study: the browser's own event loop must not be there while a study runs.
@pytest.fixture(scope="module")
def browser(study: tune.Study) -> Iterator[Any]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Open a page of a report, and note what happens on it."""
    contexts: list[Any] = []

    def open_page(
        report: Report, width: int = 1280, **options: Any
    ) -> tuple[Any, Seen]:
        file = tmp_path / "report.html"
        file.write_text(page_html(report), "utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 900}, **options
        )
        contexts.append(context)
        # What is copied is kept, because a page on the disk may not read the clipboard.
        context.add_init_script(
            "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async (text) => "
            "{ window.copied = text; }}})"
        )
        page = context.new_page()
        seen = watch(page, file)
        page.goto(file.as_uri())
        return page, seen

    yield open_page
    for context in contexts:
        context.close()


PLACES = """
(figure) => {
  const box = figure.querySelector('.area').getBoundingClientRect();
  const { xLow, xHigh, xLog, yLow, yHigh } = figure.dataset;
  return [...figure.querySelectorAll('circle, rect')].map((mark) => {
    const { left, right, top, bottom } = mark.getBoundingClientRect();
    const x = ((left + right) / 2 - box.left) / box.width;
    const y = 1 - ((top + bottom) / 2 - box.top) / box.height;
    const low = Number(xLow), high = Number(xHigh);
    return {
      x: xLog === 'true' ? low * (high / low) ** x : low + x * (high - low),
      y: Number(yLow) + y * (yHigh - yLow),
      width: xLog === 'true' ? Math.log(high / low) : high - low,
      height: yHigh - yLow,
      log: xLog === 'true',
      ...mark.dataset,
      ...(mark.closest('.mark')?.dataset ?? {}),
      kind: [...(mark.closest('.mark')?.classList ?? [])].slice(0, 2).join(' '),
    };
  });
}
"""
"""Reads the marks of a chart as somebody with a ruler does: a number for each place."""


def marks(page: Any, chart: str) -> list[dict[str, Any]]:
    figure = page.query_selector(f'[data-chart="{chart}"]')
    assert figure is not None, chart
    found: list[dict[str, Any]] = figure.evaluate(PLACES)
    return found


def stands_at(mark: dict[str, Any], x: float, y: float) -> None:
    """Check that a mark stands where its numbers say, up to a pixel or two."""
    assert mark["y"] == pytest.approx(y, abs=0.008 * mark["height"])
    if mark["log"]:
        assert abs(math.log(mark["x"] / x)) < 0.006 * mark["width"]
    else:
        assert mark["x"] == pytest.approx(x, abs=0.006 * mark["width"])


# --- numbers


def test_every_dot_and_mark_of_quality_against_cost_stands_at_its_numbers(
    study: tune.Study, open_page: Open
) -> None:
    record = study.record
    page, seen = open_page(record)
    found = marks(page, "quality")
    dots = [mark for mark in found if not mark["kind"]]
    assert len(dots) == len(record.search.readings)
    for dot in dots:
        row = record.search.readings[int(dot["reading"])]
        stands_at(dot, row.cost or 0.0, row.quality)
    named = [mark for mark in found if mark["kind"]]
    rows = {
        "mark winner": [(record.winner, record.winner.quality)],  # type: ignore[union-attr]
        "mark baseline": [(record.baseline, record.baseline.quality)],  # type: ignore[union-attr]
        "mark frontier": [(row, row.quality) for row in record.frontier],
    }
    assert len(named) == 2 + len(record.frontier)
    for kind, expected in rows.items():
        drawn = [mark for mark in named if mark["kind"] == kind]
        for mark, (row, quality) in zip(drawn, expected, strict=True):
            shown = [float(mark[name]) for name in ("quality", "low", "high", "cost")]
            assert row is not None
            assert quality is not None
            assert row.cost is not None
            assert shown == [quality.mean, quality.low, quality.high, row.cost.mean]
            stands_at(mark, row.cost.mean, quality.mean)
    assert seen.nothing


BARS = """
(figure) => {
  const axis = figure.querySelector('.axis svg').getBoundingClientRect();
  return [...figure.querySelectorAll('.bar:not(.axis)')].map((bar) => {
    const { left, right } = bar.querySelector('circle, rect').getBoundingClientRect();
    const place = ((left + right) / 2 - axis.left) / axis.width;
    return { ...bar.dataset, place, text: bar.querySelector('.bar-value').textContent,
      name: bar.querySelector('.bar-name').firstChild.textContent.trim() };
  });
}
"""


def test_the_bars_of_the_answer_and_of_each_dimension_are_the_study_s(
    study: tune.Study, open_page: Open
) -> None:
    record = study.record
    page, _ = open_page(record)
    bars = page.query_selector('[data-chart="overview"]').evaluate(BARS)
    winner = record.winner
    assert winner is not None
    assert winner.holdout is not None
    assert float(bars[0]["mean"]) == winner.holdout.mean
    assert number(winner.holdout.low) in bars[0]["text"]
    for dimension in record.search.dimensions:
        figure = page.query_selector(f'[data-chart="effect-{dimension.name}"]')
        bars = figure.evaluate(BARS)
        means = [effect.mean for effect in dimension.effects]
        assert [float(bar["mean"]) for bar in bars] == means
        assert [bar["name"] for bar in bars] == [e.value for e in dimension.effects]
        # Equal steps of the value are equal steps on the screen.
        places = [bar["place"] for bar in bars]
        if len(set(means)) > 1:
            scale = (max(places) - min(places)) / (max(means) - min(means))
            for mean, place in zip(means, places, strict=True):
                expected = min(places) + scale * (mean - min(means))
                assert place == pytest.approx(expected, abs=0.01)
        for bar, effect in zip(bars, dimension.effects, strict=True):
            assert number(effect.mean) in bar["text"]


def test_the_heat_map_and_the_curves_are_the_study_s(
    study: tune.Study, open_page: Open
) -> None:
    search = study.record.search
    page, _ = open_page(study.record)
    cells = page.query_selector_all("[data-chart=heat] td[data-mean]")
    assert len(cells) == len(search.pairs)
    pairs = {(pair.model, pair.prompt): pair for pair in search.pairs}
    for cell in cells:
        name = cell.get_attribute("data-model"), cell.get_attribute("data-prompt")
        assert number(pairs[name].quality.mean) in cell.inner_text()
    for dimension in ("n", "max_tokens", "temperature"):
        points = [
            point
            for curve in search.curves
            if curve.dimension == dimension
            for point in curve.points
        ]
        drawn = marks(page, f"curve-{dimension}")
        assert len(drawn) == len(points)
        for mark, point in zip(drawn, points, strict=True):
            shown = [float(mark[name]) for name in ("mean", "low", "high")]
            quality = point.quality
            assert shown == [quality.mean, quality.low, quality.high]
            stands_at(mark, point.value, point.quality.mean)


def test_the_confusion_matrix_is_the_study_s(
    study: tune.Study, open_page: Open
) -> None:
    failing = study.record.failing
    assert failing is not None
    assert failing.confusion is not None
    page, _ = open_page(study.record)
    rows = page.query_selector_all("[data-chart=confusion] tbody tr")
    for row, label, counts in zip(
        rows, failing.confusion.labels, failing.confusion.counts, strict=True
    ):
        cells = [cell.inner_text() for cell in row.query_selector_all("th, td")]
        recall = failing.confusion.recall(label)
        assert cells[0] == label
        assert cells[2] == ("-" if recall is None else number(recall))
        assert [float(cell) for cell in cells[3:]] == [round(one, 1) for one in counts]


def test_the_course_of_the_run_is_the_study_s(
    study: tune.Study, open_page: Open
) -> None:
    record = study.record
    page, _ = open_page(record)
    (end,) = marks(page, "spent")
    last = record.search.course.spent[-1]
    assert float(end["spent"]) == last.spent
    stands_at(end, last.seconds, last.spent)
    drawn = marks(page, "best")
    for mark, point in zip(drawn, record.search.course.best, strict=True):
        assert float(mark["mean"]) == point.quality.mean
        stands_at(mark, point.spent, point.quality.mean)
    text = page.inner_text("#course")
    assert f"{record.search.course.calls:,} calls were sent" in text
    assert dollars(record.money.spent) in text


def test_the_numbers_at_the_top_are_the_study_s(
    study: tune.Study, open_page: Open
) -> None:
    record = study.record
    page, _ = open_page(record)
    assert record.winner is not None
    assert record.winner.quality is not None
    assert record.winner.cost is not None
    shown = {
        "score": number(record.winner.quality.mean),
        "cost": dollars(record.winner.cost.mean),
        "spent": dollars(record.money.spent),
    }
    for name, value in shown.items():
        assert page.inner_text(f'[data-fact="{name}"] strong') == value
    wrong = sum(record.winner.outcomes.share(kind) for kind in ("wrong", "no_answer"))
    assert page.inner_text('[data-fact="wrong"] strong') == f"{wrong:.0%}"


# --- what reacts


def test_the_sliders_show_the_choice_under_both_limits(
    study: tune.Study, open_page: Open
) -> None:
    page, seen = open_page(study.record)
    limits = study.record.search.limits
    costs = list(dict.fromkeys(choice.max_cost for choice in limits))
    seconds = list(dict.fromkeys(choice.max_seconds for choice in limits))
    assert len(limits) == len(costs) * len(seconds)
    cost, time = page.locator("#limit-cost"), page.locator("#limit-seconds")
    assert int(cost.get_attribute("max") or 0) == len(costs) - 1
    assert int(time.get_attribute("max") or 0) == len(seconds) - 1
    words = page.locator("#limits label").all_inner_texts()
    assert words == ["Cost per request: no limit", "Seconds per request: no limit"]
    # The study had no limits of its own.
    assert page.inner_text("#limit-cost-shown") == "no limit"
    for choice in limits:
        cost.fill(str(costs.index(choice.max_cost)))
        time.fill(str(seconds.index(choice.max_seconds)))
        said = page.inner_text("#limit-choice")
        assert number(choice.quality.mean) in said
        assert f"{choice.config.model}, prompt {choice.config.prompt}" in said
        assert f"n {choice.config.n}" in said
        assert said.startswith("Nothing that was read keeps") is not choice.keeps
        if choice.max_cost is not None:
            assert page.inner_text("#limit-cost-shown") == dollars(choice.max_cost)
        if choice.max_seconds is not None:
            shown = exact_seconds(choice.max_seconds)
            assert page.inner_text("#limit-seconds-shown") == shown
    # The keyboard moves them as well.
    cost.focus()
    page.keyboard.press("Home")
    assert cost.input_value() == "0"
    page.click("#limit-details")
    assert page.is_visible("#details")
    assert seen.nothing


@pytest.mark.parametrize("width", [375, 1200])
def test_no_number_below_a_chart_stands_in_another(
    study: tune.Study, open_page: Open, width: int
) -> None:
    page, _ = open_page(study.record, width=width)
    for chart in page.locator(".plot").all():
        if not chart.is_visible():
            continue
        below = chart.locator(".tick[dy='18']:visible").all()
        boxes = sorted(
            (box["x"], box["x"] + box["width"])
            for box in (number.bounding_box() for number in below)
        )
        assert boxes
        for (_, end), (begin, _) in pairwise(boxes):
            assert end < begin


def test_the_sliders_begin_at_the_limits_of_the_study(
    study: tune.Study, open_page: Open
) -> None:
    costs = list(dict.fromkeys(one.max_cost for one in study.record.search.limits))
    page, _ = open_page(replace(study.record, max_cost=costs[1]))
    assert page.locator("#limit-cost").input_value() == "1"
    assert page.inner_text("#limit-cost-shown") == dollars(costs[1] or 0)
    assert page.inner_text("#limit-seconds-shown") == "no limit"


def test_the_table_sorts_by_each_column_and_filters(
    study: tune.Study, open_page: Open
) -> None:
    page, _ = open_page(study.record)
    heads = page.query_selector_all("#configs-table thead th")
    for column, head in enumerate(heads):
        for direction in ("ascending", "descending"):
            head.query_selector("button").click()
            if head.get_attribute("aria-sort") != direction:
                head.query_selector("button").click()
            assert head.get_attribute("aria-sort") == direction
            shown = page.evaluate(
                "(k) => [...document.querySelectorAll('#configs-table tbody tr')]"
                ".map((row) => [row.cells[k].dataset.v ?? null, row.cells[k].textContent])",
                column,
            )
            if head.get_attribute("data-kind") == "number":
                values = [float(value) for value, _ in shown if value]
                assert values == sorted(values, reverse=direction == "descending")
            else:
                texts = [text for _, text in shown]
                assert len(set(texts)) == 1 or texts != list(reversed(texts))
    trials = study.record.trials
    by_number = {trial.number: trial for trial in trials}
    for row in page.query_selector_all("#configs-table tbody tr"):
        trial = by_number[int(row.get_attribute("data-trial"))]
        assert trial.quality is not None
        assert number(trial.quality.mean) in row.inner_text()
        assert dollars(trial.spent) in row.inner_text()
    page.fill("#configs-filter", "large CHAT")
    kept = [
        t for t in trials if t.point["model"] == "large" and t.point["prompt"] == "chat"
    ]
    assert page.inner_text("#configs-count") == f"{len(kept)} of {len(trials)}"
    visible = page.locator("#configs-table tbody tr:visible")
    assert visible.count() == len(kept)


def test_what_is_copied_are_the_settings_of_the_reading(
    study: tune.Study, open_page: Open
) -> None:
    page, seen = open_page(study.record)
    search = study.record.search
    agents = {one.trial: one.llm_config for one in search.agents}
    with_several = {one.trial for one in search.readings if one.n == 3}
    trial = next(
        trial
        for trial in study.record.trials
        if trial.point["prompt"] == "chat" and trial.number in with_several
    )
    page.click(f'[data-trial="{trial.number}"] .open')
    single = next(
        place
        for place, one in enumerate(search.readings)
        if (one.trial, one.n, one.max_tokens) == (trial.number, 1, 8)
    )
    page.click(f"#details table tbody tr:nth-child({1 + _rank(search, single)}) .open")

    def copied(label: str) -> str:
        page.click(f'[data-copy="{label}"]')
        page.wait_for_function("window.copied !== undefined")
        text: str = page.evaluate("window.copied")
        page.evaluate("delete window.copied")
        return text

    assert ast.literal_eval(copied("llm_config")) == {
        **agents[trial.number],
        "max_tokens": 8,
    }
    kwargs = ast.literal_eval(copied("kwargs"))
    assert kwargs["model"] == trial.point["model"]
    assert kwargs["max_tokens"] == 8
    assert kwargs["messages"][0] == {"role": "system", "content": "You sort tickets."}
    assert kwargs.get("temperature") == trial.point.get("temperature")
    lines = dict(line.split(": ", 1) for line in copied("YAML").splitlines())
    settings = {name: json.loads(value) for name, value in lines.items()}
    assert settings["prompt"] == "chat"
    assert settings["n"] == 1
    assert settings["max_tokens"] == 8
    # Of several answers there is no llm_config.
    several = next(
        place
        for place, one in enumerate(search.readings)
        if (one.trial, one.n) == (trial.number, 3)
    )
    page.click(f"#details table tbody tr:nth-child({1 + _rank(search, several)}) .open")
    assert page.locator('[data-copy="llm_config"]').count() == 0
    assert ast.literal_eval(copied("kwargs"))["n"] == 3
    page.click("#details-close")
    page.click("#settings-copy")
    page.wait_for_function("window.copied !== undefined")
    winner = study.record.winner
    assert winner is not None
    assert json.loads(page.evaluate("window.copied"))["model"] == winner.config.model
    assert seen.nothing


def _rank(search: Any, place: int) -> int:
    """Return the place of a reading among those of its trial."""
    trial = search.readings[place].trial
    return sum(one.trial == trial for one in search.readings[:place])


def test_marks_say_what_they_are_to_pointer_keyboard_and_screen_reader(
    study: tune.Study, open_page: Open
) -> None:
    page, seen = open_page(study.record)
    page.hover(".mark.winner circle")
    assert page.inner_text("#quality-readout").startswith("winner: ")
    # A mark may lie on it.
    page.dispatch_event(".dots circle >> nth=0", "pointerover")
    assert page.inner_text("#quality-readout").startswith("trial ")
    # The chart is one stop of the Tab key; arrows go through its marks.
    assert page.locator('.mark[tabindex="0"]').count() == 1
    page.focus('.mark[tabindex="0"]')
    first = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("ArrowRight")
    second = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert first != second
    assert page.inner_text("#quality-readout") == second
    page.keyboard.press("Enter")
    assert page.is_visible("#details")
    assert page.evaluate("document.activeElement.id") == "details-title"
    page.keyboard.press("Escape")
    assert not page.is_visible("#details")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == second
    page.keyboard.press("Tab")
    assert not page.evaluate("document.activeElement.matches('.mark')")
    assert seen.nothing


# --- rights, looks, and hostile text


def serious(page: Any) -> list[str]:
    """Return the findings of axe-core that keep people out."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    findings = axe.Axe().run(page).response["violations"]
    found = []
    for one in findings:
        if one["impact"] in ("serious", "critical"):
            nodes = [node["html"][:120] for node in one["nodes"][:3]]
            found.append(f"{one['id']}: {nodes}")
    return found


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_everybody_can_use_it(
    study: tune.Study, open_page: Open, width: int, scheme: str
) -> None:
    # The policy forbids scripts that a test puts into the page.
    page, _ = open_page(study.record, width, color_scheme=scheme, bypass_csp=True)
    assert serious(page) == []
    page.click("#configs-table .open >> nth=0")
    assert serious(page) == []


def test_it_fits_every_screen_and_paper(study: tune.Study, open_page: Open) -> None:
    for width in (320, 390, 768, 1280):
        page, _ = open_page(study.record, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.emulate_media(media="print")
    assert not page.is_visible("nav.sections")
    assert not page.is_visible("#limits")
    assert page.is_visible("[data-chart=quality]")
    rows = page.locator("#configs-table tbody tr")
    assert rows.count() == len(study.record.trials)


def test_nothing_but_its_own_script_runs(study: tune.Study, open_page: Open) -> None:
    page, seen = open_page(study.record)
    assert seen.nothing
    page.evaluate(
        "() => { const script = document.createElement('script'); script.textContent = "
        "'window.ran = true'; document.body.append(script); "
        "const image = document.createElement('img'); image.src = 'http://127.0.0.1:9/x.png'; "
        "document.body.append(image); }"
    )
    page.wait_for_timeout(50)
    assert page.evaluate("window.ran") is None
    assert len(seen.errors) >= 2
    assert all("Content Security Policy" in error for error in seen.errors)


@pytest.mark.parametrize("start", range(0, len(EVIL), 3))
def test_hostile_text_does_nothing_and_is_read_as_text(
    open_page: Open, start: int
) -> None:
    texts = [EVIL[(start + k) % len(EVIL)] for k in range(3)]
    page, seen = open_page(hostile(*texts))
    assert page.inner_text(".warnings li >> nth=0").split() == texts[0].split()
    page.click("#configs-table .open >> nth=0")
    page.wait_for_timeout(20)
    assert seen.nothing
    assert page.locator("iframe, img, object, embed").count() == 0
    assert page.locator("script:not([type])").count() == 1


def test_a_line_of_a_million_letters_and_signs_that_reorder_do_no_harm(
    open_page: Open,
) -> None:
    wild = "\u202egnp.exe\x00\x1b[31m" + "x" * 1_000_000
    page, seen = open_page(hostile(wild, "y", "z"), width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    content = page.content()
    assert "\u202e" not in content
    assert len(content) < 700_000
    assert seen.nothing


def test_a_large_study_makes_a_small_page_that_works(open_page: Open) -> None:
    assert len(page_html(large_study(trials=300, readings=20)).encode()) < 2_000_000
    page, seen = open_page(large_study(trials=100, readings=20))
    assert page.locator(".dots circle").count() == 2000
    page.fill("#configs-filter", "prompt p1")
    assert page.locator("#configs-table tbody tr:visible").count() < 100
    page.click("#configs-table tbody tr:visible .open >> nth=0")
    assert page.locator("#details table tbody tr").count() == 20
    assert seen.nothing
