"""TensorRT 8.2 (JetPack 4.6) as far as the back end uses it: bindings by number, and nothing by name."""

import enum as _enum

import tensorrt_building as _b
import tensorrt_parts as _parts
from tensorrt_parts import ILogger, Logger, TensorFormat, TensorLocation, init_libnvinfer_plugins  # noqa: F401

__version__ = "8.2.1.8"


class DataType(_enum.Enum):
    FLOAT, HALF, INT8, INT32, BOOL = range(5)


class NetworkDefinitionCreationFlag(_enum.IntEnum):
    EXPLICIT_BATCH = 0
    EXPLICIT_PRECISION = 1


class BuilderFlag(_enum.Enum):
    FP16, INT8, DEBUG, GPU_FALLBACK, TF32 = range(5)


class IExecutionContext(_parts.BindingContext):
    pass


class ICudaEngine(_parts.BindingEngine):
    _context, _types = IExecutionContext, DataType


class Runtime(_parts.RuntimeParts):
    _version, _engine = __version__, ICudaEngine


class IInt8EntropyCalibrator2(_b.CalibratorParts):
    pass


class IBuilderConfig(_b.WorkspaceConfig, _b.CalibratedConfig, _b.ConfigParts):
    _flags = BuilderFlag


class INetworkDefinition(_b.NetworkParts):
    pass


class IOptimizationProfile(_b.ProfileParts):
    pass


class OnnxParser(_b.ParserParts):
    pass


class Builder(_b.BuilderParts):
    _version, _config, _network, _profile = __version__, IBuilderConfig, INetworkDefinition, IOptimizationProfile
    _explicit = 1 << int(NetworkDefinitionCreationFlag.EXPLICIT_BATCH)
    platform_has_fast_fp16 = platform_has_fast_int8 = True
