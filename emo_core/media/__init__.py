"""The inside of `emo_core.clip`: one media file opened, probed, and decoded by time with PyAV.

Data flows container -> demux -> streams -> probe; then, for every call, video_decoder gives frames
and audio_decoder gives audio. `av` is imported inside functions, so that importing costs nothing
where nothing is decoded.
"""
