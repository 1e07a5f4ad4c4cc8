"""Where a model runs: the CPU, or an NVIDIA GPU where there is one."""

from __future__ import annotations

import ctypes
import io
import os
import re
import threading
from contextlib import redirect_stdout
from functools import lru_cache
from typing import Any, Literal

CUDA = "CUDAExecutionProvider"

CUDA_SETTINGS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC", "do_copy_in_default_stream": "1"}
"""Full float32, and the same algorithms every time: two runs differ by less than 1e-4."""

_KIND = re.compile(r"\[ONNXRuntimeError\] : \d+ : (\w+)")
_OPERATOR = re.compile(r"running (\w+) node")

SILENT = 4
"""ONNX Runtime's severity above which it says nothing; ERROR is 3, and 2 its default."""


opening = threading.RLock()
"""Held while a session is opened. A fork waits for it, or the child would find it held by a thread that it lacks."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=opening.acquire, after_in_parent=opening.release, after_in_child=opening.release)


class DeviceError(ValueError):
    """A device was asked for that is not there."""


def chosen_device(device: str, much_at_once: bool) -> Literal["cpu", "cuda"]:
    """The device to run on.

    "auto" takes a GPU for models that do much at once. One that moves a single column is done on the CPU before a GPU
    has begun.

    Raises:
        DeviceError: in one line, if "cuda" is asked for and not there.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device = {device!r}: expected auto, cpu or cuda")
    if device == "cpu" or (device == "auto" and not much_at_once):
        return "cpu"
    missing = why_no_cuda()
    if missing and device == "cuda":
        raise DeviceError(f"device = 'cuda': {missing}; use 'cpu' or 'auto'")
    return "cpu" if missing else "cuda"


@lru_cache(maxsize=1)
def why_no_cuda() -> str | None:
    """What is missing for CUDA, in words, or None. The driver is asked first: ONNX Runtime complains at length."""
    import onnxruntime

    if CUDA not in onnxruntime.get_available_providers():
        return "this ONNX Runtime is built without it (onnxruntime-gpu has it)"
    try:
        driver = ctypes.CDLL("nvcuda.dll" if hasattr(ctypes, "WinDLL") else "libcuda.so.1")
    except OSError:
        return "no NVIDIA driver found"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        return "no NVIDIA GPU found"
    return None if _provider_loads() else "CUDA or cuDNN could not be loaded (the extra dreampedal[cuda] brings both)"


def make_session(model: bytes, device: str, **settings: str) -> Any:
    """An ONNX Runtime session of one thread, which is the fastest for graphs as small as ours, and the steadiest.

    Args:
        settings: of the CUDA provider, beside `CUDA_SETTINGS`.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = SILENT  # what fails is raised, and told in one line
    providers: list[Any] = ["CPUExecutionProvider"]
    if device == "cuda":
        providers.insert(0, (CUDA, CUDA_SETTINGS | settings))
    return onnxruntime.InferenceSession(model, options, providers=providers)


@lru_cache(maxsize=256)
def reads(ir: int, operators: int) -> bool:
    """Whether this ONNX Runtime reads a version of the file format and one of the operators: found by trying."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(SILENT)
    try:
        make_session(_probe(ir, operators), "cpu")
    except Exception:  # ONNX Runtime's errors have no base class of their own
        return False
    finally:
        onnxruntime.set_default_logger_severity(2)
    return True


def told(error: Exception) -> str:
    """What ONNX Runtime found wrong, in a few words: its own name places in its source.

    >>> told(RuntimeError("[ONNXRuntimeError] : 1 : FAIL : Non-zero status code while running Reshape node. Name:''"))
    'in ONNX Runtime, at operator Reshape'
    >>> told(RuntimeError("[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : Could not find an implementation for Relu(1)"))
    'in ONNX Runtime, not implemented'
    """
    kind, operator = _KIND.search(str(error)), _OPERATOR.search(str(error))
    if operator:
        return f"in ONNX Runtime, at operator {operator[1]}"
    return f"in ONNX Runtime, {kind[1].lower().replace('_', ' ')}" if kind else "in ONNX Runtime"


def _probe(ir: int, operators: int) -> bytes:
    """A model of one operator."""
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "probe", ends[:1], ends[1:])
    opset = helper.make_opsetid("", operators)
    return bytes(helper.make_model(graph, opset_imports=[opset], ir_version=ir).SerializeToString())


def _provider_loads() -> bool:
    """Whether a session really gets CUDA: the libraries may be missing beside a driver. Quiet either way."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(SILENT)
    try:
        with redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()  # finds the libraries of NVIDIA's wheels
            return CUDA in make_session(_probe(10, 20), "cuda").get_providers()
    finally:
        onnxruntime.set_default_logger_severity(2)
