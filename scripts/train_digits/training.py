"""Training: scenes drawn as they are needed, a YOLO loss, Adam with a cosine schedule, averaged weights."""

from __future__ import annotations

import math
import time

import cv2
import numpy as np
import torch
from network import ANCHORS, CLASSES, SIDE, STRIDES, Network
from scenes import Digits, letterbox
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

BATCH = 16
LEARNING_RATE = 3e-3
FIT = 1.8
"""An anchor answers for a digit when neither side of one is more than this many times that of the other; so does the
best one in any case."""
IGNORE = 0.7
"""Other places whose box overlaps a digit this much are left out of the loss, as in Darknet's ignore_thresh."""


class Scenes(Dataset):
    """Training scenes as the network takes them, made when asked for.

    Item: (3, SIDE, SIDE) uint8 RGB, and (N, 5) float32 rows of class, centre x, centre y, width, height in its pixels.
    """

    def __init__(self, count: int) -> None:
        self.digits = Digits("train")
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        scene = self.digits.scene(number)
        if number % 2:  # The recipe of YOLOv5 is a letterbox, that of Darknet a stretch: the network is to know both.
            square, scale, offset = letterbox(scene.image, SIDE)
        else:
            square, offset = cv2.resize(scene.image, (SIDE, SIDE)), (0, 0)
            scale = SIDE / np.array(scene.image.shape[1::-1])
        corners = scene.boxes_xyxy.reshape(-1, 2, 2) * scale + offset
        truth = np.column_stack([scene.class_ids, corners.mean(1), corners[:, 1] - corners[:, 0]]).astype(np.float32)
        return torch.from_numpy(square[:, :, ::-1].transpose(2, 0, 1).copy()), torch.from_numpy(truth)


def train(steps: int, workers: int) -> Network:
    """A network after `steps` batches; the same numbers give the same network on the same machine and torch."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    network = Network().to(memory_format=torch.channels_last)
    _expect_little(network)
    averaged = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _warm_cosine(step, steps))
    batches = DataLoader(Scenes(steps * BATCH), BATCH, num_workers=workers, collate_fn=_collate, prefetch_factor=8)
    begun, running = time.monotonic(), 0.0
    for step, (blob, truth) in enumerate(batches, 1):
        loss = yolo_loss(network(blob), truth)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10)
        optimiser.step()
        schedule.step()
        averaged.update_parameters(network)
        running += loss.item()
        if step % 100 == 0:
            print(f"step {step}/{steps}  loss {running / 100:.3f}  {time.monotonic() - begun:.0f} s", flush=True)
            running = 0.0
    return averaged.module.eval()


def yolo_loss(heads: list[torch.Tensor], truth: torch.Tensor) -> torch.Tensor:
    """Loss of raw heads against digits, per picture: places that answer for a digit, and all others, which see nothing.

    Args:
        heads: as `Network` gives them.
        truth: (M, 6) float32: picture in the batch, class, centre x, y, width, height in input pixels.
    """
    loss = torch.zeros(())
    ratio = truth[:, None, 4:] / torch.tensor(ANCHORS, dtype=torch.float32)
    misfit = torch.maximum(ratio, 1 / ratio).amax(2)
    limit = misfit.amin(1, keepdim=True).mul(1.001).clamp(min=FIT)
    for level, (head, stride) in enumerate(zip(heads, STRIDES)):
        raw = head.permute(0, 1, 3, 4, 2)
        boxes = decoded(raw, stride, level)
        counts = ~near_a_digit(boxes.detach(), truth)
        wanted = torch.zeros(raw.shape[:-1])
        which, anchor = torch.where(misfit[:, 3 * level : 3 * level + 3] < limit)
        if len(which):
            digit = truth[which]
            cell = (digit[:, 2:4] / stride).long()
            place = digit[:, 0].long(), anchor, cell[:, 1], cell[:, 0]
            quality = complete_iou(boxes[place], digit[:, 2:])
            wanted[place] = 0.5 + 0.5 * quality.detach().clamp(0, 1)
            counts[place] = True
            names = functional.one_hot(digit[:, 1].long(), CLASSES).float()
            loss = loss + 5 * (1 - quality).sum()
            loss = loss + functional.binary_cross_entropy_with_logits(raw[place][:, 5:], names, reduction="sum")
        seen = functional.binary_cross_entropy_with_logits(raw[..., 4], wanted, reduction="none")
        loss = loss + (seen * counts).sum()
    return loss / len(heads[0])


def decoded(raw: torch.Tensor, stride: int, level: int) -> torch.Tensor:
    """Boxes (N, 3, h, w, 4), centre and size in input pixels, of a raw head (N, 3, h, w, 15).

    Source: Redmon and Farhadi, "YOLOv3" (2018), section 2.1.
    """
    y, x = torch.meshgrid(torch.arange(raw.shape[2]), torch.arange(raw.shape[3]), indexing="ij")
    anchors = torch.tensor(ANCHORS[3 * level : 3 * level + 3]).view(3, 1, 1, 2)
    centre = (raw[..., :2].sigmoid() + torch.stack([x, y], 2)) * stride
    return torch.cat([centre, raw[..., 2:4].clamp(max=4).exp() * anchors], 4)


def near_a_digit(boxes: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Which boxes (N, 3, h, w, 4) lie on a digit though another place answers for it: not to be called wrong."""
    near = torch.zeros(boxes.shape[:-1], dtype=torch.bool)
    for picture, one in enumerate(boxes):
        digits = truth[truth[:, 0] == picture, 2:]
        for digit in digits:
            near[picture] |= _iou(one, digit) > IGNORE
    return near


def _iou(boxes: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """IoU of boxes (..., 4), centre and size."""
    low = torch.maximum(boxes[..., :2] - boxes[..., 2:] / 2, others[..., :2] - others[..., 2:] / 2)
    high = torch.minimum(boxes[..., :2] + boxes[..., 2:] / 2, others[..., :2] + others[..., 2:] / 2)
    shared = (high - low).clamp(min=0).prod(-1)
    return shared / (boxes[..., 2:].prod(-1) + others[..., 2:].prod(-1) - shared)


def complete_iou(boxes: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """CIoU of pairs of boxes (M, 4), centre and size.

    Source: Zheng et al., "Distance-IoU Loss" (AAAI 2020), equations 7 to 11.
    """
    low = torch.minimum(boxes[:, :2] - boxes[:, 2:] / 2, others[:, :2] - others[:, 2:] / 2)
    high = torch.maximum(boxes[:, :2] + boxes[:, 2:] / 2, others[:, :2] + others[:, 2:] / 2)
    apart = (boxes[:, :2] - others[:, :2]).square().sum(1) / (high - low).square().sum(1)
    angle, angle2 = torch.atan(boxes[:, 2] / boxes[:, 3]), torch.atan(others[:, 2] / others[:, 3])
    shape = (angle2 - angle).square() * 4 / math.pi**2
    iou = _iou(boxes, others)
    weight = (shape / (1 - iou + shape + 1e-9)).detach()
    return iou - apart - weight * shape


def _expect_little(network: Network) -> None:
    """Starts with a low objectness everywhere, as nearly all places are empty."""
    for block in network.blocks:
        if isinstance(block, torch.nn.Sequential) and len(block) == 1:
            with torch.no_grad():
                block[0].bias.view(3, -1)[:, 4] = -5.0


def _warm_cosine(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / 100) * (0.505 + 0.495 * math.cos(math.pi * step / steps))


def _collate(items: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    blob = torch.stack([picture for picture, _ in items]).to(memory_format=torch.channels_last).float() / 255
    truth = [functional.pad(rows, (1, 0), value=number) for number, (_, rows) in enumerate(items)]
    return blob, torch.cat(truth)
