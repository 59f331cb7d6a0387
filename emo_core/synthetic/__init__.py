"""Everything that makes clips: drawn groups, and collages of photographs and recordings."""
