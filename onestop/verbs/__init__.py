"""The verbs: one file, one public function, one command each. No import of torch until one works."""

VERBS = {
    "train": "train a network on images, or go on with a run",
    "evaluate": "score a trained model on held-out images",
    "predict": "say what is in images",
    "explain": "show why the network said so: heat maps",
    "runs": "list the runs of a folder",
    "lint": "look for what is wrong with a source of images, before training",
    "info": "what is in a data set, a model file or a network",
    "models": "list the networks that can be built",
}
"""Each verb's name (also of its module and function) and what it does, in the order of a first use."""
