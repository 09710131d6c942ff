"""The error for a file that can't be read as what it should be: another kind, cut off, or damaged."""

from __future__ import annotations

from pathlib import Path

from aai.core.inspect.kinds import FRAMEWORK_OF, WAYS_OUT, content_kind, refusal
from aai.core.inspect.protobuf import Malformed
from aai.errors import BadWeights


def bad_weights(path: Path, kind: str, name: str, error: Malformed) -> BadWeights:
    """What is wrong with a file that a reader could not read.

    Args:
        path: the file.
        kind: what it should be, as `aai.core.inspect.kinds` calls it.
        name: the same for people: "a TFLite file".
        error: where the reader stopped.
    """
    shown = content_kind(path)
    if shown in WAYS_OUT:
        return refusal(path, shown)
    if shown not in (kind, "unknown"):
        framework = FRAMEWORK_OF.get(shown)
        fix = f"configure it as what it is: --framework {framework}" if framework else "name the right file"
        return BadWeights(f"{path.name} is not {name}: its content is {shown}", str(path), fix)
    size = path.stat().st_size
    if shown == kind and error.needed > size:
        what = f"the file is cut off: it has {size:,} bytes, and its parts need at least {error.needed:,}"
        return BadWeights(what, str(path), "copy or download it again")
    return BadWeights(f"{path.name} is not {name} that is whole: {error}", str(path), "copy or download it again")
