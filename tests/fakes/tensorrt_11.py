"""TensorRT 11 as far as the back end uses it: tensors by name, and no precision but the one that the ONNX has."""

import enum as _enum

import tensorrt_building as _b
import tensorrt_parts as _parts
from tensorrt_parts import (  # noqa: F401
    ILogger,
    Logger,
    TensorFormat,
    TensorIOMode,
    TensorLocation,
    init_libnvinfer_plugins,
)

__version__ = "11.4.0.106"


class DataType(_enum.Enum):
    FLOAT, HALF, INT8, INT32, BOOL, UINT8, FP8, BF16, INT64, INT4, FP4, E8M0 = range(12)


class NetworkDefinitionCreationFlag(_enum.IntEnum):
    STRONGLY_TYPED = 1


class BuilderFlag(_enum.Enum):
    DEBUG, GPU_FALLBACK, TF32 = range(3)


class MemoryPoolType(_enum.Enum):
    WORKSPACE, DLA_MANAGED_SRAM = range(2)


class IExecutionContext(_parts.NamedContext):
    pass


class ICudaEngine(_parts.NamedEngine):
    _context, _types = IExecutionContext, DataType


class Runtime(_parts.RuntimeParts):
    _version, _engine = __version__, ICudaEngine


class IProgressMonitor(_b.MonitorParts):
    pass


class IBuilderConfig(_b.PoolConfig, _b.MonitoredConfig, _b.ConfigParts):
    _flags, _pools = BuilderFlag, MemoryPoolType


class INetworkDefinition(_b.NetworkParts):
    pass


class IOptimizationProfile(_b.ProfileParts):
    pass


class OnnxParser(_b.ParserParts):
    pass


class Builder(_b.BuilderParts):
    _version, _config, _network, _profile = __version__, IBuilderConfig, INetworkDefinition, IOptimizationProfile
