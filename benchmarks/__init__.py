"""Measurements: promises of speed, and experiments on what is true."""
