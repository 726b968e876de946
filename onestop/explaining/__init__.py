"""Explanations: heat maps of the evidence for a prediction."""
