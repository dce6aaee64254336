"""The tests mirror the tree: each module of `tune/` has a test file of its name."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent

TESTED_ELSEWHERE: dict[str, str] = {
    "export/ag2.py": "tests/export/test_make.py, benchmarks/agents/__main__.py",
    "export/agent_framework.py": "tests/export/test_make.py, benchmarks/agents/__main__.py",
    "export/agentchat.py": "tests/export/test_make.py, benchmarks/agents/__main__.py",
    "export/langchain.py": "tests/export/test_make.py, benchmarks/agents/__main__.py",
    "export/litellm.py": "tests/export/test_make.py, benchmarks/agents/__main__.py",
    "export/openai_agents.py": "tests/export/test_make.py, benchmarks/agents/__main__.py",
    "export/promptfoo.py": "tests/export/test_make.py",
    "commands/kept_flags.py": "tests/commands/test_answers.py",
    "followup/kept_study.py": "tests/followup/test_report.py",
    "followup/replay.py": "tests/followup/test_reprice.py",
    "providers/openai/sender.py": "tests/providers/openai/test_transport.py",
    "readout/digest.py": "tests/study/test_trial_reader.py",
    "report/money_records.py": "tests/report/test_money_section.py",
    "report/page/bars.py": "tests/report/page/test_render.py",
    "report/page/configs.py": "tests/report/page/test_render.py",
    "report/page/course.py": "tests/report/page/test_render.py",
    "report/page/effects.py": "tests/report/page/test_render.py",
    "report/page/plot.py": "tests/report/page/test_render.py",
    "report/page/overview.py": "tests/report/page/test_render.py",
    "report/page/quality.py": "tests/report/page/test_render.py",
    "report/page/reproduce.py": "tests/report/page/test_render.py",
    "report/page/use.py": "tests/report/page/test_render.py",
    "report/page/wrong.py": "tests/report/page/test_render.py",
    "report/search_records.py": "tests/result/test_search_details.py",
    "report/unread_sample.py": "tests/report/test_unread_text.py",
    "report/warnings.py": "tests/report/test_markdown.py",
    "result/effects.py": "tests/result/test_search_details.py",
    "result/free_effects.py": "tests/result/test_search_details.py",
    "result/curves.py": "tests/result/test_search_details.py",
    "result/limit_choices.py": "tests/result/test_search_details.py",
    "result/course.py": "tests/result/test_search_details.py",
    "strategies/knowledge_gradient_forecast.py": "tests/strategies/test_forecast.py",
    "store/admission.py": "tests/store/test_ledger.py",
    "store/booking.py": "tests/store/test_ledger.py, tests/store/test_ledger_table.py",
    "store/draw_rows.py": "tests/store/test_draws.py",
    "stats/arrays.py": "tests/stats/test_intervals.py",
    "study/wave_replay.py": "tests/study/test_evaluate.py, tests/study/test_kept_draws.py",
    "study/wave_requests.py": "tests/study/test_evaluate.py",
}
"""Modules without a test file of their name: the file or folder that tests each of them."""


def modules_without_a_test_file() -> set[str]:
    """Name every module of `tune/` whose mirrored folder has no test file of its name."""
    missing = set()
    for path in (ROOT / "tune").rglob("*.py"):
        if path.name.startswith("__"):
            continue
        module = path.relative_to(ROOT / "tune")
        test = ROOT / "tests" / module.parent / f"test_{module.name}"
        if not test.exists():
            missing.add(module.as_posix())
    return missing


def test_every_module_has_a_test_file_of_its_name_or_an_exception() -> None:
    missing = modules_without_a_test_file()
    assert missing - set(TESTED_ELSEWHERE) == set(), (
        "add tests/<the same folder>/test_<module>.py, or say in TESTED_ELSEWHERE what tests it"
    )


def test_no_exception_stays_longer_than_it_is_needed() -> None:
    assert set(TESTED_ELSEWHERE) - modules_without_a_test_file() == set(), (
        "these modules have a test file of their name now, or are gone: remove them here"
    )


def test_each_exception_names_tests_that_exist() -> None:
    for module, tests in TESTED_ELSEWHERE.items():
        for test in tests.split(", "):
            assert (ROOT / test).exists(), f"{module}: {test} does not exist"
