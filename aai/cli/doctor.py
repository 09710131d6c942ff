"""`aai doctor`: what this machine can run."""

from __future__ import annotations

import platform
from typing import Any

import click

from aai.cli.options import output_options
from aai.cli.output import Output


@click.command(name="doctor")
@output_options
def doctor(out: Output) -> None:
    r"""Show which runtimes and accelerators this machine has, and the line that installs each one that is missing.

    \b
    Examples:
      aai doctor
      aai doctor --json
    """
    from aai.core.machine import board, processor

    machine = " ".join(word for word in (processor(), board()) if word)
    checks = [*_runtimes(), *_accelerators()]
    out.document({"python": platform.python_version(), "machine": machine, "checks": checks})
    out.ids([check["name"] for check in checks if check["found"] and not check["fault"]])
    out.line(f"Python {platform.python_version()} on {machine}")
    out.table(
        ["", "WHAT", "VERSION OR PLACE", "RUNS", "IF YOU NEED IT"],
        [
            [_mark(check), check["name"], check["detail"] or "-", check["serves"] or "-", _advice(check)]
            for check in checks
        ],
    )


def _mark(check: dict[str, Any]) -> str:
    return "!!" if check["fault"] else "ok" if check["found"] else "--"


def _advice(check: dict[str, Any]) -> str:
    return "; ".join(filter(None, (check["fault"], check["fix"])))


def _runtimes() -> list[dict[str, Any]]:
    from aai.backend_table import runtimes

    return [
        {
            "kind": "runtime",
            "name": state.runtime.name,
            "found": state.found,
            "detail": state.version,
            "serves": ", ".join(state.runtime.frameworks) or "darknet on onnxruntime",
            "fault": state.fault or None,
            "fix": None if state.usable else state.install,
        }
        for state in runtimes()
    ]


def _accelerators() -> list[dict[str, Any]]:
    from aai.core.machine import accelerators

    return [
        {
            "kind": "accelerator",
            "name": item.name,
            "found": bool(item.found),
            "detail": item.found,
            "serves": item.serves,
            "fault": None,
            "fix": None if item.found else item.fix,
        }
        for item in accelerators()
    ]
