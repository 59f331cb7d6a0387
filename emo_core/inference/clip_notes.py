"""What a person should know of the file that a prediction was made of."""

import numpy as np

from emo_core.clip import Clip
from emo_core.preprocess.sample import Sample

SILENCE = 1e-3  # peak of a [-1, 1] wave; -60 dB is inaudible
LISTEN_S = 1.0  # around the loudest moment
LISTEN_RATE = 8_000  # Hz


def clip_notes(clip: Clip, samples: list[Sample]) -> list[str]:
    """Sentences on tracks that are missing, can't be used or are silent."""
    notes = list(clip.notes)
    if not clip.has_audio:
        notes.append("The clip has no sound: the answer rests on the picture alone.")
    if not clip.has_video:
        notes.append("The clip has no picture: the answer rests on the sound alone.")
    if clip.timestamps_reset:
        notes.append(
            "The clip's clock jumps back, as where recordings were joined: what follows was left "
            "out."
        )
    return notes + (audio_notes(clip, samples) if clip.has_audio else [])


def audio_notes(clip: Clip, samples: list[Sample]) -> list[str]:
    """Sentences on sound that is silent, or whose channels cancel each other out."""
    middle_s = _loudest_s(samples)
    start_s = max(middle_s - LISTEN_S / 2, 0.0)
    end_s = start_s + LISTEN_S
    if not np.abs(clip.audio(LISTEN_RATE, start_s, end_s)).max(initial=0.0) > SILENCE:
        return ["The sound track is silent: the answer rests on the picture."]
    channel = clip.lone_channel(start_s, end_s) if (clip.channels or 1) > 1 else None
    if channel is None:
        return []
    return [
        f"The sound's {clip.channels} channels cancel each other out when mixed: channel "
        f"{channel + 1} was heard alone."
    ]


def _loudest_s(samples: list[Sample]) -> float:
    """Seconds of the clip at which the loudest frame of sound stands."""
    loudest = max(samples, key=lambda sample: float(sample.mel.max()))
    place = int(loudest.mel.max(1).values.argmax())
    return loudest.start_s + float(loudest.mel_times_s[place])
