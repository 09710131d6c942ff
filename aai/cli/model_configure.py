"""`aai model configure`: the flags of the reference in every form that users write, and the printing of the answer."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterator

import click

from aai.cli.options import ask_options, output_options
from aai.cli.output import Output
from aai.core.fields import FIELDS

if TYPE_CHECKING:
    from aai.core.configured import Configured
    from aai.ports import Prompter

_BOOLEAN_WORDS = ("true", "false", "yes", "no", "on", "off", "1", "0")
_NUMBERS = re.compile(r"[-+]?\.?\d[\d.eE+-]*(?:[,xX][-+]?\.?\d[\d.eE+-]*)*,?\Z")
_FLAGS = {form: entry for entry in FIELDS for form in {entry.flag, entry.flag.replace("_", "-")}}


class ConfigureCommand(click.Command):
    """Reads `--size 300 300`, `--crop`, `--crop false` and `--no-crop`, which click has no option kind for."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Brings every form to `--flag=value` and lets click read that."""
        return super().parse_args(ctx, list(one_form(args)))


def one_form(words: list[str]) -> Iterator[str]:
    """`words` with each boolean and each list of numbers as one `--flag=value`."""
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word == "--":
            yield word
            yield from words[position:]
            return
        positive = "--" + word[5:] if word.startswith("--no-") or word.startswith("--no_") else word
        entry = _FLAGS.get(positive)
        if entry is None:
            yield word
        elif entry.kind == "boolean":
            follows = words[position].lower() if position < len(words) else ""
            if positive != word:
                yield f"{positive}=false"
            elif follows in _BOOLEAN_WORDS:
                yield f"{word}={follows}"
                position += 1
            else:
                yield f"{word}=true"
        elif entry.kind in ("size", "numbers"):
            start = position
            while position < len(words) and _NUMBERS.match(words[position]):
                position += 1
            numbers = [part for value in words[start:position] for part in value.split(",") if part]
            yield f"{word}={','.join(numbers)}" if numbers else word
        else:
            yield word


def field_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds one option per field of the field table; the command gets them by field name."""
    for entry in reversed(FIELDS):
        forms = [entry.flag] if "_" not in entry.flag else [entry.flag, entry.flag.replace("_", "-")]
        metavar = {
            "size": "WIDTH HEIGHT",
            "numbers": "NUMBER ...",
            "boolean": "[true|false]",
            "names": "NAME[,NAME]",
            "path": "FILE",
            "number": "NUMBER",
            "integer": "NUMBER",
        }.get(entry.kind, "TEXT")
        text = entry.help
        if entry.values:
            metavar = "NAME"
            text += ": " + ", ".join(entry.values)
        function = click.option(
            *forms, entry.name, metavar=metavar, help=text + ".", multiple=entry.kind == "names", default=None
        )(function)
    return function


@click.command(cls=ConfigureCommand, name="configure")
@click.argument("folder", default=".", metavar="[DIR]")
@field_options
@click.option("--name", metavar="NAME", help="Second half of the id; the first is the publisher of aai user login.")
@click.option("--dry-run", is_flag=True, help="Print what would be written, and write nothing.")
@ask_options
@output_options
def configure(
    folder: str, out: Output, dry_run: bool, yes: bool, asker: Prompter | None, name: str | None, **fields: Any
) -> None:
    r"""Find out what the model in DIR is, and write alwaysai.model.json.

    \b
    Examples:
      aai model configure --id acme/detector
      aai model configure --framework darknet --purpose ObjectDetection \
          --model_file yolo.weights --config_file yolo.cfg --label_file yolo.names
      aai model configure --size 416 416 --swaprb --dry-run

    Nothing that a file can tell is asked for: framework, sizes, classes, purpose and pre-processing are read from the
    weights. Booleans: --crop, --crop true, --crop=false, --no-crop. Flags answer to dashes too: --model-file.
    An existing file is updated: unknown keys and values that you changed by hand stay.
    """
    from aai.core.configure import configure as configure_model
    from aai.core.settings import load_settings

    given = {key: value for key, value in fields.items() if value is not None and value != ()}
    if "output_layer_names" in given:
        given["output_layer_names"] = ",".join(given["output_layer_names"])
    if name is not None:
        given["name"] = name
    publisher = load_settings(Path.cwd())["publisher"].value
    result = configure_model(Path(folder), given, asker, publisher, keep_guesses=yes)
    written = [] if dry_run else result.write()
    _print(out, result, [path.name for path in written], dry_run)


def _print(out: Output, result: Configured, written: list[str], dry_run: bool) -> None:
    config = result.config
    out.document(
        {
            "id": config.id,
            "folder": str(config.folder),
            "written": written,
            "origins": [origin.as_dict() for origin in result.origins],
            "open": result.open,
            "findings": [finding.as_dict() for finding in result.findings],
            "config": config.document,
        }
    )
    out.ids([config.id])
    for how in ("said", "kept", "inferred", "guessed"):
        for origin in result.origins:
            if origin.how == how:
                reason = f" from {origin.source}" if origin.source else ""
                out.line(f"{how + ':':10}{origin.field} {shown(origin.field, origin.value)}{reason}")
    defaults = [f"{o.field} {shown(o.field, o.value)}" for o in result.origins if o.how == "default"]
    if defaults:
        out.line(f"{'default:':10}{', '.join(defaults)}")
    if result.inspection.not_read:
        out.line(f"not read: {result.inspection.not_read}")
    for finding in result.findings:
        out.warn_of(finding)
    for name, fix in result.open.items():
        out.line(f"{'open:':10}{name}: {fix}")
    if dry_run:
        out.line("dry run: nothing was written")
        return
    out.line(
        f"written:  {', '.join(written)} in {config.folder}"
        if written
        else f"unchanged: alwaysai.model.json in {config.folder}"
    )
    _suggest(out, result)


def _suggest(out: Output, result: Configured) -> None:
    """Says what to do next: what keeps the model from being published, else to look at it and publish it."""
    folder = shlex.quote(str(result.config.folder))
    flags = {"id": "--id publisher/name", "size": "--size WIDTH HEIGHT"}
    needed = [flag for name, flag in flags.items() if name in result.open]
    if needed:
        out.hint(f"aai model configure {folder} {' '.join(needed)}")
    else:
        out.hint(f"aai model predict {folder} IMAGE; then aai model publish {folder}")


def shown(field: str, value: Any) -> str:
    """A value as people read it: 416x416, true, letterbox (anchor top-left, pad 114); no lists of sections."""
    if field == "size" and value:
        return "x".join(str(number) for number in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "[{}]".format(", ".join(shown("", item) for item in value))
    if isinstance(value, dict):
        name = value.get("name")
        plain = {key: item for key, item in value.items() if key != "name" and not _is_sections(item)}
        rest = ", ".join(f"{key} {shown('', item)}" for key, item in plain.items())
        return f"{name} ({rest})" if name and rest else str(name or rest)
    return "not set" if value is None or value == "" else str(value)


def _is_sections(value: Any) -> bool:
    """Whether a value is a list of sections, such as the heads of a Darknet network with all of their anchors."""
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)
