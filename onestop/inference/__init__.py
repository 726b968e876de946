"""Inference: loading a trained network, scoring it, predicting with it."""
