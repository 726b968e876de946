"""A trained network at work: loading it, scoring it, predicting with it."""
