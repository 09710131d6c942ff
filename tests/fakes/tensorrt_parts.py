"""What the fake versions of TensorRT are put together from. Written for Python 3.6, as what it tests.

Names that do not start with an underscore are TensorRT's own; that each version has no others than the real one is
tested against what was read from NVIDIA's bindings.
"""

import enum

import numpy as np
from gpu import GPU, ILLEGAL_ADDRESS, OK
from tensorrt_network import NUMPY_TYPES, Refused, outputs_of, read_plan, shape_of, trick


class Severity(enum.IntEnum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3
    VERBOSE = 4


class TensorFormat(enum.Enum):
    LINEAR = 0
    CHW4 = 2


class TensorIOMode(enum.Enum):
    NONE = 0
    INPUT = 1
    OUTPUT = 2


class TensorLocation(enum.Enum):
    DEVICE = 0
    HOST = 1


class ILogger:
    Severity = Severity
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = Severity

    def __init__(self):
        self._made = True

    def log(self, severity, msg):
        raise NotImplementedError


class Logger(ILogger):
    def log(self, severity, msg):
        print(msg)


def init_libnvinfer_plugins(logger, namespace):
    assert logger._made and namespace == ""
    logger.log(Severity.VERBOSE, "Registered plugin creator - ::BatchedNMS_TRT version 1")
    return True


def _started(logger):
    """As the real ones: a log line and a null pointer without a driver; 8.6.0 ends the process."""
    assert logger._made, "ILogger.__init__ was not called"
    if GPU.mode in ("no-driver", "no-device", "broken-driver"):
        logger.log(Severity.WARNING, "CUDA initialization failure with error: 35")
        if GPU.mode != "broken-driver":
            import os

            os.abort()
        raise TypeError("pybind11::init(): factory function returned nullptr")


class RuntimeParts:
    _version = ""
    _engine = None

    def __init__(self, logger):
        _started(logger)
        self.logger = logger

    def deserialize_cuda_engine(self, serialized_engine):
        try:
            network = read_plan(serialized_engine, self._version)
        except Refused as refused:
            self.logger.log(Severity.ERROR, "1: [stdArchiveReader.cpp::{}::30] {}".format("StdArchiveReader", refused))
            self.logger.log(Severity.ERROR, "4: [runtime.cpp::deserializeCudaEngine::50] Error Code 4: Internal Error")
            return None
        return self._engine(network, self.logger)


class EngineParts:
    _context = None
    _types = None

    def __init__(self, network, logger):
        self._network, self._logger = network, logger
        self._inputs, self._outputs = network["inputs"], network["outputs"]
        self._all = self._inputs + self._outputs
        self._by_name = {spec["name"]: spec for spec in self._all}
        self.num_optimization_profiles = network.get("profiles", 1)

    def create_execution_context(self):
        if self._network.get("tricks", {}).get("context") == "none":
            return None
        return self._context(self)

    def _limits(self, spec):
        if -1 not in spec["shape"]:
            shape = tuple(spec["shape"])
            return [shape, shape, shape]
        return [tuple(spec["least"]), tuple(spec["most"]), tuple(spec["most"])]

    def _layout(self, spec):
        return TensorFormat[spec.get("format", "LINEAR")]

    def _place(self, spec):
        return TensorLocation[spec.get("location", "DEVICE")]


class NamedEngine(EngineParts):
    """By name, from 8.5 on."""

    @property
    def num_io_tensors(self):
        return len(self._all)

    def get_tensor_name(self, index):
        return self._all[index]["name"]

    def get_tensor_mode(self, name):
        return TensorIOMode.INPUT if self._by_name[name] in self._inputs else TensorIOMode.OUTPUT

    def get_tensor_shape(self, name):
        return tuple(self._by_name[name]["shape"])

    def get_tensor_dtype(self, name):
        return self._types[self._by_name[name]["dtype"]]

    def get_tensor_format(self, name):
        return self._layout(self._by_name[name])

    def get_tensor_location(self, name):
        return self._place(self._by_name[name])

    def get_tensor_profile_shape(self, name, profile_index):
        assert self._by_name[name] in self._inputs and 0 <= profile_index < self.num_optimization_profiles
        return self._limits(self._by_name[name])


class BindingEngine(EngineParts):
    """By number, until 8.6; each profile has numbers of its own."""

    @property
    def num_bindings(self):
        return len(self._all) * self.num_optimization_profiles

    @property
    def has_implicit_batch_dimension(self):
        return bool(self._network.get("implicit"))

    @property
    def max_batch_size(self):
        return self._network.get("max_batch", 1)

    def get_binding_name(self, index):
        profile, number = divmod(index, len(self._all))
        return self._all[number]["name"] + (f" [profile {profile}]" if profile else "")

    def binding_is_input(self, index):
        return index % len(self._all) < len(self._inputs)

    def get_binding_shape(self, index):
        shape = tuple(self._spec(index)["shape"])
        return shape[1:] if self.has_implicit_batch_dimension else shape

    def get_binding_dtype(self, index):
        return self._types[self._spec(index)["dtype"]]

    def get_binding_format(self, index):
        return self._layout(self._spec(index))

    def get_location(self, index):
        return self._place(self._spec(index))

    def get_profile_shape(self, profile_index, binding):
        assert profile_index == 0 and not self.has_implicit_batch_dimension
        return self._limits(self._spec(binding))

    def _spec(self, index):
        return self._all[index % len(self._all)]


class ContextParts:
    def __init__(self, engine):
        self.engine = engine
        self._shapes = {spec["name"]: tuple(spec["shape"]) for spec in engine._inputs}

    def _set(self, name, shape):
        spec = self.engine._by_name[name]
        least, _, most = self.engine._limits(spec)
        shape = tuple(shape)
        fits = len(shape) == len(most) and all(a <= b <= c for a, b, c in zip(least, shape, most))
        if not fits:
            self.engine._logger.log(
                Severity.ERROR,
                "3: [executionContext.cpp::setInputShape::2068] Error Code 3: API Usage Error (Parameter check failed, "
                "condition: engineDims.d[i] == dims.d[i]. Static dimension mismatch while setting input shape.)",
            )
            return False
        self._shapes[name] = shape
        return True

    def _shape(self, name):
        if name in self._shapes:
            return self._shapes[name]
        spec = self.engine._by_name[name]
        if spec.get("unknown"):
            return (-1, *tuple(spec["shape"][1:]))
        batches = [shape[0] for shape in self._shapes.values()]
        return shape_of(spec, batches[0])

    def _put(self, addresses, batch, stream):
        """Puts the run into the stream; False where TensorRT would say so."""
        engine = self.engine
        missing = [name for name in engine._by_name if not addresses.get(name)]
        open_inputs = [
            name for name, shape in self._shapes.items() if -1 in shape[1:] or (shape[0] == -1 and not batch)
        ]
        if missing or open_inputs or engine._network.get("tricks", {}).get("run") == "refuse":
            engine._logger.log(Severity.ERROR, f"Error Code 3: address or shape is not set: {missing}")
            return False
        trick(engine._network, "run")
        shapes = {name: self._shape(name) for name in engine._by_name}
        if batch:
            shapes = {name: (batch, *tuple(shape[1:])) for name, shape in shapes.items()}

        def work():
            if engine._network.get("tricks", {}).get("run") == "illegal":
                return ILLEGAL_ADDRESS
            inputs = []
            for spec in engine._inputs:
                block = GPU.memory.get(addresses[spec["name"]])
                shape, dtype = shapes[spec["name"]], np.dtype(NUMPY_TYPES[spec["dtype"]])
                count = int(np.prod(shape))
                if block is None or len(block) < count * dtype.itemsize:
                    GPU.faults.append("the engine reads past the end of {}".format(spec["name"]))
                    return ILLEGAL_ADDRESS
                inputs.append(np.frombuffer(bytes(block), dtype, count).reshape(shape))
            for spec, array in zip(engine._outputs, outputs_of(engine._network, inputs)):
                block = GPU.memory.get(addresses[spec["name"]])
                if block is None or len(block) < array.nbytes:
                    GPU.faults.append("the engine writes past the end of {}".format(spec["name"]))
                    return ILLEGAL_ADDRESS
                block[: array.nbytes] = array.tobytes()
            GPU.calls.append("run")
            return OK

        return GPU.enqueue(int(stream), work) == OK


class NamedContext(ContextParts):
    """By name, from 8.5 on."""

    def set_input_shape(self, name, shape):
        return self._set(name, shape)

    def get_tensor_shape(self, name):
        return self._shape(name)

    def set_tensor_address(self, name, memory):
        if name not in self.engine._by_name:
            return False
        self.__dict__.setdefault("_addresses", {})[name] = memory
        return True

    def execute_async_v3(self, stream_handle):
        assert not getattr(self.engine, "has_implicit_batch_dimension", False), "not for engines without a batch axis"
        return self._put(dict(self.__dict__.get("_addresses", {})), 0, stream_handle)


class BindingContext(ContextParts):
    """By number, until 8.6."""

    def set_binding_shape(self, binding, shape):
        assert not self.engine.has_implicit_batch_dimension
        return self._set(self.engine.get_binding_name(binding), shape)

    def get_binding_shape(self, binding):
        return self._shape(self.engine.get_binding_name(binding))

    def execute_async_v2(self, bindings, stream_handle):
        assert not self.engine.has_implicit_batch_dimension
        return self._put(self._by_number(bindings), 0, stream_handle)

    def execute_async(self, batch_size, bindings, stream_handle):
        assert self.engine.has_implicit_batch_dimension and 1 <= batch_size <= self.engine.max_batch_size
        return self._put(self._by_number(bindings), batch_size, stream_handle)

    def _by_number(self, bindings):
        assert len(bindings) == self.engine.num_bindings, "one address for each binding of each profile"
        return {spec["name"]: address for spec, address in zip(self.engine._all, bindings)}
