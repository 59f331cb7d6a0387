"""The inside of `emo_core.clip`: one media file opened, surveyed, and decoded by time with PyAV.

Data flows opening -> tracks -> head -> picture, sound, timing -> survey; then, for every call,
player -> painter (with hdr) gives pictures and listening -> joiner gives sound. `av` is imported
inside functions, so that importing costs nothing where nothing is decoded.
"""
