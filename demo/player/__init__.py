"""The clip with its map, faces and track on one clock, on the page and in files."""
