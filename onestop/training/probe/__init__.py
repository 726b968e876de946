"""A linear head fitted to the frozen features of a pretrained network: the first model of a run."""
