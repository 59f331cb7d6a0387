"""How quick training was beside what the machine can do: clips a second, share of peak, memory."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch.utils.flop_counter import (
    FlopCounterMode,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

SIDES = {"cuda": 8192, "cpu": 1024}  # of the square matrices that the peak is measured with
MATMULS = 5


def flop_counter() -> FlopCounterMode:
    """Counts arithmetic, attention on the processor included, which torch's own leaves out."""
    aten = torch.ops.aten
    counts = {
        aten._scaled_dot_product_flash_attention_for_cpu: _forward_flops,
        aten._scaled_dot_product_flash_attention_for_cpu_backward: _backward_flops,
    }
    return FlopCounterMode(display=False, custom_mapping=counts)


Shape = tuple[int, ...]


def _forward_flops(query: Shape, key: Shape, value: Shape, *_: object, **__: object) -> int:
    return sdpa_flop_count(query, key, value)


def _backward_flops(
    gradient: Shape, query: Shape, key: Shape, value: Shape, *_: object, **__: object
) -> int:
    return sdpa_backward_flop_count(gradient, query, key, value)


class Speedometer:
    """Counts clips and seconds of training, and the arithmetic of one step."""

    def __init__(self, device: torch.device, bf16: bool, compiled: bool = False) -> None:
        self.device, self.bf16, self.compiled = device, bf16, compiled
        self.clips, self.seconds, self.flops_a_clip, self.began = 0, 0.0, 0.0, 0.0

    def start(self) -> None:
        """An epoch's training begins."""
        self.began = time.perf_counter()

    def stop(self, clips: int) -> None:
        """It ends after so many clips; the device has been waited for."""
        self.seconds += time.perf_counter() - self.began
        self.clips += clips

    @contextmanager
    def counted(self, clips: int) -> Iterator[None]:
        """Around the two passes of a batch; only the first one is counted, and not compiled."""
        if self.flops_a_clip:
            yield
            return
        eager = torch.compiler.set_stance("force_eager") if self.compiled else nullcontext()
        with flop_counter() as counter, eager:
            yield
        self.flops_a_clip = counter.get_total_flops() / max(clips, 1)

    def report(self) -> dict[str, float | None]:
        """Numbers for JSON; the peak is measured now. {} where nothing was trained."""
        if not self.clips:
            return {}
        rate = self.clips / self.seconds
        peak = matmul_peak(self.device, self.bf16)
        return {
            "clips_per_s": round(rate, 2),
            "gflop_per_clip": round(self.flops_a_clip / 1e9, 3),
            "matmul_peak_gflops": round(peak / 1e9, 1),
            "share_of_matmul_peak": round(rate * self.flops_a_clip / peak, 4),
            "peak_memory_gb": peak_memory_gb(self.device),
        }


def matmul_peak(device: torch.device, bf16: bool, side: int = 0) -> float:
    """FLOP/s of a square matmul, measured here and now; in bf16 where training uses it."""
    side = side or SIDES[device.type]
    dtype = torch.bfloat16 if bf16 else torch.float32
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    out, best = torch.empty_like(a), float("inf")
    for _ in range(4):  # the first one warms up
        began = time.perf_counter()
        for _ in range(MATMULS):
            torch.matmul(a, b, out=out)
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return MATMULS * 2 * side**3 / best


def peak_memory_gb(device: torch.device) -> float | None:
    """Most memory so far: of the GPU, or of this process; None where the system does not say."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 1e9, 2)
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return round(getrusage(RUSAGE_SELF).ru_maxrss * unit / 1e9, 2)


def speed_line(report: dict[str, float | None]) -> str:
    """The report, for people."""
    share = 100 * (report["share_of_matmul_peak"] or 0)
    line = (
        f"{report['clips_per_s']} clips/s of training, {share:.1f} % of the matmul "
        f"peak measured here ({report['matmul_peak_gflops']} GFLOP/s)"
    )
    memory = report["peak_memory_gb"]
    return line if memory is None else f"{line}, peak memory {memory} GB"
