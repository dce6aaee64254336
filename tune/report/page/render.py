"""Render `report.html` from templates, one for each section.

A section is a function that returns the values of its template, and a template of its name in
`templates/`. A file of its name in `script/` makes it react to the reader. The page says
everything without its script, except what takes a choice of the reader.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tune.report.amount import amount_of
from tune.report.answers import AnswerRow
from tune.report.page.answers import FIRST_PAGE, Answers, page_answers
from tune.report.page.configs import configs
from tune.report.page.course import course
from tune.report.page.effects import effects
from tune.report.page.overview import overview
from tune.report.page.quality import quality
from tune.report.page.reproduce import reproduce
from tune.report.page.use import use
from tune.report.page.wrong import wrong
from tune.report.records import Report
from tune.safety.decoration import Decorations
from tune.safety.escape import visible
from tune.safety.redact import scrub, scrubbed_json

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

FOLDER = Path(__file__).parent

Values = Mapping[str, Any]
"""The values of a template, by name."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the page.

    Attributes:
        name: of its template, its script and its anchor.
        title: its heading, also in the navigation; `{cost}` is what quality is compared with.
        values: returns the values of its template; None leaves the section out.
    """

    name: str
    title: str
    values: Callable[[Report], Values | None]


# The order of reading: the answer, the reasons for it, then everything needed to check it.
SECTIONS = (
    Section("overview", "The answer", overview),
    Section("use", "Use it", use),
    Section("wrong", "Why answers are wrong", wrong),
    Section("quality", "Quality against {cost}", quality),
    Section("effects", "What mattered", effects),
    Section("course", "The run", course),
    Section("configs", "All configurations", configs),
    Section("reproduce", "Reproduce", reproduce),
)

MOST_CHARACTERS = 5_000
"""The longest text of a name or a sentence: a browser is slow with longer ones."""

MOST_OF_PROMPT = 200_000
"""The longest text of a prompt."""

SCRIPTS = ("page", "details", "quality", "configs", "answers")
"""The files of the one script, in their order."""


def page_html(
    report: Report,
    parts: Decorations | None = None,
    rows: Sequence[AnswerRow] = (),
    most: int | None = None,
) -> str:
    """Return the first page of the report, as `pages_html` makes it."""
    return pages_html(report, parts, rows, most)[FIRST_PAGE]


def pages_html(
    report: Report,
    parts: Decorations | None = None,
    rows: Sequence[AnswerRow] = (),
    most: int | None = None,
) -> dict[str, str]:
    """Return the whole report as HTML pages that need no network, by the names of their files.

    Text of users and models is escaped. A section that fails is left out, and the page says so.
    There is one page, unless there are so many answers that a browser would be slow with them.

    Args:
        report: the results.
        parts: keeps the fault of one section from ending the others.
        rows: the answers of winner and baseline.
        most: examples whose answers are shown; None shows all.
    """
    parts = parts or Decorations()
    answers = parts.attempt(
        "the answers of report.html", lambda: page_answers(rows, most), None
    )
    sections = [*SECTIONS]
    # Behind the reasons for wrong answers stand the answers themselves.
    behind = 1 + [section.name for section in SECTIONS].index("wrong")
    sections.insert(behind, _answers_section(answers, 1))
    found = {FIRST_PAGE: _page(report, report.headline, sections, parts)}
    for page in () if answers is None else answers.pages[1:]:
        section = _answers_section(answers, page.number)
        title = f"Answers to examples {page.first:,} to {page.last:,}"
        found[page.file] = _page(report, title, [section], parts)
    return found


def _answers_section(answers: Answers | None, number: int) -> Section:
    """Return the section with the answers of one page."""
    return Section(
        "answers",
        "Answers",
        lambda _: None if answers is None else answers.values(number),
    )


def _page(
    report: Report, title: str, sections: Sequence[Section], parts: Decorations
) -> str:
    """Return one page.

    Args:
        report: the results.
        title: its heading.
        sections: in their order.
        parts: keeps the fault of one section from ending the others.
    """
    environment = _environment()
    shown = []
    for section in sections:
        heading = section.title.format(cost=amount_of(report).name)
        body = _body(section, heading, report, environment, parts)
        if body is not None:
            shown.append({"name": section.name, "title": heading, "body": body})
    style = _style()
    script = _script()
    return environment.get_template("page.html").render(
        title=title,
        sections=shown,
        is_first=sections[0] is SECTIONS[0],
        style=style,
        script=script,
        policy=policy(style, script),
    )


def policy(style: str, script: str) -> str:
    """Return the page's rights in a browser: its own style and script, and nothing else."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_digest(script)}'",
            f"style-src '{_digest(style)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _digest(text: str) -> str:
    """Return the hash of an inline element, as a Content Security Policy names it."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _body(
    section: Section,
    title: str,
    report: Report,
    environment: Environment,
    parts: Decorations,
) -> str | None:
    """Return the content of a section; None where the study has nothing for it."""

    def render() -> str | None:
        values = section.values(report)
        if values is None:
            return None
        template = environment.get_template(f"{section.name}.html")
        return template.render(report=report, **values)

    failed = "<p>This section could not be made.</p>"
    return parts.attempt(f"the section {title!r} of report.html", render, failed)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["json"] = embedded
    environment.filters["whole"] = whole_prompt
    environment.filters["limits"] = with_whole_limits
    environment.filters["markdown"] = from_markdown
    return environment


def _shown(value: Any) -> Any:
    """Return a value for a template: without secrets, with control characters written out."""
    # What is marked as safe was made by us.
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return visible(scrub(_cut(value, MOST_CHARACTERS)), lines=True)
    return value


def whole_prompt(text: str) -> Markup:
    """Return a text that may be as long as a prompt is."""
    from markupsafe import escape

    return escape(visible(scrub(_cut(text, MOST_OF_PROMPT)), lines=True))


def with_whole_limits(text: str) -> Markup:
    """Return an estimate whose limits, in brackets, stay on one line."""
    from markupsafe import Markup

    mean, bracket, rest = text.partition(" (")
    if not bracket:
        return Markup.escape(text)
    inside, _, after = rest.partition(")")
    shown = Markup('{} <span class="whole">({})</span>{}')
    return shown.format(mean, inside, after)


def _cut(text: str, most: int) -> str:
    """Return a text without what lies beyond the limit, and say so."""
    if len(text) <= most:
        return text
    return f"{text[:most]}… ({len(text) - most:,} more characters)"


def embedded(value: Any) -> Markup:
    """Return a value as JSON for an element that the page's script reads."""
    from markupsafe import Markup

    text = scrubbed_json(_finite(value), separators=(",", ":"))
    # Only these characters could end the element; in JSON they stand in texts alone.
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _finite(value: Any) -> Any:
    """Return a value with null for NaN and infinity, and with every text as it may be shown."""
    if isinstance(value, dict):
        return {str(name): _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_finite, value))
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return visible(_cut(value, MOST_OF_PROMPT), lines=True)
    return value


# A report has none of these. What looks like one is the text of a user or a model.
_UNUSED = ["link", "image", "autolink", "reference", "html_inline", "html_block"]


def from_markdown(text: str) -> Markup:
    """Return a section of `report.md` as HTML, without its heading."""
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    # Without HTML and links, the text of models stays text.
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable(_UNUSED)
    reader.add_render_rule("table_open", _table_open)
    reader.add_render_rule("table_close", _table_close)
    tokens = reader.parse(text)
    if tokens and tokens[0].type == "heading_open":
        # The opening, the text and the end of the heading.
        tokens = tokens[3:]
    return Markup(reader.renderer.render(tokens, reader.options, {}))


def _table_open(*_: object) -> str:
    """Open a table in a frame that can be scrolled sideways, also by keyboard."""
    return '<div class="scroll" role="group" aria-label="table" tabindex="0"><table>\n'


def _table_close(*_: object) -> str:
    return "</table></div>\n"


@cache
def _style() -> str:
    return (FOLDER / "templates" / "page.css").read_text("utf-8")


@cache
def _script() -> str:
    parts = []
    for name in SCRIPTS:
        parts.append((FOLDER / "script" / f"{name}.js").read_text("utf-8"))
    body = "\n".join(parts)
    return f'(() => {{\n"use strict";\n{body}\n}})();\n'
