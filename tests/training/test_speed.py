"""What a run says of its speed."""

import torch
from torch import nn

from emo_core.training.speed import (
    Speedometer,
    flop_counter,
    matmul_peak,
    peak_memory_gb,
    speed_line,
)

CPU = torch.device("cpu")


def test_clips_arithmetic_and_memory_are_counted():
    meter, layer = Speedometer(CPU, False), nn.Linear(8, 4)
    assert meter.report() == {}
    meter.start()
    for _ in range(2):
        with meter.counted(3):
            layer(torch.randn(3, 8)).sum().backward()
    meter.stop(6)
    assert meter.flops_a_clip == 2 * 8 * 4 * 2  # the input needs no gradient
    found = meter.report()
    assert found["clips_per_s"] > 0 and found["gflop_per_clip"] == 0
    assert 0 <= found["share_of_matmul_peak"] < 1 and found["matmul_peak_gflops"] > 0
    assert "clips/s of training" in speed_line(found) and "peak memory" in speed_line(found)


def test_counting_changes_no_number():
    torch.manual_seed(0)
    layer, x = nn.Conv2d(3, 4, 3), torch.randn(2, 3, 8, 8)
    meter = Speedometer(CPU, False)
    with meter.counted(2):
        counted = layer(x)
    assert torch.equal(counted, layer(x))


def test_the_peak_is_measured_in_either_precision():
    assert matmul_peak(CPU, False, 64) > 0 and matmul_peak(CPU, True, 64) > 0
    assert peak_memory_gb(CPU) > 0.05


def test_attention_on_the_processor_is_counted_in_both_passes():
    query = torch.randn(1, 2, 8, 4, requires_grad=True)
    with flop_counter() as counter:
        out = torch.nn.functional.scaled_dot_product_attention(query, query, query)
        forward = counter.get_total_flops()
        out.sum().backward()
    assert forward == 2 * 2 * (2 * 8 * 8 * 4)  # two products, two heads
    assert counter.get_total_flops() == forward * 3.5  # scores are computed again
