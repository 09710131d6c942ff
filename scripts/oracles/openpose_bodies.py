"""Makes tests/data/poses/openpose-*.npz: OpenPose's maps of drawn bodies, and the bodies that controlnet_aux finds.

    python -m venv .venv-oracle && .venv-oracle/bin/pip install torch scipy opencv-python-headless
    .venv-oracle/bin/pip install --no-deps controlnet_aux
    .venv-oracle/bin/python scripts/oracles/openpose_bodies.py

The maps are what a network is trained to give (Cao et al., CVPR 2017, section 2.2): a bell around each key point, a
unit vector along each limb; noise is added, and key points are left out.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import scipy.ndimage
import torch

DATA = Path(__file__).resolve().parents[2] / "tests" / "data" / "poses"
STRIDE = 8
SIZE = (248, 184)
"""Width and height: controlnet_aux scales pictures to half of 368 in height, and leaves this one as it is."""
# A standing body, in a box of 1 x 1, in OpenPose's order of COCO's key points.
BODY = np.array(
    [
        (0.50, 0.08), (0.50, 0.20), (0.32, 0.20), (0.22, 0.36), (0.16, 0.50), (0.68, 0.20), (0.78, 0.36), (0.84, 0.50),
        (0.38, 0.52), (0.36, 0.74), (0.34, 0.96), (0.62, 0.52), (0.64, 0.74), (0.66, 0.96), (0.44, 0.04), (0.56, 0.04),
        (0.36, 0.07), (0.64, 0.07),
    ]
)  # fmt: skip
LIMBS = [
    (2, 3), (2, 6), (3, 4), (4, 5), (6, 7), (7, 8), (2, 9), (9, 10), (10, 11), (2, 12), (12, 13), (13, 14), (2, 1),
    (1, 15), (15, 17), (1, 16), (16, 18), (3, 17), (6, 18),
]  # fmt: skip
FIELDS = [31, 39, 33, 35, 41, 43, 19, 21, 23, 25, 27, 29, 47, 49, 53, 51, 55, 37, 45]
SCENES: dict[str, list[tuple[float, float, float, float]]] = {
    "two": [(10, 20, 90, 150), (130, 15, 100, 160)],
    "crowd": [(4, 60, 60, 110), (52, 20, 70, 150), (110, 40, 60, 130), (150, 10, 60, 120), (190, 70, 50, 105)],
}


def main() -> None:
    body = reference()
    for name, boxes in SCENES.items():
        random = np.random.default_rng(len(boxes))
        heat, fields = maps(boxes, random, missing=name == "crowd")
        body.model = Fixed(fields, heat)
        candidate, subset = body(np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
        points = np.full((len(subset), 18, 3), np.nan)
        for row, person in enumerate(subset[:, :18].astype(int)):
            for part, index in enumerate(person):
                if index >= 0:
                    points[row, part] = candidate[index, :3]
        path = DATA / f"openpose-{name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            path,
            heat=heat.astype(np.float16),
            fields=fields.astype(np.float16),
            points=points.astype(np.float32),
            network_size=SIZE,
            source=f"controlnet_aux {version('controlnet_aux')}",
        )
        found = int(np.isfinite(points[:, :, 0]).sum())
        print(f"{path.name}: {len(points)} of {len(boxes)} bodies, {found} key points, {path.stat().st_size:,} bytes")


class Fixed(torch.nn.Module):
    """A network that gives the same maps whatever it is shown."""

    def __init__(self, fields: Any, heat: Any) -> None:
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))
        self._answer = torch.from_numpy(fields), torch.from_numpy(heat)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The maps."""
        return self._answer


def reference() -> Any:
    """controlnet_aux' Body without weights, and without what the rest of the package needs."""
    spec = importlib.util.find_spec("controlnet_aux")
    assert spec is not None and spec.origin is not None
    for name, folder in (("controlnet_aux", ""), ("controlnet_aux.open_pose", "open_pose")):
        package = ModuleType(name)
        package.__path__ = [str(Path(spec.origin).parent / folder)]
        sys.modules[name] = package
    # SciPy moved it; the module is imported by its old name.
    sys.modules["scipy.ndimage.filters"] = scipy.ndimage
    # The two modules import each other; this is the order that works.
    importlib.import_module("controlnet_aux.open_pose.util")
    body: Any = importlib.import_module("controlnet_aux.open_pose.body").Body
    return body.__new__(body)


def maps(boxes: list[tuple[float, float, float, float]], random: Any, missing: bool) -> tuple[Any, Any]:
    """(1, 19, h, w) heat maps and (1, 38, h, w) fields of bodies in boxes x, y, width, height, rounded to float16."""
    width, height = SIZE[0] // STRIDE, SIZE[1] // STRIDE
    y, x = np.mgrid[0:height, 0:width]
    heat, fields, counts = np.zeros((19, height, width)), np.zeros((38, height, width)), np.zeros((19, height, width))
    for left, top, wide, high in boxes:
        points = (BODY + random.normal(0, 0.015, BODY.shape)) * (wide, high) + (left, top)
        points = points / STRIDE - 0.5
        seen = random.random(18) > (0.12 if missing else 0)
        for part in np.flatnonzero(seen):
            away = (x - points[part, 0]) ** 2 + (y - points[part, 1]) ** 2
            heat[part] = np.maximum(heat[part], random.uniform(0.7, 1) * np.exp(-away / 2))
        for limb, ((start, end), field) in enumerate(zip(LIMBS, FIELDS)):
            if not (seen[start - 1] and seen[end - 1]):
                continue
            way = points[end - 1] - points[start - 1]
            length = np.hypot(*way)
            way /= length
            along = (x - points[start - 1, 0]) * way[0] + (y - points[start - 1, 1]) * way[1]
            across = abs((x - points[start - 1, 0]) * way[1] - (y - points[start - 1, 1]) * way[0])
            on = (along >= -0.5) & (along <= length + 0.5) & (across <= 1)
            fields[field - 19][on] += way[0]
            fields[field - 18][on] += way[1]
            counts[limb][on] += 1
    for limb, field in enumerate(FIELDS):
        fields[field - 19 : field - 17] /= np.maximum(counts[limb], 1)
    heat[:18] += random.normal(0, 0.01, heat[:18].shape)
    fields += random.normal(0, 0.03, fields.shape)
    heat[18] = 1 - heat[:18].max(axis=0)
    return tuple(part[None].astype(np.float16).astype(np.float32) for part in (heat, fields))


if __name__ == "__main__":
    main()
