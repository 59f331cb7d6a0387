"""Promise `latency`: clip file to prediction, warm, against bare decoding + bare forward."""

import sys
import tempfile
from pathlib import Path

import av
import numpy as np
import torch

from benchmarks.common import make_clip, median_ms, report, shuffled_times
from emo_core.clip import load_clip
from emo_core.inference.predict import load_cached, predict
from emo_core.preprocess.batch import collate
from emo_core.preprocess.sample import decode_window, frame_times, to_sample

BOUND = 1.25


def bare_decode(path: str, moments: np.ndarray, rate: int) -> None:
    """The least code that reads the needed frames, scaled, and the sound, with PyAV."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        wanted = list(moments)
        for frame in container.decode(stream):
            if wanted and frame.time >= wanted[0] - 1 / 50:
                frame.reformat(96, 54, "rgb24").to_ndarray()
                wanted.pop(0)
    with av.open(path) as container:
        resampler = av.AudioResampler("flt", "mono", rate)
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                part.to_ndarray()


def main() -> int:
    torch.set_num_threads(2)
    checkpoint = load_cached()
    config = checkpoint.sample
    with tempfile.TemporaryDirectory() as folder:
        path = str(make_clip(Path(folder) / "clip.mp4"))
        clip = load_clip(path)
        batch = collate([to_sample(decode_window(clip, config, 0, 5.0), config)])
        moments = frame_times(config)

        def forward() -> None:
            with torch.inference_mode():
                checkpoint.model(batch)

        spent = shuffled_times(
            {
                "ours": lambda: predict(path),
                "decode": lambda: bare_decode(path, moments, config.mel.rate),
                "forward": forward,
            },
            rounds=25,
        )
    ours, decode, bare = (median_ms(spent[name]) for name in ("ours", "decode", "forward"))
    return report(
        "latency",
        ours / (decode + bare),
        BOUND,
        True,
        ours_ms=ours,
        bare_decode_ms=decode,
        bare_forward_ms=bare,
        model=checkpoint.name,
    )


if __name__ == "__main__":
    sys.exit(main())
