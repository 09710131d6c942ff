"""The public API: services that run an installed model, their results, and the errors that they raise.

    from aai import ObjectDetection, read_image

    detector = ObjectDetection("publisher/name").load()
    results = detector.detect_objects(read_image("photo.jpg"))

Every name is imported when it is first used: `import aai` brings in neither numpy nor OpenCV.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aai.version import __version__

if TYPE_CHECKING:
    from aai.errors import (
        AaiError,
        BackendUnavailable,
        BadImage,
        BadWeights,
        InvalidFiles,
        NotAllowed,
        NotFound,
        StorageFailed,
        UsageError,
    )
    from aai.vision.draw import markup_image
    from aai.vision.engines import Accelerator, Engine
    from aai.vision.image import read_image, write_image
    from aai.vision.results import (
        BoundingBox,
        ClassificationPrediction,
        ClassificationResults,
        InstanceSegmentationPrediction,
        InstanceSegmentationResults,
        KeyPoint,
        ObjectDetectionPrediction,
        ObjectDetectionResults,
        Pose,
        PoseEstimationResults,
        ReIdentificationPrediction,
        ReIdentificationResults,
        SemanticSegmentationResults,
    )
    from aai.vision.services import (
        Classification,
        InstanceSegmentation,
        ObjectDetection,
        PoseEstimation,
        ReIdentification,
        SemanticSegmentation,
    )

_HOMES = {
    "AaiError": "aai.errors",
    "Accelerator": "aai.vision.engines",
    "BackendUnavailable": "aai.errors",
    "BadImage": "aai.errors",
    "BadWeights": "aai.errors",
    "BoundingBox": "aai.vision.results",
    "Classification": "aai.vision.services",
    "ClassificationPrediction": "aai.vision.results",
    "ClassificationResults": "aai.vision.results",
    "Engine": "aai.vision.engines",
    "InstanceSegmentation": "aai.vision.services",
    "InstanceSegmentationPrediction": "aai.vision.results",
    "InstanceSegmentationResults": "aai.vision.results",
    "InvalidFiles": "aai.errors",
    "KeyPoint": "aai.vision.results",
    "NotAllowed": "aai.errors",
    "NotFound": "aai.errors",
    "ObjectDetection": "aai.vision.services",
    "ObjectDetectionPrediction": "aai.vision.results",
    "ObjectDetectionResults": "aai.vision.results",
    "Pose": "aai.vision.results",
    "PoseEstimation": "aai.vision.services",
    "PoseEstimationResults": "aai.vision.results",
    "ReIdentification": "aai.vision.services",
    "ReIdentificationPrediction": "aai.vision.results",
    "ReIdentificationResults": "aai.vision.results",
    "SemanticSegmentation": "aai.vision.services",
    "SemanticSegmentationResults": "aai.vision.results",
    "StorageFailed": "aai.errors",
    "UsageError": "aai.errors",
    "markup_image": "aai.vision.draw",
    "read_image": "aai.vision.image",
    "write_image": "aai.vision.image",
}

__all__ = [
    "AaiError",
    "Accelerator",
    "BackendUnavailable",
    "BadImage",
    "BadWeights",
    "BoundingBox",
    "Classification",
    "ClassificationPrediction",
    "ClassificationResults",
    "Engine",
    "InstanceSegmentation",
    "InstanceSegmentationPrediction",
    "InstanceSegmentationResults",
    "InvalidFiles",
    "KeyPoint",
    "NotAllowed",
    "NotFound",
    "ObjectDetection",
    "ObjectDetectionPrediction",
    "ObjectDetectionResults",
    "Pose",
    "PoseEstimation",
    "PoseEstimationResults",
    "ReIdentification",
    "ReIdentificationPrediction",
    "ReIdentificationResults",
    "SemanticSegmentation",
    "SemanticSegmentationResults",
    "StorageFailed",
    "UsageError",
    "__version__",
    "markup_image",
    "read_image",
    "write_image",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'aai' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
