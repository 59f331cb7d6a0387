"""Promise `latency`: clip file to prediction, warm, against bare decoding, face finding, forward.

A drawn clip with faces, 5 s; processor time of one thread, so that other programs do not count.
"""

import sys
import time
from pathlib import Path

import av
import numpy as np
import torch

from benchmarks.common import median_ms, report, shuffled_times
from emo_core.clip import load_clip, video_size
from emo_core.faces.detection import face_detector
from emo_core.inference.predict import load_cached, predict
from emo_core.preprocess.batch import collate
from emo_core.preprocess.sample import decode_window, frame_times, read_size, to_sample

BOUND = 1.25
CLIP = Path(__file__).resolve().parents[2] / "assets" / "examples" / "both_positive.mp4"


def bare_decode(path: str, moments: np.ndarray, rate: int, size: tuple[int, int]) -> None:
    """The least code that reads the needed frames, scaled, and the sound, with PyAV."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        wanted = list(moments)
        for frame in container.decode(stream):
            if wanted and frame.time >= wanted[0] - 1 / 50:
                frame.reformat(*size, "rgb24").to_ndarray()
                wanted.pop(0)
    with av.open(path) as container:
        resampler = av.AudioResampler("flt", "mono", rate)
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                part.to_ndarray()


def main() -> int:
    torch.set_num_threads(1)
    checkpoint, path = load_cached(), str(CLIP)
    config = checkpoint.sample
    clip = load_clip(path)
    batch = collate([to_sample(decode_window(clip, config, 0, 5.0), config)])
    moments, size = frame_times(config), read_size(video_size(clip), config)
    searched = clip.read_frames(moments, size).pixels[:: config.face_every]
    detector = face_detector()

    def find_faces() -> None:
        if config.people:
            for frame in searched:
                detector(frame)

    def forward() -> None:
        with torch.inference_mode():
            checkpoint.model(batch)

    spent = shuffled_times(
        {
            "ours": lambda: predict(path),
            "decode": lambda: bare_decode(path, moments, config.mel.rate, size),
            "faces": find_faces,
            "forward": forward,
        },
        rounds=25,
        clock=time.process_time,
    )
    names = ("ours", "decode", "faces", "forward")
    ours, decode, faces, bare = (median_ms(spent[name]) for name in names)
    return report(
        "latency",
        ours / (decode + faces + bare),
        BOUND,
        True,
        ours_ms=ours,
        bare_decode_ms=decode,
        bare_faces_ms=faces,
        bare_forward_ms=bare,
        model=checkpoint.name,
    )


if __name__ == "__main__":
    sys.exit(main())
