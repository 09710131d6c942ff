"""What kind of file this is: told by its content first and by its extension second."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

from aai.core.inspect.protobuf import Malformed, walk
from aai.core.inspect.source import read_error
from aai.errors import BadWeights

HEAD_BYTES = 64 * 1024
"""As much of a file as is looked at."""

FRAMEWORK_OF = {
    "onnx": "onnx",
    "darknet-weights": "darknet",
    "caffemodel": "caffe",
    "tensorflow-pb": "tensorflow",
    "ir-bin": "dldt",
    "blob": "myriad",
    "tflite": "tflite",
    "engine": "tensor-rt",
    "hef": "hailo",
    "torch7": "enet",
}
"""Kinds that hold a network's weights, and the framework that runs them."""

STRUCTURE_OF = {"darknet-cfg": "darknet", "prototxt": "caffe", "pbtxt": "tensorflow", "ir-xml": "dldt"}
"""Kinds that hold a network's structure, and the framework they belong to."""

_EXTENSIONS = {
    ".onnx": "onnx",
    ".cfg": "darknet-cfg",
    ".weights": "darknet-weights",
    ".caffemodel": "caffemodel",
    ".prototxt": "prototxt",
    ".prototext": "prototxt",
    ".pb": "tensorflow-pb",
    ".pbtxt": "pbtxt",
    ".tflite": "tflite",
    ".engine": "engine",
    ".plan": "engine",
    ".trt": "engine",
    ".hef": "hef",
    ".blob": "blob",
    ".net": "torch7",
    ".t7": "torch7",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".keras": "keras",
    ".pt": "pytorch",
    ".pth": "pytorch",
    ".safetensors": "safetensors",
    ".tar": "tar",
}
_TEXT_KINDS = ("darknet-cfg", "prototxt", "pbtxt")

_KERAS_WAY_OUT = (
    "export it to ONNX where it was trained: python -c \"import keras; keras.saving.load_model('{name}', compile=False)"
    ".export('{stem}.onnx', format='onnx')\""
)
WAYS_OUT: dict[str, tuple[str, str]] = {
    "hdf5": ("a Keras HDF5 file, which needs the training framework to run", _KERAS_WAY_OUT),
    "keras": ("a Keras file, which needs the training framework to run", _KERAS_WAY_OUT),
    "pytorch": (
        "a PyTorch checkpoint: it is Python code in a file, and loading it runs that code",
        "export it to ONNX where it was trained: yolo export model={name} format=onnx (Ultralytics), "
        'or torch.onnx.export(model, example_input, "{stem}.onnx")',
    ),
    "safetensors": (
        "a safetensors file: it holds weights and no network",
        "export the network to ONNX where it was trained: optimum-cli export onnx --model FOLDER OUTPUT, "
        'or torch.onnx.export(model, example_input, "{stem}.onnx")',
    ),
    "tar": ("an archive, not a model", "unpack it, then configure the folder that comes out: tar -xf {name}"),
    "git-lfs": (
        "a Git LFS pointer: the weights themselves were not downloaded",
        "fetch them: git lfs pull, in the folder that was cloned",
    ),
    "html": (
        "a web page, not a model: the download got a page in place of the file",
        "download it again with the direct address of the file (on GitHub the one behind the button Raw)",
    ),
    "empty": ("an empty file", "copy or download it again"),
    "image": ("a picture, not a model", "name the weight file"),
}
"""Kinds that nothing here can run: what the file is, and the way out. `{name}` and `{stem}` stand for the file's."""

_SIGNATURES = (
    (0, b"\x01HEF", "hef"),
    (4, b"TFL3", "tflite"),
    (0, b"ftrt", "engine"),
    (0, b"\x7felf", "blob"),
    (0, b"\x89HDF\r\n\x1a\n", "hdf5"),
    (0, b"version https://git-lfs", "git-lfs"),
    (257, b"ustar", "tar"),
    (0, b"\xff\xd8\xff", "image"),
    (0, b"\x89PNG\r\n\x1a\n", "image"),
    (0, b"GIF8", "image"),
    (0, b"II*\0", "image"),
    (0, b"MM\0*", "image"),
    # Torch7, binary and text form: type 4 (object), index 1, and the version string "V 1".
    (0, b"\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1", "torch7"),
    (0, b"4\n1\n3\nV 1\n", "torch7"),
)
_PICKLE_START = re.compile(rb"\x80[\x02-\x05](?:\x95|\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19|[}\](c])")
_HTML = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_IR = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?<net\s[^>]*version=", re.S)
# No \s where a newline could match twice: a file of newlines must not cost quadratic time.
_CFG = re.compile(r"(?:\xef\xbb\xbf)?(?:[ \t\r]*(?:[#;].*)?\n)*[ \t]*\[(?:net|network)\]", re.I)
_PROTOTXT = re.compile(r"^[ \t]*(?:layers?[ \t\r\n]*\{|input_dim[ \t]*:|input_shape[ \t]*\{)", re.M)
_PBTXT = re.compile(r"^[ \t]*node[ \t\r\n]*\{", re.M)


def file_kind(path: Path) -> str:
    """The kind of a file: what its content shows, else what its extension says, else "unknown".

    At most `HEAD_BYTES` of it are read. The kinds are the keys of `FRAMEWORK_OF`, `STRUCTURE_OF` and `WAYS_OUT`, "text"
    and "unknown".

    Raises:
        NotFound: it is not there.
        NotAllowed: the rights forbid reading it.
    """
    kind = content_kind(path)
    suffix = path.suffix.lower()
    by_name = _EXTENSIONS.get(suffix, "")
    if kind == "unknown":
        structure = path.with_suffix(".xml")
        if suffix == ".bin" and structure.is_file() and content_kind(structure) == "ir-xml":
            return "ir-bin"
        return by_name if by_name not in ("", *_TEXT_KINDS) else "unknown"
    return by_name if kind == "text" and by_name in _TEXT_KINDS else kind


def content_kind(path: Path) -> str:
    """The kind that the content alone shows; "text" or "unknown" when it shows none.

    Raises:
        NotFound: it is not there.
        NotAllowed: the rights forbid reading it.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise read_error(error, path) from error
    if not head:
        return "empty"
    return (
        _by_signature(head)
        or _by_length_field(head, size)
        or _archive(head)
        or _markup(head)
        or _text(head)
        or _protobuf(head, size)
        or _darknet_weights(head, path.suffix.lower())
        or "unknown"
    )


def runs_on(kind: str, framework: str) -> bool:
    """Whether weights of this kind are for this framework. Myriad takes OpenVINO's files as well as its own."""
    own = FRAMEWORK_OF.get(kind)
    return own is not None and (own == framework or (own, framework) == ("dldt", "myriad"))


def named_as_weights(suffix: str) -> bool:
    """Whether files with this extension hold weights, or are downloaded as if they did."""
    suffix = suffix.lower()
    return suffix in (".bin", ".gz", ".tgz") or (suffix in _EXTENSIONS and _EXTENSIONS[suffix] not in STRUCTURE_OF)


def refusal(path: Path, kind: str) -> BadWeights:
    """The error that says what a file of a kind that nothing here can run is, and the way out."""
    what, fix = WAYS_OUT[kind]
    return BadWeights(
        f"{path.name} is {what}", str(path), fix.replace("{name}", path.name).replace("{stem}", path.stem)
    )


def _by_signature(head: bytes) -> str:
    for offset, magic, kind in _SIGNATURES:
        if head.startswith(magic, offset):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image"
    return "pytorch" if _PICKLE_START.match(head) else ""


def _by_length_field(head: bytes, size: int) -> str:
    """Kinds whose first bytes are a length that has to fit."""
    if len(head) < 16:
        return ""
    (long_length,) = struct.unpack_from("<Q", head)
    (length,) = struct.unpack_from("<I", head)
    if 2 <= long_length <= size - 8 and head[8:9] == b"{" and head[9:10] in b'"} \n\t':
        return "safetensors"
    # Engines of TensorRT 5 and before start with the length of the whole file; Ultralytics puts a length and as much
    # JSON in front of the engine.
    if long_length == size or (head[4:5] == b"{" and head[4 + length : 8 + length] == b"ftrt"):
        return "engine"
    return "image" if head[:2] == b"BM" and struct.unpack_from("<I", head, 2)[0] == size else ""


def _archive(head: bytes) -> str:
    if head.startswith(b"PK\x03\x04"):
        start = head[:4096]
        if b"data.pkl" in start:
            return "pytorch"
        return "keras" if b"metadata.json" in start or b"model.weights.h5" in start else ""
    if head.startswith(b"\x1f\x8b"):
        try:
            first = zlib.decompressobj(31).decompress(head, 512)
        except zlib.error:
            return ""
        return "tar" if first.startswith(b"ustar", 257) else ""
    return ""


def _markup(head: bytes) -> str:
    if _HTML.match(head):
        return "html"
    return "ir-xml" if _IR.match(head) else ""


def _text(head: bytes) -> str:
    if b"\0" in head or sum(byte < 32 and byte not in b"\t\n\r\f\x1a\x1b" for byte in head[:4096]):
        return ""
    text = head.decode("latin-1")
    if _CFG.match(text):
        return "darknet-cfg"
    if _PBTXT.search(text):
        return "pbtxt"
    return "prototxt" if _PROTOTXT.search(text) else "text"


def _protobuf(head: bytes, size: int) -> str:
    """ONNX, Caffe and TensorFlow weights have no signature: their first fields tell them apart.

    ONNX ModelProto: 1 ir_version (number), 2 producer_name, 7 graph. Caffe NetParameter: 1 name, 2 or 100 layers.
    TensorFlow GraphDef: 1 node (itself a message: 1 name, 2 op); SavedModel: 1 number, 2 meta graph.
    """
    seen: dict[int, tuple[int, int, int]] = {}
    count = 0
    try:
        for number, wire, start, stop in walk(head, 0, len(head), open_end=size):
            seen.setdefault(number, (wire, start, stop))
            count += 1
            if count == 32:
                break
    except Malformed:
        if not seen or count < 2:
            return ""
    first = seen.get(1)
    if first is None:
        return "onnx" if _is(seen, 7, 2) and _is(seen, 8, 2) else ""
    if first[0] == 0:
        if _is(seen, 7, 2) or (
            count > 1 and set(seen) <= {1, 2, 3, 4, 5, 6} and 3 <= first[1] <= 100 and _is(seen, 2, 2)
        ):
            return "onnx"
        return "tensorflow-pb" if first[1] == 1 and set(seen) == {1, 2} else ""
    if first[0] == 2:
        if _is_node(head, first[1], first[2]):
            return "tensorflow-pb"
        printable = all(byte >= 32 for byte in head[first[1] : first[2]])
        return "caffemodel" if printable and (_is(seen, 100, 2) or _is(seen, 2, 2)) else ""
    return ""


def _is(seen: dict[int, tuple[int, int, int]], number: int, wire: int) -> bool:
    return number in seen and seen[number][0] == wire


def _is_node(head: bytes, start: int, stop: int) -> bool:
    """Whether a message is a TensorFlow NodeDef: fields 1 (name) and 2 (op) are words."""
    words = {}
    try:
        for number, wire, begin, end in walk(head, start, min(stop, len(head))):
            if wire == 2 and number in (1, 2):
                words[number] = head[begin:end]
            if len(words) == 2:
                break
    except Malformed:
        return False
    return set(words) == {1, 2} and re.match(rb"_?[A-Za-z][A-Za-z0-9_>.]*\Z", words[2]) is not None


def _darknet_weights(head: bytes, suffix: str) -> str:
    """Darknet's header: int32 major, minor, revision, then the number of images seen. Files about have 0.1, 0.2."""
    if len(head) < 16:
        return ""
    major, minor, revision = struct.unpack_from("<iii", head)
    least = 0 if suffix == ".weights" else 1
    return "darknet-weights" if major == 0 and least <= minor <= 5 and 0 <= revision <= 20 else ""
