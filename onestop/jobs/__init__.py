"""A training job in its folder."""
