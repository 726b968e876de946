"""Renders a report as one self-contained HTML file: no scripts, no external requests."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from onestop.reporting.blocks import Section
from onestop.version import __version__


def page(title: str, about: str, sections: Sequence[Section], of: str = "") -> str:
    """The whole page; all text in it is escaped.

    Args:
        title: Of the page.
        about: The line below it.
        sections: The rest.
        of: The digest of the network that it shows, and the state of its run; not visible.
    """
    return _template().render(
        title=title, about=about, sections=sections, version=__version__, of=of
    )


@functools.cache
def _template() -> Template:
    loader = PackageLoader("onestop.reporting", "")
    return Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True
    ).get_template("page.html")
