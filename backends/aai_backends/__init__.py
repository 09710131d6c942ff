"""Inference back ends, one module a framework; each knows `aai.ports`, `aai.errors` and its own runtime.

Nothing is reported to anyone, and some runtimes report their use to their makers unless they are told not to before
they are imported: what is set here, and `_unreported`, tells them. What a user has set stays.
"""

import os

# onnxruntime from 1.29 on (docs/Privacy.md), where it is not Windows: no device id, no cache of events, no upload.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# DepthAI from 3.7 on (docs.luxonis.com, "What telemetry does Luxonis collect?").
os.environ.setdefault("DEPTHAI_TELEMETRY", "0")
