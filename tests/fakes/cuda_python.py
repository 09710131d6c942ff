"""cuda-python for tests: the functions of `cuda.cudart` that the back end uses, on the GPU of `gpu.py`.

Each returns a tuple whose first item is the error, as the real ones do (cuda-bindings 12.6, cuda.bindings.runtime).
"""

import enum

from gpu import GPU


class cudaMemcpyKind(enum.IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


class cudaDeviceAttr(enum.IntEnum):
    cudaDevAttrComputeCapabilityMajor = 75
    cudaDevAttrComputeCapabilityMinor = 76


class _Properties:
    name = b"Fake GPU 9" + bytes(246)


class _Handle:
    """A stream is no number in cuda-python, but can be made one."""

    def __init__(self, number):
        self._number = number

    def __int__(self):
        return self._number


def cudaGetDeviceCount():
    return GPU.device_count()


def cudaGetDeviceProperties(device):
    return 0, _Properties()


def cudaDeviceGetAttribute(attribute, device):
    return 0, {75: 8, 76: 7}[int(attribute)]


def cudaMemGetInfo():
    return 0, GPU.limit_bytes - GPU.used_bytes, GPU.limit_bytes


def cudaMalloc(size):
    return GPU.malloc(size)


def cudaFree(address):
    return (GPU.free(address),)


def cudaMemcpyAsync(target, source, size, kind, stream):
    return (GPU.memcpy_async(target, source, size, kind == cudaMemcpyKind.cudaMemcpyHostToDevice, stream),)


def cudaStreamCreate():
    code, stream = GPU.stream_create()
    return code, _Handle(stream)


def cudaStreamSynchronize(stream):
    return (GPU.stream_synchronize(stream),)


def cudaStreamDestroy(stream):
    return (GPU.stream_destroy(stream),)
