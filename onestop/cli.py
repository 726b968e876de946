"""The command line: the first word is a verb, and only that verb is imported.

    onestop VERB --help

torch is not imported before a verb does its work: help and usage errors must be fast.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from onestop.errors import OneStopError, UsageError, is_out_of_memory, one_line
from onestop.flags import Option, options_of, parse
from onestop.images.time_limit import left_behind
from onestop.recipe.other_words import answer_to_verb
from onestop.runtime.memory import keep_freed_memory
from onestop.runtime.offline import offline as downloads_forbidden
from onestop.text import did_you_mean
from onestop.verbs import VERBS
from onestop.version import __version__

# Options that only the command line has: how to print what the function returns.
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
        Option("allow_leaks", bool, False, "exit with 0 even if splits leak into each other"),
        Option("json", bool, False, "print the contents of lint.json"),
    ),
    "predict": (
        Option("json", bool, False, "print one JSON object per image"),
        Option(
            "csv",
            bool,
            False,
            "print comma-separated values: the best label of each image, or as many as --top says",
        ),
    ),
}
_JSON = (Option("json", bool, False, "print JSON"),)
# What may need data or weights that are not here yet.
_MAY_DOWNLOAD = ("train", "evaluate", "predict", "explain", "lint", "curve", "info")
_OFFLINE = Option(
    "offline", bool, False, "download neither data nor weights (ONESTOP_OFFLINE=1: never)"
)
# Defaults that only the command line has.
_DEFAULTS = {"explain": {"out": "why.png"}}
# Arguments that only matter once a run trains, not for --print-recipe and --dry-run.
_TRAINING_ONLY = ("out", "name", "no_report", "allow_inexact_resume")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(words)
        if sys.stdout:
            sys.stdout.flush()  # fails here, not when Python exits
        return code
    except OneStopError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except (ImportError, MemoryError, RuntimeError) as error:
        problem = _lack_of_the_machine(error)
        if not problem:
            raise
        return _fail(problem, 1)
    except BrokenPipeError:
        _drop_output()  # the reader is gone (`| head`)
        return 0
    except OSError as error:  # a full disk, no access: a problem of the machine, not a bug
        if not error.filename:
            _drop_output()
        return _fail(f"{error.filename or 'output'}: {error.strerror or error}", 1)


def entry_point() -> None:
    """What the `onestop` command calls."""
    keep_freed_memory()
    prepare_output()
    try:
        code = main()
    except KeyboardInterrupt:  # again, while the first was being answered
        code = 130
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is ending already
    if left_behind():
        _end_at_once(code)
    sys.exit(code)


def _end_at_once(code: int) -> NoReturn:
    """End without waiting for threads that are inside a decoder."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _lack_of_the_machine(error: Exception) -> str:
    """What the machine or the installation lacks, if that is the error's cause; else empty."""
    if isinstance(error, ImportError):
        name = error.name or ""
        what = f"{name} cannot be loaded ({error})" if name else str(error)
        if re.search("failed to map|annot allocate", str(error)):
            return f"{what}: out of memory; raise the limit of address space (ulimit -v)"
        return "" if name.startswith("onestop") else f"{what}; install it again"
    if "can't start new thread" in str(error):
        return "no further thread can be started; raise the limit (ulimit -u), or end a program"
    if is_out_of_memory(error):
        return "out of memory; lower --batch-size or --image-size, or raise --accumulate"
    return ""


def prepare_output() -> None:
    """Have what an output cannot hold escaped: file names can hold bytes that are not text."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Discard output that is still buffered; Python would fail on it again at exit."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int) -> int:
    print(one_line(f"onestop: {' '.join(message.split())}"), file=sys.stderr)  # noqa: T201
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
        other = answer_to_verb(verb)
        near = f"; here it is called {other.text}" if other else did_you_mean(verb, VERBS)
        raise UsageError(f"{verb}: no such command{near} (onestop --help)")
    _require_current_folder()
    module = importlib.import_module(f"onestop.verbs.{verb}")
    function: Callable[..., Any] = getattr(module, verb)
    offline = (_OFFLINE,) if verb in _MAY_DOWNLOAD else ()
    options = [*options_of(function), *offline, *_PRINTING.get(verb, _JSON)]
    parsed = parse(verb, function, options, rest)
    if parsed is None:
        return 0
    with downloads_forbidden(parsed.pop("offline", False)):
        return _call(verb, module, parsed)


def _call(verb: str, module: Any, parsed: dict[str, Any]) -> int:
    """Call a verb's function and print what it returns."""
    function: Callable[..., Any] = getattr(module, verb)
    arguments = {**_DEFAULTS.get(verb, {}), **parsed}
    printing = {o.name: arguments.pop(o.name, o.default) for o in _PRINTING.get(verb, _JSON)}
    if printing.get("json") and printing.get("csv"):
        raise UsageError("--json --csv: only one of them can be printed; drop the other")
    if printing.get("csv") and "top" in parsed:
        printing["top"] = parsed["top"]  # by default one label per image
    if printing.pop("print_recipe", False):
        return _print_recipe(module, arguments, as_json=printing["json"])
    from onestop.display.printing import show

    if printing.pop("dry_run", False):
        arguments = _without(arguments, _TRAINING_ONLY)
        return show(module.dry_run(**arguments), **printing)
    return show(function(**arguments), **printing)


def _require_current_folder() -> None:
    """Refuse a working folder that was removed, since libraries of torch end the process over it."""
    try:
        os.getcwd()  # noqa: PTH109 - not a path to work with
    except OSError as error:
        raise UsageError(
            f"the current folder: {error.strerror}; change to one that exists (cd)"
        ) from None


def _print_recipe(module: Any, arguments: dict[str, Any], *, as_json: bool) -> int:
    from onestop.display.printing import show_settings

    settings = module.resolve(**_without(arguments, (*_TRAINING_ONLY, "quiet", "resume")))
    show_settings(settings, json=as_json)
    return 0


def _without(arguments: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in names}


def _overview() -> str:
    verbs = "\n".join(f"  {verb:<10} {text}" for verb, text in VERBS.items())
    return (
        "usage: onestop VERB ...\n\n"
        "From a source of images to a trained, understood, safe and served model.\n\n"
        f"{verbs}\n\n"
        "  onestop VERB --help   its arguments and options\n"
        "  onestop --version     the version\n\n"
        "Start here: `onestop train` learns handwritten digits,\n"
        "            `onestop train FOLDER` your own classes, one folder of images per class."
    )
