"""What services give back: predictions as objects for applications, and the same as arrays for whoever has many."""

from aai.vision.results.bounding_box import BoundingBox
from aai.vision.results.classification import ClassificationPrediction, ClassificationResults
from aai.vision.results.detection import ObjectDetectionPrediction, ObjectDetectionResults
from aai.vision.results.instances import InstanceSegmentationPrediction, InstanceSegmentationResults
from aai.vision.results.pose import KeyPoint, Pose, PoseEstimationResults
from aai.vision.results.reid import ReIdentificationPrediction, ReIdentificationResults
from aai.vision.results.segmentation import SemanticSegmentationResults

__all__ = [
    "BoundingBox",
    "ClassificationPrediction",
    "ClassificationResults",
    "InstanceSegmentationPrediction",
    "InstanceSegmentationResults",
    "KeyPoint",
    "ObjectDetectionPrediction",
    "ObjectDetectionResults",
    "Pose",
    "PoseEstimationResults",
    "ReIdentificationPrediction",
    "ReIdentificationResults",
    "SemanticSegmentationResults",
]
