"""Find faces in frames and follow them through a clip."""
