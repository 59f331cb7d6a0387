"""Your own clips: a directory with a table of labels, or with one sub-folder a label."""
