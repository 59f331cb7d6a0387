"""Where faces are in the frames that a model sees."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from emo_core.clip import Clip, video_size
from emo_core.faces.tracking import Tracks, detection_size, eyes_of, largest, track_faces
from emo_core.preprocess.sample import Sample, SampleConfig, to_sample_points


@dataclass(frozen=True)
class FaceRegions:
    """Boxes of faces in a sample's frames."""

    boxes: Tensor  # (T, P, 4) left, top, right, bottom as shares of the sample's frame
    mask: Tensor  # (T, P) bool

    def area(self, height: int, width: int) -> Tensor:
        """Which pixels belong to a face, (T, H, W) bool."""
        inside = torch.zeros(len(self.boxes), height, width, dtype=torch.bool)
        size = torch.tensor([width, height, width, height])
        for frame, person in self.mask.nonzero().tolist():
            left, top, right, bottom = (self.boxes[frame, person] * size).round().int().tolist()
            inside[frame, max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
        return inside


def to_sample_frame(tracks: Tracks, size: tuple[int, int], config: SampleConfig) -> FaceRegions:
    """Boxes in shares of a clip's frame of `size` -> of the sample's padded or cropped frame."""
    shares = to_sample_points(tracks.boxes, size, config).clip(0, 1)
    return FaceRegions(torch.from_numpy(shares), torch.from_numpy(tracks.mask))


def refind_faces(sample: Sample) -> Sample:
    """The same window with the faces that a detector sees in its frames as they are now.

    For a sample whose faces are taken from the frames by the eyes.
    """
    assert sample.face_eyes is not None  # else faces were cut out before
    frames = sample.video.permute(0, 2, 3, 1).contiguous().numpy()
    tracks = largest(track_faces(frames), sample.face_mask.shape[1])
    eyes = torch.from_numpy(eyes_of(tracks, (frames.shape[2], frames.shape[1])))
    mask = torch.from_numpy(tracks.mask) & sample.video_mask.unsqueeze(-1)
    return replace(sample, face_eyes=eyes * mask.unsqueeze(-1), face_mask=mask)


def find_faces(clip: Clip, sample: Sample, config: SampleConfig) -> FaceRegions | None:
    """Look for faces in the clip at the moments of a sample; None where there are none."""
    if not (clip.has_video and bool(sample.video_mask.any())):
        return None
    width, height = video_size(clip)
    times_s = sample.start_s + sample.video_times_s.double().numpy()
    frames = clip.read_frames(times_s, detection_size((width, height)))
    tracks = track_faces(frames.pixels, frames.times_s)
    places = to_sample_frame(tracks, (width, height), config)
    places = FaceRegions(places.boxes, places.mask & sample.video_mask.unsqueeze(-1))
    return places if bool(places.mask.any()) else None
