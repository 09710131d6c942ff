"""Networks that find key points."""

from __future__ import annotations

from aai.core.inspect.heads.question import Head, Question, describe, only

KEY_POINTS = 17


def key_points(question: Question) -> Head | None:
    """MoveNet: y, x and score of each key point."""
    for spec in question.outputs:
        if tuple(spec.shape[1:]) in ((1, KEY_POINTS, 3), (6, 56)):
            reason = f"output {describe(spec)}: y, x and score of the {KEY_POINTS} COCO key points"
            return Head("PoseEstimation", reason, "movenet", classes=None, outputs=only(question, spec))
    return None
