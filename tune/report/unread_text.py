"""Sentences about answers that are not read correctly: what was seen, and a remedy."""

from __future__ import annotations

from tune.report.records import Report
from tune.report.text import number
from tune.report.unread_sample import Sample, Unread

HOW = "in Python `answer=...` of a Space, in a space file the table [answer]"
"""The places where a user gives an answer rule."""


def unread_headline(report: Report) -> tuple[str, ...]:
    """Return the answer of a study that stopped because every prompt's answers are read wrongly."""
    shown = [one for one in report.unread if one.misread]
    first = (
        "The run stopped after the first blocks: nearly all answers of every prompt score the "
        "metric's worst value. They are not merely wrong: they are not read rightly."
    )
    # The samples of one prompt are enough to see the fault.
    samples = " ".join(map(_shown, shown[:1]))
    return first, " ".join(map(unread_sentence, shown)), samples


def unread_sentences(report: Report) -> list[str]:
    """Return a sentence for each prompt with nearly all answers at the worst score."""
    return [f"{unread_sentence(one)} {_shown(one)}" for one in report.unread]


def unread_sentence(one: Unread) -> str:
    """Return what was seen of one prompt, and what to do."""
    seen = f"Prompt {one.prompt!r}: {one.worst} of {one.answers} answers score the worst value"
    # A rule that was tried on the same answers is the best advice, so it comes first.
    if one.rule:
        score = ""
        if one.rule_score is not None:
            score = f", with which these same answers score {number(one.rule_score)}"
        right = f"{seen}, though the right one stands in many texts"
        return f"{right}. The answer rule that fits is {one.rule}{score} ({HOW})."
    # From here on the most frequent fault decides, because one remedy is enough to try.
    if one.misread and 2 * one.empty > one.answers:
        return (
            f"{seen}, as {one.empty} texts are empty. Raise max_tokens: a model that reasons in "
            "secret uses up its tokens before it says anything."
        )
    if one.misread and one.extracted < one.answers / 2:
        return (
            f"{seen}, as the answer rule finds an answer in {one.extracted} of them: change the "
            f"answer rule ({HOW})."
        )
    if one.misread:
        return (
            f"{seen}, though the target stands in {one.standing} of the texts: give an answer rule "
            f"({HOW}), or a "
            f'metric that looks for the target in the text, as "contains".'
        )
    return (
        f"{seen}, though an answer was found in {one.extracted} of them: they are wrong. The task "
        "may be too hard for these models, or the metric too strict."
    )


def _shown(one: Unread) -> str:
    pairs = "; ".join(map(_pair, one.samples))
    return f"Answers beside their targets: {pairs}."


def _pair(sample: Sample) -> str:
    said = "an empty text"
    if sample.text:
        said = f'"{sample.text}"'
    # Where the whole text is the answer, saying it twice tells nothing.
    if sample.answer != sample.text:
        said += f", read as {_quoted(sample.answer)}"
    return f'{said}, where "{sample.target}" is wanted (example {sample.example})'


def _quoted(answer: str) -> str:
    if not answer:
        return "nothing"
    return f'"{answer}"'
