"""Decoders: from a network's output tensors to boxes, classes, maps or key points, one file per output layout.

Layouts are named in `alwaysai.model.json` under `aai.decoder`; a module for each purpose lists its layouts by name.
"""
