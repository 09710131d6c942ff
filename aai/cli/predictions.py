"""What models find, as tables for people: one form for each purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

if TYPE_CHECKING:
    from aai.cli.output import Output

    Rows = Sequence[dict[str, Any]]


def print_predictions(out: Output, result: dict[str, Any], least: float) -> None:
    """The predictions of one picture, as `predict` lists them; `least` is the confidence that was asked for."""
    found: Rows = result["predictions"]
    if "embedding" in result:
        _print_matches(out, found)
    elif not found:
        out.line(f"nothing found with a confidence of {least:g} or more (--confidence)")
    elif "fraction" in found[0]:
        out.table(["LABEL", "SHARE"], [[p["label"], f"{p['fraction']:.1%}"] for p in found])
    elif "key_points" in found[0]:
        _print_poses(out, found)
    elif "area" in found[0]:
        rows = [[p["label"], f"{p['confidence']:.2f}", _numbers(p["box"]), p["area"]] for p in found]
        out.table(["LABEL", "CONFIDENCE", "BOX", "PIXELS"], rows)
    elif "box" in found[0]:
        rows = [[p["label"], f"{p['confidence']:.2f}", _numbers(p["box"])] for p in found]
        out.table(["LABEL", "CONFIDENCE", "BOX"], rows)
    else:
        out.table(["LABEL", "CONFIDENCE"], [[p["label"], f"{p['confidence']:.2f}"] for p in found])


def print_likeness(out: Output, results: Rows) -> None:
    """How alike the pictures of a re-identification model are: the cosine of the angle between their features."""
    if len(results) < 2:
        return
    rows: list[list[object]] = []
    for number, result in enumerate(results, 1):
        alike = [f"{_cosine(result['embedding'], other['embedding']):.2f}" for other in results]
        rows.append([number, *alike, result["image"]])
    out.table(["", *(str(number) for number in range(1, len(results) + 1)), "IMAGE"], rows)


def _print_matches(out: Output, found: Rows) -> None:
    if found:
        out.table(["ID", "ALIKE"], [[p["id"], f"{p['confidence']:.2f}"] for p in found])


def _print_poses(out: Output, found: Rows) -> None:
    rows: list[list[object]] = []
    for number, pose in enumerate(found, 1):
        for name, point in pose["key_points"].items():
            if point is not None:
                place = _numbers((point["x"], point["y"]))
                rows.append([number, f"{pose['score']:.2f}", name, place, f"{point['score']:.2f}"])
    out.table(["POSE", "SCORE", "KEY POINT", "PLACE", "SCORE"], rows)


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.0f}" for value in values)


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Of two vectors of length 1."""
    return sum(a * b for a, b in zip(one, other))
