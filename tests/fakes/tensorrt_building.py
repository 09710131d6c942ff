"""The builder of the fake TensorRT: it reads the network out of an ONNX file's metadata, and calibrates by looking.

Written for Python 3.6, as what it tests.
"""

import json
import time
from pathlib import Path

import numpy as np
from gpu import GPU
from tensorrt_network import NUMPY_TYPES, make_plan
from tensorrt_parts import Severity, _started

MARK = b"fake-network:"


class ParserError:
    def __init__(self, node, desc):
        self._node, self._desc = node, desc

    def node(self):
        return self._node

    def desc(self):
        return self._desc


class NetworkParts:
    def __init__(self, flags):
        self._flags = flags
        self._network = {"inputs": [], "outputs": []}

    @property
    def num_inputs(self):
        return len(self._network["inputs"])

    def get_input(self, index):
        return _Tensor(self._network["inputs"][index])


class _Tensor:
    def __init__(self, spec):
        self.name, self.shape = spec["name"], tuple(spec["shape"])


class ParserParts:
    def __init__(self, network, logger):
        assert logger._made
        self._network, self._errors = network, []

    def parse_from_file(self, path):
        data = Path(path).read_bytes()
        start = data.find(MARK)
        if start < 0:
            self._errors = [ParserError(12, "No importer registered for op: NonZero.\nAttempting to import as plugin.")]
            return False
        self._network._network = json.JSONDecoder().raw_decode(data[start + len(MARK) :].decode("latin-1"))[0]
        return True

    @property
    def num_errors(self):
        return len(self._errors)

    def get_error(self, index):
        return self._errors[index]


class ProfileParts:
    def __init__(self):
        self._shapes = {}

    def set_shape(self, input, min, opt, max):
        assert all(low <= middle <= high for low, middle, high in zip(min, opt, max))
        self._shapes[input] = (tuple(min), tuple(max))


class BuilderParts:
    _version = ""
    _config = _network = _profile = None
    _explicit = 0

    def __init__(self, logger):
        _started(logger)
        self.logger = logger

    def create_network(self, flags=0):
        assert flags == self._explicit, "an ONNX network needs EXPLICIT_BATCH, where the version has it, and no more"
        return self._network(flags)

    def create_builder_config(self):
        return self._config()

    def create_optimization_profile(self):
        return self._profile()

    def build_serialized_network(self, network, config):
        built = dict(network._network)
        if built.get("tricks", {}).get("build") == "refuse":
            self.logger.log(
                Severity.ERROR, "10: Could not find any implementation for node {ForeignNode[/model/Conv]}."
            )
            return None
        if built.get("tricks", {}).get("build") == "hang":
            time.sleep(600)
        profiles = config._profiles
        for spec in built["inputs"]:
            if -1 in spec["shape"]:
                assert len(profiles) == 1, "open axes need a profile"
                least, most = profiles[0]._shapes[spec["name"]]
                assert all(a in (-1, b) for a, b in zip(spec["shape"], most)) and -1 not in most
                spec.update(least=least, most=most)
        built["built_with"] = config._told()
        if "INT8" in built["built_with"]["flags"]:
            built["calibration"] = self._calibrated(built, config)
        if getattr(config, "progress_monitor", None) is not None:
            self._tell(config.progress_monitor)
        return _HostMemory(make_plan(built, self._version))

    def _calibrated(self, network, config):
        """The sum of each calibration batch, read from the GPU: what a test can work out by itself."""
        calibrator, sums = config.int8_calibrator, []
        assert calibrator.read_calibration_cache() is None
        names = [spec["name"] for spec in network["inputs"]]
        dtype = NUMPY_TYPES[network["inputs"][0]["dtype"]]
        if any(-1 in spec["shape"] for spec in network["inputs"]):
            batch = config._calibration._shapes[names[0]][1][0]
            assert batch == calibrator.get_batch_size()
        while True:
            addresses = calibrator.get_batch(names)
            if not addresses:
                break
            sums.append(float(np.frombuffer(bytes(GPU.memory[addresses[0]]), dtype).sum()))
        calibrator.write_calibration_cache(b"cache")
        return sums

    def _tell(self, monitor):
        monitor.phase_start("Building Engine", None, 2)
        for step in range(2):
            assert monitor.step_complete("Building Engine", step)
        monitor.phase_finish("Building Engine")


class _HostMemory(bytes):
    @property
    def nbytes(self):
        return len(self)


class ConfigParts:
    """Of every version."""

    _flags = None
    _calibration = None

    def __init__(self):
        self._set, self._profiles = [self._flags.TF32], []

    def set_flag(self, flag):
        self._set.append(flag)

    def clear_flag(self, flag):
        self._set.remove(flag)

    def add_optimization_profile(self, profile):
        self._profiles.append(profile)

    def _told(self):
        return {"flags": sorted(flag.name for flag in self._set), "workspace": self._workspace()}


class WorkspaceConfig:
    """Until 8.6."""

    max_workspace_size = 0

    def _workspace(self):
        assert self.max_workspace_size > 0, "8.2 builds nothing without a workspace"
        return self.max_workspace_size


class PoolConfig:
    """From 8.4 on."""

    _pools = None
    _limit = 0

    def set_memory_pool_limit(self, pool, pool_size):
        assert pool == self._pools.WORKSPACE
        self._limit = pool_size

    def _workspace(self):
        return self._limit


class CalibratedConfig:
    """Until 10."""

    int8_calibrator = None

    def set_calibration_profile(self, profile):
        self._calibration = profile


class MonitoredConfig:
    """From 10 on."""

    progress_monitor = None


class CalibratorParts:
    def __init__(self):
        pass


class MonitorParts:
    def __init__(self):
        pass
