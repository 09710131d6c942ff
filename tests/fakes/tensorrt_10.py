"""TensorRT 10 (JetPack 6) as far as the back end uses it: tensors by name alone, and a monitor of the build."""

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

__version__ = "10.3.0"


class DataType(_enum.Enum):
    FLOAT, HALF, INT8, INT32, BOOL, UINT8, FP8, BF16, INT64, INT4 = range(10)


class NetworkDefinitionCreationFlag(_enum.IntEnum):
    EXPLICIT_BATCH = 0
    STRONGLY_TYPED = 1


class BuilderFlag(_enum.Enum):
    FP16, INT8, DEBUG, GPU_FALLBACK, TF32, BF16 = range(6)


class MemoryPoolType(_enum.Enum):
    WORKSPACE, DLA_MANAGED_SRAM = range(2)


class IExecutionContext(_parts.NamedContext):
    pass


class ICudaEngine(_parts.NamedEngine):
    _context, _types = IExecutionContext, DataType
    has_implicit_batch_dimension = False


class Runtime(_parts.RuntimeParts):
    _version, _engine = __version__, ICudaEngine


class IInt8EntropyCalibrator2(_b.CalibratorParts):
    pass


class IProgressMonitor(_b.MonitorParts):
    pass


class IBuilderConfig(_b.PoolConfig, _b.CalibratedConfig, _b.MonitoredConfig, _b.ConfigParts):
    _flags, _pools = BuilderFlag, MemoryPoolType


class INetworkDefinition(_b.NetworkParts):
    pass


class IOptimizationProfile(_b.ProfileParts):
    pass


class OnnxParser(_b.ParserParts):
    pass


class Builder(_b.BuilderParts):
    _version, _config, _network, _profile = __version__, IBuilderConfig, INetworkDefinition, IOptimizationProfile
    # Of no effect from 10 on, and allowed.
    _explicit = 1 << int(NetworkDefinitionCreationFlag.EXPLICIT_BATCH)
    platform_has_fast_fp16 = platform_has_fast_int8 = True
