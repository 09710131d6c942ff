"""What a Hailo HEF tells of its model, read without HailoRT; the weights are not looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from aai.core.chips import HAILO_CHIP, runs_on
from aai.core.inspect.compiled import layout_facts, leave_purpose_open
from aai.core.inspect.damage import bad_weights
from aai.core.inspect.hef_file import HefFile, Network, NmsOperation, read_hef
from aai.core.inspect.protobuf import Malformed
from aai.core.inspect.recipes import ULTRALYTICS, YOLOX
from aai.core.inspect.report import Fact, Inspection
from aai.core.inspect.source import mapped

DECODER, MASKS_DECODER = "hailo-nms", "hailo-masks"
_LETTERBOX = {"yolov5": ULTRALYTICS, "yolov5-seg": ULTRALYTICS, "yolov8": ULTRALYTICS, "yolox": YOLOX}
"""Kind of suppression -> the recipe of the networks that it is for, of which only the letterbox is left: a HEF holds
the normalisation."""


def inspect_hef(path: Path) -> Inspection:
    """Chip, compiler, streams with shapes and quantisation, and suppression of a HEF, and what they tell of the model.

    Raises:
        NotFound: the file is not there.
        BadWeights: not a HEF, of a newer form than is known, cut off or damaged.
    """
    path = path.absolute()
    try:
        with mapped(path) as data:
            return _inspect(read_hef(data), path)
    except Malformed as error:
        raise bad_weights(path, "hef", "a Hailo HEF", error) from error


def _inspect(file: HefFile, path: Path) -> Inspection:
    network = _with_suppressed(file.networks[0])
    report = Inspection("hailo", path, inputs=tuple(network.inputs), outputs=tuple(network.outputs))
    report.facts.update(layout_facts(network.inputs, network.outputs))
    if "swaprb" in report.facts and len(network.inputs) == 1 and network.inputs[0].shape[-1] == 3:
        report.facts["swaprb"] = Fact(True, "what networks for Hailo usually take: RGB", certain=False)
    if network.nms is not None or network.on_chip_nms is not None:
        report.facts.update(_detection_facts(network))
        _letterbox(report, network.nms)
    else:
        leave_purpose_open(report)
    if "softmax" in network.after and "softmax" in report.facts:
        report.facts["softmax"] = Fact(False, "HailoRT applies softmax after the chip")
    chip = HAILO_CHIP.get(file.arch, "")
    if chip:
        report.facts["target"] = Fact({"chip": chip}, f"header: architecture {file.arch}")
    report.details.update(_details(file, chip))
    return report


def _with_suppressed(network: Network) -> Network:
    """The network with the shape that suppressed boxes have when they come back: rows of six."""
    if network.nms is None and network.on_chip_nms is None:
        return network
    return replace(
        network, outputs=[spec if spec.shape else replace(spec, shape=(None, 6)) for spec in network.outputs]
    )


def _detection_facts(network: Network) -> dict[str, Fact]:
    """Purpose, decoder and classes of a network whose boxes are suppressed by the chip or by HailoRT."""
    nms = network.nms
    classes = nms.classes if nms is not None else (network.on_chip_nms or (0, 0))[0]
    reason = f"suppression by HailoRT ({nms.kind or 'of an unknown kind'})" if nms else "suppression on the chip"
    if nms is not None and nms.boxes_only:
        return {"purpose": Fact("ObjectDetection", f"{reason}, boxes only")}
    decoder: dict[str, Any] = {"name": DECODER}
    if classes:
        decoder["classes"] = classes
    facts = {"purpose": Fact("ObjectDetection", reason), "decoder": Fact(decoder, reason)}
    if nms is not None and nms.kind == "yolov5-seg":
        facts = {
            "purpose": Fact("InstanceSegmentation", reason),
            "decoder": Fact({**decoder, "name": MASKS_DECODER}, reason),
        }
    if nms is not None and nms.kind == "ssd":
        facts["architecture"] = Fact("mobilenet_ssd", reason)
    if classes:
        facts["classes"] = Fact(classes, reason)
    return facts


def _letterbox(report: Inspection, nms: NmsOperation | None) -> None:
    """Adds the letterbox that networks of this kind are trained with."""
    recipe = _LETTERBOX.get(nms.kind) if nms is not None else None
    if recipe is None or recipe.letterbox is None:
        return
    told = report.facts.get("input")
    anchor, pad = recipe.letterbox
    section = {**(told.value if told else {}), "resize": "letterbox", "anchor": anchor, "pad": pad}
    report.facts["input"] = Fact(section, f"{told.source if told else ''}; {recipe.source}".lstrip("; "), certain=False)


def _details(file: HefFile, chip: str) -> dict[str, Any]:
    details: dict[str, Any] = {
        "hef_version": file.version,
        "sdk": file.sdk,
        "chip": chip or f"architecture {file.arch}, which is not known here",
    }
    if chip:
        details["runs_on"] = sorted(runs_on(chip))
    details["networks"] = [network.name for network in file.networks]
    network = file.networks[0]
    if network.contexts > 1:
        details["contexts"] = network.contexts
    if network.after:
        details["after_the_chip"] = network.after
    if network.nms is not None:
        details["nms"] = _nms_details(network.nms)
    elif network.on_chip_nms is not None:
        classes, boxes = network.on_chip_nms
        details["nms"] = {"where": "on the chip", "classes": classes, "boxes_per_class": boxes}
    return details


def _nms_details(nms: NmsOperation) -> dict[str, Any]:
    details: dict[str, Any] = {
        "where": "in HailoRT",
        "kind": nms.kind,
        "classes": nms.classes,
        "boxes_per_class": nms.boxes_per_class,
        "score": nms.score,
        "iou": nms.iou,
    }
    if nms.background is not None:
        details["background"] = nms.background
    if nms.boxes_only:
        details["boxes_only"] = True
    return details
