"""Services: one class for each purpose, from a frame to results in pixels of that frame."""

from __future__ import annotations

from typing import Mapping

from aai.vision.services.classification import Classification
from aai.vision.services.detection import ObjectDetection
from aai.vision.services.instances import InstanceSegmentation
from aai.vision.services.pose import PoseEstimation
from aai.vision.services.reid import ReIdentification
from aai.vision.services.segmentation import SemanticSegmentation
from aai.vision.services.service import Service

__all__ = [
    "SERVICES",
    "Classification",
    "InstanceSegmentation",
    "ObjectDetection",
    "PoseEstimation",
    "ReIdentification",
    "SemanticSegmentation",
    "Service",
]

SERVICES: Mapping[str, type[Service]] = {
    kind.purpose: kind
    for kind in (
        ObjectDetection,
        Classification,
        SemanticSegmentation,
        PoseEstimation,
        InstanceSegmentation,
        ReIdentification,
    )
}
