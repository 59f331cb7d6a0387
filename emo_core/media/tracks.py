"""Which picture and which sound of a file are its own; every other track is switched off."""

from dataclasses import dataclass
from typing import Any

from emo_core.media.limits import ClipError
from emo_core.media.packets import discard_others, use_one_thread

DRM_TAGS = {"encv", "enca", "drmi", "drms"}


@dataclass(frozen=True)
class Tracks:
    """The chosen picture and sound of an open file."""

    container: Any
    video: Any | None
    sound: Any | None

    @classmethod
    def choose(cls, container: Any, name: str) -> "Tracks":
        """Takes the best track of each kind; raises ClipError for one without a decoder."""
        video = _best(container, "video", None)
        sound = _best(container, "audio", video)
        discard_others(container, [video, sound])
        for kind, stream in (("picture", video), ("sound", sound)):
            if stream is None:
                continue
            if stream.codec_context is None:
                raise ClipError(
                    f"{name}: the {kind} track uses a codec without a decoder here; expected a "
                    "common one such as H.264 or AAC; convert the file to mp4."
                )
            use_one_thread(stream)
        return cls(container, video, sound)

    @property
    def present(self) -> list[Any]:
        return [stream for stream in (self.video, self.sound) if stream is not None]


def _best(container: Any, kind: str, related: Any | None) -> Any | None:
    """FFmpeg's best track of a kind; cover art and thumbnails are no picture track."""
    from av.stream import Disposition

    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    streams = [
        stream
        for stream in getattr(container.streams, kind)
        if not (kind == "video" and stream.disposition & still)
    ]
    decodable = [stream for stream in streams if stream.codec_context is not None]
    if not decodable:
        return streams[0] if streams else None
    best = container.streams.best(kind, related=related)
    if any(stream is best for stream in decodable):
        return best
    if kind == "audio":
        return decodable[0]
    return max(decodable, key=lambda it: it.codec_context.width * it.codec_context.height)


def is_encrypted(stream: Any, packets: list[Any]) -> bool:
    """Whether a track or one of its first packets is marked as copy-protected."""
    marks = ("encryption_info", "encryption_init_info")
    marked = any(packet.has_sidedata(mark) for packet in packets[:3] for mark in marks)
    return marked or _tag(stream) in DRM_TAGS or "enc_key_id" in stream.metadata


def _tag(stream: Any) -> str:
    try:
        return stream.codec_context.codec_tag
    except UnicodeDecodeError:  # damaged
        return ""
