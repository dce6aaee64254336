"""`report.html`: a page about a study in one file, which loads nothing else."""

from tune.report.page.render import page_html

__all__ = ["page_html"]
