"""What the site has that no page says by hand; an extension of Sphinx.

- `{help} VERB`: what `onestop VERB --help` prints.
- Links from a page to files of the repository outside this folder lead to GitHub.
- The Python interface with types as a person writes them, and the limits of settings in words.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import inspect
import io
import os
import re
import sys
import typing
from pathlib import Path
from unittest import mock

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import onestop
from onestop.cli import main
from onestop.recipe.groups import GROUPS
from onestop.recipe.ranges import range_of
from onestop.recipe.schema import FIELDS, field_types, free_fields, hints

GITHUB = "https://github.com/onestop-vision/onestop/"
_PACKAGE = Path(onestop.__file__).parent
_SETTINGS = "onestop.recipe.groups."


class Help(SphinxDirective):
    """What `onestop VERB --help` prints."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The page as a block, 80 characters wide."""
        verb, page = self.arguments[0], io.TextIOWrapper(io.BytesIO(), "utf-8")
        narrow = mock.patch.dict(os.environ, COLUMNS="80")
        with narrow, contextlib.redirect_stdout(page):
            if main([verb, "--help"]) != 0:
                raise self.error(f"onestop {verb} --help failed")
        page.seek(0)
        text = page.read()
        return [nodes.literal_block(text, text, language="text")]


def link_to_repository(app: Sphinx, docname: str, source: list[str]) -> None:
    """Have relative links to files outside this folder lead to GitHub.

    A link to what is not there is left as it is, and MyST complains of it.
    """

    def on_github(link: re.Match[str]) -> str:
        path = (Path(app.srcdir) / link[1]).resolve()
        if not path.exists():
            return link[0]
        kind = "tree" if path.is_dir() else "blob"
        return f"]({GITHUB}{kind}/main/{path.relative_to(Path(app.srcdir).parent).as_posix()}"

    source[0] = re.sub(r"\]\((\.\./[^)#\s]+)", on_github, source[0])


def mark_flags(app: Sphinx, document: nodes.document) -> None:
    """Tell the style sheet which words are flags."""
    for literal in document.findall(nodes.literal):
        if literal.astext().startswith("--"):
            literal["classes"].append("flag")


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """Where on GitHub the code of a documented function or class is."""
    if domain != "py" or "." in info["fullname"]:
        return None
    found = getattr(importlib.import_module(info["module"]), info["fullname"])
    home = importlib.import_module(getattr(found, "__module__", info["module"])).__file__ or ""
    return f"{GITHUB}blob/main/onestop/{Path(home).relative_to(_PACKAGE).as_posix()}"


def prepare_types(app: Sphinx, docname: str, source: list[str]) -> None:
    """Before the first page of the Python interface; the others need not wait for torch."""
    if "```{eval-rst}" in source[0]:
        load_types()
        write_types_plainly()


@functools.cache
def load_types() -> None:
    """Import what our modules import for type checkers alone, since signatures name it."""
    for name in onestop.__all__:
        getattr(onestop, name)  # loads its module
    ours = [module for name, module in sys.modules.items() if name.startswith("onestop.")]
    for module in ours:
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
                exec(compile(ast.Module(node.body, []), "types", "exec"), vars(module))  # noqa: S102


@functools.cache
def write_types_plainly() -> None:
    """Take limits and markers out of types: `int`, not `Annotated[int, Gt(gt=0)]`."""
    for group in GROUPS.values():
        group.__annotations__.update(typing.get_type_hints(group))
    fields = typing.get_type_hints(type("Fields", (), {"__annotations__": field_types()}))
    for name in onestop.__all__:
        if inspect.isfunction(function := getattr(onestop, name)):
            function.__annotations__ = typing.get_type_hints(function)
    for function in (onestop.train, onestop.curve):
        signature = inspect.signature(function)
        arguments = [
            argument.replace(annotation=fields.get(name, argument.annotation))
            for name, argument in signature.parameters.items()
        ]
        vars(function)["__signature__"] = signature.replace(parameters=arguments)


def add_limits(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Add to the text of a setting, in words, its limits and when it counts."""
    setting = name.rpartition(".")[2]
    if not name.startswith(_SETTINGS) or setting not in FIELDS:
        return
    free = ["may change when a run is resumed"] if setting in free_fields() else []
    remarks = filter(None, [str(range_of(field_types()[setting])), *hints(setting), *free])
    if remark := "; ".join(remarks):
        lines[:] = [*lines[:-1], f"({remark})", ""]  # in the same paragraph: the last line is empty


def keep_prose(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Keep napoleon from taking the words before a colon for the type of an attribute.

    It looks for one in the first line only; this one is an empty comment.
    """
    if what in ("attribute", "property"):
        lines[:0] = ["..", ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of all this."""
    app.add_directive("help", Help)
    app.connect("source-read", link_to_repository)
    app.connect("source-read", prepare_types)
    app.connect("doctree-read", mark_flags)
    app.connect("autodoc-process-docstring", add_limits, priority=300)
    app.connect("autodoc-process-docstring", keep_prose, priority=400)  # napoleon comes at 500
    return {"parallel_read_safe": True, "parallel_write_safe": True}
