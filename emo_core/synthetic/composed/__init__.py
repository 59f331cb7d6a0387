"""Clips composed of face photographs and voice recordings."""
