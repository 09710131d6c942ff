"""What the conversions of all results share: class ids to COCO's categories, and the optional `supervision` package."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Mapping, Sequence, Union

from aai.errors import BackendUnavailable, UsageError

if TYPE_CHECKING:
    CategoryIds = Union[Sequence[int], Mapping[int, int], None]


def category_id(class_id: int, category_ids: CategoryIds) -> int:
    """The category of a class; the class id itself when `category_ids` is None.

    Raises:
        UsageError: the class has none.
    """
    if category_ids is None:
        return class_id
    known = range(len(category_ids)) if not isinstance(category_ids, Mapping) else category_ids
    if class_id not in known:
        raise UsageError(
            f"category_ids has no category for class {class_id}",
            "category_ids",
            "give one for each class of the network, in class order or by class id",
        )
    return category_ids[class_id]


def corner_and_size(box: Sequence[float]) -> list[float]:
    """COCO's form of a box x1, y1, x2, y2: x, y, width, height, to a hundredth of a pixel."""
    x1, y1, x2, y2 = (round(side, 2) for side in box)
    return [x1, y1, round(x2 - x1, 2), round(y2 - y1, 2)]


def supervision() -> Any:
    """The module `supervision`.

    Raises:
        BackendUnavailable: it is not installed.
    """
    try:
        return import_module("supervision")
    except ImportError as error:
        raise BackendUnavailable(
            f"the package supervision can't be imported: {error}", None, "pip install supervision"
        ) from error
