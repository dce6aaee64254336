"""`report.html`: the text of `report.md` with a chart, in one file that loads nothing else."""

from __future__ import annotations

from html import escape

from tune.report.chart import chart
from tune.report.markdown import markdown
from tune.report.records import Report
from tune.safety.escape import visible

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
"""The page's rights in a browser: its own style is applied, and nothing else is loaded or run."""

# A report has none of these. What looks like one is the text of a user or a model.
_UNUSED = ["link", "image", "autolink", "reference", "html_inline", "html_block"]

# A shadow at the edge of a table or chart shows that there is more beside it. Covers in the colour of
# the page are `local`: they move with the content, and hide a shadow where nothing more is.
_STYLE = """
:root {
  color-scheme: light dark;
  --text: #1c1e21; --faint: #5b626b; --line: #d8dce1; --shade: #f4f5f7; --page: #fff;
  --winner: #0a5cc2; --baseline: #b04a00; --edge: #aab2bd;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e3e6ea; --faint: #9aa3ad; --line: #3a4048; --shade: #22262b; --page: #16181b;
    --winner: #6cb2ff; --baseline: #f5a15c; --edge: #6f7883;
  }
}
body {
  margin: 0 auto; max-width: 74rem; padding: 1.5rem 1rem 4rem; overflow-wrap: anywhere;
  background: var(--page); color: var(--text); font: 1rem/1.55 system-ui, sans-serif;
}
h1, p, ul, pre, figcaption { max-width: 44rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
pre, code { font: .9em/1.45 ui-monospace, monospace; }
pre, .scroll, figure { overflow-x: auto; }
.scroll, figure {
  background:
    linear-gradient(to right, var(--page) 1rem, transparent) left / 3rem 100% no-repeat local,
    linear-gradient(to left, var(--page) 1rem, transparent) right / 3rem 100% no-repeat local,
    linear-gradient(to right, var(--edge), transparent) left / 1rem 100% no-repeat scroll,
    linear-gradient(to left, var(--edge), transparent) right / 1rem 100% no-repeat scroll;
}
pre {
  background: var(--shade); border-radius: 4px; box-sizing: border-box; padding: .75rem 1rem; white-space: pre-wrap;
}
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { border-bottom: 1px solid var(--line); padding: .4rem .9rem .4rem 0; text-align: left; vertical-align: top; }
td { min-width: 4rem; max-width: 24rem; overflow-wrap: break-word; }
th { color: var(--faint); font-weight: 600; }
thead:not(:has(th:not(:empty))) { display: none; }
figure { margin: 1.5rem 0; }
figcaption { color: var(--faint); font-size: .85rem; }
svg { display: block; width: 100%; min-width: 30rem; max-width: 44rem; height: auto; }
svg text { fill: var(--text); font: 13px system-ui, sans-serif; }
svg .tick { fill: var(--faint); font-size: 12px; }
svg .grid { stroke: var(--line); }
svg polyline { fill: none; stroke: var(--faint); stroke-width: 1.5; }
svg g { color: var(--faint); fill: var(--page); stroke: currentColor; stroke-width: 1.5; }
svg .winner { color: var(--winner); stroke-width: 2; }
svg .baseline { color: var(--baseline); stroke-width: 2; }
svg .filled { fill: currentColor; }
svg .name {
  fill: currentColor; font-weight: 600;
  paint-order: stroke; stroke: var(--page); stroke-linejoin: round; stroke-width: 4px;
}
"""


def page(report: Report, *, drawn: str | None = None) -> str:
    """Return the whole report as an HTML page that needs no network.

    Text of users and models is escaped.

    Args:
        report: the results.
        drawn: its chart; None draws it.
    """
    from markdown_it import MarkdownIt

    # Without HTML and links, the text of models stays text.
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable(_UNUSED)
    reader.add_render_rule("table_open", _table_open)
    reader.add_render_rule("table_close", _table_close)
    # One text for both files, so that they cannot disagree.
    tokens = reader.parse(markdown(report))
    # The chart stands between the answer, which is the first paragraph, and everything else.
    kinds = [token.type for token in tokens]
    answered = kinds.index("paragraph_close") + 1
    before = reader.renderer.render(tokens[:answered], reader.options, {})
    after = reader.renderer.render(tokens[answered:], reader.options, {})
    title = escape(visible(report.headline))
    if drawn is None:
        drawn = chart(report)
    # The encoding comes first: a browser must know it before it reads a title.
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            f"<body>\n<main>\n{before}{drawn}{after}</main>\n</body>",
            "</html>\n",
        ]
    )


def _table_open(*_: object) -> str:
    """Open a table in a frame that can be scrolled sideways, also by keyboard."""
    return '<div class="scroll" role="group" aria-label="table" tabindex="0"><table>\n'


def _table_close(*_: object) -> str:
    return "</table></div>\n"
