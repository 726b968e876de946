"""The command line: the first word is a verb, and only that verb is imported.

    onestop VERB --help

No import of torch before a verb works: help and usage errors must be fast.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from onestop.errors import OneStopError, UsageError, is_out_of_memory
from onestop.flags import Option, options_of, parse
from onestop.runtime.memory import keep_freed_memory
from onestop.text import did_you_mean
from onestop.verbs import VERBS
from onestop.version import __version__

# What only the command line has: how to print what the function returns.
_PRINTING = {
    "train": (
        Option(
            "print_recipe",
            bool,
            False,
            "print every setting, where it came from and why; then stop",
        ),
        Option(
            "dry_run",
            bool,
            False,
            "measure a few steps and estimate what the run would take; write nothing",
        ),
        Option("json", bool, False, "print the final metrics as JSON"),
    ),
    "lint": (
        Option("allow_leaks", bool, False, "exit with 0 though a split leaks into another"),
        Option("json", bool, False, "print what lint.json holds"),
    ),
    "predict": (
        Option("json", bool, False, "print a JSON object an image"),
        Option("csv", bool, False, "print comma-separated values"),
    ),
}
_JSON = (Option("json", bool, False, "print JSON"),)
# What only the command line says where nobody does.
_SAID = {"explain": {"out": "why.png"}}
# Of a run that trains, and of no use where it only says what it would do.
_OF_THE_RUN = ("out", "name", "no_report", "allow_inexact_resume")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(words)
        if sys.stdout:
            sys.stdout.flush()  # what goes wrong with it shows here, not when Python ends
        return code
    except OneStopError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return _fail("out of memory; lower --batch-size or --image-size, or raise --accumulate", 1)
    except BrokenPipeError:
        _drop_output()  # the reader is gone (`| head`)
        return 0
    except OSError as error:  # a full disk, no access: the machine's trouble, no bug of ours
        if not error.filename:
            _drop_output()
        return _fail(f"{error.filename or 'output'}: {error.strerror or error}", 1)


def entry_point() -> None:
    """What the `onestop` command calls."""
    keep_freed_memory()
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files can hold bytes that are no text
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(main())


def _drop_output() -> None:
    """Have what is still to be written go nowhere; Python would complain of it once more at exit."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int) -> int:
    line = " ".join(message.split())
    print(f"onestop: {line}".encode(errors="backslashreplace").decode(), file=sys.stderr)  # noqa: T201
    return code


def _run(words: list[str]) -> int:
    if words[:1] == ["help"] and words[1:]:
        words = [words[1], "--help"]
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())  # noqa: T201
        return 0
    if words[0] in ("-V", "--version"):
        print(f"onestop {__version__}")  # noqa: T201
        return 0
    verb, *rest = words
    if verb not in VERBS:
        raise UsageError(f"{verb}: no such command{did_you_mean(verb, VERBS)} (onestop --help)")
    module = importlib.import_module(f"onestop.verbs.{verb}")
    function: Callable[..., Any] = getattr(module, verb)
    options = [*options_of(function), *_PRINTING.get(verb, _JSON)]
    given = parse(verb, function, options, rest)
    if given is None:
        return 0
    given = {**_SAID.get(verb, {}), **given}
    printing = {o.name: given.pop(o.name, o.default) for o in _PRINTING.get(verb, _JSON)}
    if printing.get("json") and printing.get("csv"):
        raise UsageError("--json --csv: only one of them can be printed; drop the other")
    if printing.pop("print_recipe", False):
        return _print_recipe(module, given, as_json=printing["json"])
    from onestop.display.printing import show

    if printing.pop("dry_run", False):
        kept = {k: v for k, v in given.items() if k not in _OF_THE_RUN}
        return show(module.dry_run(**kept), **printing)
    return show(function(**given), **printing)


def _print_recipe(module: Any, given: dict[str, Any], *, as_json: bool) -> int:
    from onestop.display.printing import show_settings

    kept = {k: v for k, v in given.items() if k not in (*_OF_THE_RUN, "quiet", "resume")}
    show_settings(module.resolve(**kept), json=as_json)
    return 0


def _overview() -> str:
    verbs = "\n".join(f"  {verb:<10} {text}" for verb, text in VERBS.items())
    return (
        "usage: onestop VERB ...\n\n"
        "From a source of images to a trained, understood, safe and served model.\n\n"
        f"{verbs}\n\n"
        "  onestop VERB --help   all about one of them\n"
        "  onestop --version     the version\n\n"
        "Start here: `onestop train` learns handwritten digits,\n"
        "            `onestop train FOLDER` your own classes, a folder of images each."
    )
