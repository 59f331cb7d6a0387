"""What the project promises of speed and memory, each one ratio inside one run."""
