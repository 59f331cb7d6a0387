"""The course's diagrams: one drawing style, and what is drawn of inputs, networks and practice."""
