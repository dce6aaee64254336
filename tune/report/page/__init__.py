"""`report.html`: a page about a study that loads nothing else, with pages of more answers."""

from tune.report.page.render import page_html, pages_html

__all__ = ["page_html", "pages_html"]
