"""A clip becomes a prediction."""
