"""Devices: which one computes, what it is called, how many threads and how much memory it has."""

import contextlib
import importlib.util
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from epidl import checks

if TYPE_CHECKING:  # torch takes seconds: parameters and tables are read without it
    import torch

# more than any machine has; at some number the system makes no more, and the process ends
MOST_THREADS = 1024


def resolve_device(device: str) -> str:
    """Return 'cuda' or 'cpu'. 'auto' takes the GPU if there is one, and Triton to train on it.

    Raises ValueError for 'cuda' if either is missing.
    """
    import torch

    checks.choice("device", device, ("auto", "cpu", "cuda"))
    missing = "torch finds no CUDA device"
    if torch.cuda.is_available():
        missing = "" if importlib.util.find_spec("triton") else "there is no package triton"
    checks.require(
        device != "cuda" or not missing,
        f"device must be 'cpu' or 'auto' on this machine: {missing}, got 'cuda'",
    )
    return "cpu" if missing or device == "cpu" else "cuda"


def checked_device(device: "torch.device | str") -> "torch.device":
    """Return a device that this machine has, or raise ValueError for any other."""
    import torch

    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        found = None
    checks.require(
        found is not None and found.type in ("cpu", "cuda"),
        f"device must be 'cpu' or 'cuda', got {checks.shown(device)}",
    )
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device must be 'cpu', or one of the {torch.cuda.device_count()} CUDA devices that "
            f"torch finds here, got {checks.shown(device)}"
        )
    return found


def device_name(device: str) -> str:
    """Return the name of the GPU if `device` ('cpu', 'cuda' or 'auto') is one, else of the CPU with
    its cores.
    """
    import torch

    if resolve_device(device) == "cuda":
        return torch.cuda.get_device_name()
    return f"{_cpu_model()}, {os.cpu_count()} cores"


def machine_memory(device: str = "cpu") -> float:
    """Return the bytes of memory of this machine, or of its GPU if that has less, since a cohort is
    on both.
    """
    memory = checks.memory_bytes()
    if device == "cpu":
        return memory
    import torch

    return min(memory, torch.cuda.get_device_properties(device).total_memory)


@contextlib.contextmanager
def one_cell_threads(n_threads: int) -> Iterator[None]:
    """Let NumPy and torch use this many CPU threads, as a cell does."""
    import torch

    n_threads = checks.integer("n_threads", n_threads, minimum=1, maximum=MOST_THREADS)
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        with threadpool_limits(n_threads):
            yield
    finally:
        torch.set_num_threads(before)


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()
