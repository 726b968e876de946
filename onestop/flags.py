"""Flags of a verb: read from its function, shown by tyro, checked like files and Python arguments.

Names, types, defaults and texts come from the function's signature and docstring, so the command line
cannot differ from Python. tyro renders the help and parses the words.
"""

from __future__ import annotations

import codecs
import contextlib
import dataclasses
import inspect
import io
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args

import tyro

from onestop.errors import UsageError
from onestop.recipe.docstrings import docstring
from onestop.recipe.groups import GROUP_OF
from onestop.recipe.names import ALIASES
from onestop.recipe.other_words import Answer, answer
from onestop.recipe.schema import (
    FIELDS,
    check_value,
    choices_of,
    field_types,
    group_title,
    hints,
)
from onestop.recipe.signatures import argument_kinds
from onestop.text import did_you_mean

_MANY = {"images": "IMAGE|FOLDER...", "runs": "RUN..."}
"""Arguments that take several values, and what help calls them."""


@dataclass(frozen=True)
class Option:
    """An argument of a verb, as seen by the command line.

    Attributes:
        group: The recipe group that it is a field of; empty if it is not a recipe field.
    """

    name: str
    kind: Any
    default: Any
    text: str
    positional: bool = False
    required: bool = False
    many: bool = False
    group: str = ""

    @property
    def flag(self) -> str:
        """The flag, with its dashes."""
        return "--" + self.name.replace("_", "-")

    @property
    def switch(self) -> bool:
        """Whether it is a switch without a value."""
        return self.kind is bool

    @property
    def negatable(self) -> bool:
        """Whether a recipe file can turn it on, so that it needs a `--no-` form."""
        return self.switch and field_types().get(self.name) is bool

    @property
    def place(self) -> str:
        """What help and errors call it."""
        return _metavar(self).strip("[].") if self.positional else self.flag


def options_of(function: Callable[..., Any]) -> list[Option]:
    """The arguments of a verb's function, with the texts of its docstring."""
    texts = _argument_texts(docstring(function))
    hints = _hints(function)
    options = []
    parameters = inspect.signature(function).parameters
    whole_recipe = set(FIELDS) <= parameters.keys()
    for parameter in parameters.values():
        positional = parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        name, required = parameter.name, parameter.default is inspect.Parameter.empty
        options.append(
            Option(
                name=name,
                kind=hints[name],
                default=None if required else parameter.default,
                text=texts[name],
                positional=positional,
                required=required,
                many=positional and name in _MANY,
                group=GROUP_OF.get(name, "") if whole_recipe and not positional else "",
            )
        )
    return options


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Types of the arguments; those that only Python can pass (a network, arrays) become text."""
    return {
        name: str | None if kind is Any or "Path" in str(kind) else kind
        for name, kind in argument_kinds(function).items()
    }


def _argument_texts(doc: str) -> dict[str, str]:
    """The texts under `Args:` in a docstring, each on one line."""
    section = doc.partition("Args:\n")[2].partition("\n\n")[0]
    texts: dict[str, str] = {}
    for line in section.splitlines():
        if start := re.match(r"    (\w+): (.*)", line):
            name = start[1]
            texts[name] = start[2]
        elif line.strip():
            texts[name] += " " + line.strip()
    return texts


def parse(
    verb: str, function: Callable[..., Any], options: list[Option], words: list[str]
) -> dict[str, Any] | None:
    """The values on the command line, checked; None after `--help` was printed.

    Raises:
        UsageError: One line on what is wrong and what is close to it.
    """
    words = _canonical_words(verb, words, options)
    # Omitted and empty are different, so each default is an object of its own, known by identity.
    defaults = {o.name: o.default if o.switch else _Shown(_shown_default(o)) for o in options}
    filled = _split_words(verb, function, _form(options, defaults), words)
    if filled is None:
        return None
    values: dict[str, Any] = {}
    for option in options:
        value = getattr(getattr(filled, option.group) if option.group else filled, option.name)
        if option.switch:
            if option.flag in words or f"--no-{option.flag[2:]}" in words:
                values[option.name] = value
        elif value and option.many:
            values[option.name] = [check_value(str, word, option.place) for word in value]
        elif value is not defaults[option.name] and not option.many:
            values[option.name] = check_value(option.kind, value, option.place)
        elif option.required:
            raise UsageError(f"{verb}: {option.place} missing (onestop {verb} --help)")
    return values


def _form(options: list[Option], defaults: dict[str, Any]) -> type:
    """What tyro fills: a dataclass of all options, with a nested one for each group.

    Help shows a group under a heading; its name is not part of its flags.
    """
    grouped: dict[str, list[tuple[str, Any, Any]]] = {"": []}
    for option in options:
        field = (option.name, _field_type(option), _field_default(option, defaults[option.name]))
        grouped.setdefault(option.group, []).append(field)
    fields = grouped.pop("")
    for group, inner in grouped.items():
        kind = dataclasses.make_dataclass(group, inner)
        about = tyro.conf.arg(name=group_title(group), help="")
        fields.append((group, Annotated[kind, about], dataclasses.field(default_factory=kind)))
    return dataclasses.make_dataclass("Words", fields)


class _Shown(str):
    """A default as the help shows it."""

    __slots__ = ()


def _shown_default(option: Option) -> str:
    if option.default is None:
        derived = option.name in field_types() and "default:" not in option.text
        return "derived" if derived and not option.required else ""
    return f"{option.default:g}" if isinstance(option.default, float) else str(option.default)


def _field_type(option: Option) -> Any:
    shown = _shown_default(option)
    details = hints(option.name) if option.group else []
    details += [f"default: {shown}"] if shown and not option.switch else []
    text = option.text + (f" ({'; '.join(details)})" if details else "")
    choices = choices_of(option.kind)
    metavar = "{" + ",".join(map(str, choices)) + "}" if choices else _metavar(option)
    if option.switch:
        pairs = () if option.negatable else (tyro.conf.FlagCreatePairsOff,)
        about = tyro.conf.arg(help=text, help_behavior_hint="", prefix_name=False)
        return Annotated[bool, about, *pairs]
    about = tyro.conf.arg(help=text, metavar=metavar, help_behavior_hint="", prefix_name=False)
    kind: Any = list[str] if option.many else str
    if option.positional:
        return Annotated[kind, tyro.conf.Positional, about]
    return Annotated[kind, about]


def _field_default(option: Option, default: Any) -> Any:
    return dataclasses.field(default_factory=list) if option.many else default


def _metavar(option: Option) -> str:
    if option.positional:
        name = _MANY[option.name] if option.many else option.name.upper()
        return name if option.required else f"[{name}]"
    kinds = {
        part for kind in (option.kind, *get_args(option.kind)) for part in (kind, *get_args(kind))
    }
    if int in kinds:
        return "N"
    return "X" if float in kinds else option.name.upper()


def _split_words(
    verb: str, function: Callable[..., Any], form: type, words: list[str]
) -> Any | None:
    """Have tyro fill the form; None after it printed the help. Its boxed errors become one line."""
    description = docstring(function).partition("\n\nArgs:")[0]
    encoding = codecs.lookup(getattr(sys.stdout, "encoding", None) or "ascii").name
    errors, page = io.StringIO(), io.TextIOWrapper(io.BytesIO(), encoding, "backslashreplace")
    cli: Any = tyro.cli  # the form is made at run time, so it has no static type
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(page):
            filled, unknown = cli(
                form,
                prog=f"onestop {verb}",
                description=description,
                args=words,
                return_unknown_args=True,
            )
    except SystemExit as stop:
        if not stop.code:
            page.seek(0)
            print(_wrapped(page.read()))  # noqa: T201
            return None
        lines = [
            re.sub(r"[│╭╮╰╯─]|-{3,}", " ", line).strip() for line in errors.getvalue().splitlines()
        ]
        text = " ".join(line for line in lines[1:] if line).partition("For full helptext")[0]
        raise UsageError(f"{text.strip().rstrip('.')} (onestop {verb} --help)") from None
    if unknown:
        raise UsageError(f"{unknown[0]}: one argument too many (onestop {verb} --help)")
    return filled


def _wrapped(page: str) -> str:
    """A help page with its paragraphs wrapped between words; its boxes fit already."""
    width = max(40, shutil.get_terminal_size().columns)
    return "\n".join(textwrap.fill(line, width) for line in page.splitlines())


def _canonical_words(verb: str, words: list[str], options: list[Option]) -> list[str]:
    """The words with each flag under its own name; other tools' names for it are understood.

    Raises:
        UsageError: An unknown flag, with the closest ones; or a value missing or too many.
    """
    offs = {f"no_{o.name}": f"--no-{o.flag[2:]}" for o in options if o.negatable}
    flags = {o.name: o.flag for o in options if not o.positional} | offs
    switches = {o.name for o in options if o.switch} | offs.keys()
    positional = {o.name for o in options if o.positional}
    later = {o.name for o in options[1:] if o.positional and not o.many}
    canonical: list[str] = []
    last: list[str] = []  # positional arguments by their flags, which may stand before the first
    moved = -1
    for place, word in enumerate(words):
        if place == moved:
            last.append(word)
            continue
        if word == "--":
            return canonical + words[place:] + last
        if not _is_flag(word) or word in ("-h", "--help"):
            canonical.append(word)
            continue
        typed, equals, value = word.partition("=")
        name = typed.lstrip("-").replace("-", "_")
        meant = name if name in flags or name in positional else ALIASES.get(name, name)
        if meant not in flags and meant not in positional:
            named = {name: f"--{name.replace('_', '-')}" for name in positional}
            raise _no_such_option(verb, typed, {**flags, **named})
        if meant in switches:
            if equals:
                raise UsageError(f"{word}: is a switch and takes no value; write {typed} alone")
        elif not equals and (place + 1 == len(words) or _is_flag(words[place + 1])):
            raise UsageError(f"{typed}: its value is missing (onestop {verb} --help)")
        if meant in flags:
            canonical.append(flags[meant] + equals + value)
        elif meant in later:
            last += [value] if equals else []
            moved = moved if equals else place + 1
        else:  # `--data X` for X
            canonical += [value] if equals else []
    return canonical + last


def _no_such_option(verb: str, typed: str, flags: Mapping[str, str]) -> UsageError:
    name = typed.lstrip("-").replace("-", "_")
    if (other := answer(name, verb)) is not None:
        return UsageError(_in_other_words(verb, typed, other, flags.values()))
    if ALIASES.get(name, name) in FIELDS:
        return UsageError(f"{typed}: is an option of onestop train (onestop {verb} --help)")
    aliases = [f"--{a.replace('_', '-')}" for a in ALIASES if ALIASES[a] in flags]
    wanted = re.sub("^--no-", "--", typed)
    near = did_you_mean(wanted, flags.values()) or did_you_mean(wanted, aliases)
    return UsageError(f"{typed}: no such option{near} (onestop {verb} --help)")


def _in_other_words(verb: str, typed: str, other: Answer, flags: Iterable[str]) -> str:
    """The error for an option that another tool has."""
    elsewhere = other.is_option and other.text.split()[0] not in flags
    place = f", an option of onestop {_verb_with(other.text.split()[0])}" if elsewhere else ""
    return f"{typed}: no such option; {other}{place} (onestop {verb} --help)"


def _verb_with(flag: str) -> str:
    """A verb that has an option which another one lacks."""
    name = flag.removeprefix("--").replace("-", "_")
    return (
        "train" if name in FIELDS else {"top": "predict", "save_grid": "predict"}.get(name, "train")
    )


def _is_flag(word: str) -> bool:
    return re.match(r"--?[A-Za-z]", word) is not None
