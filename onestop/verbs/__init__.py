"""The verbs: one file, one public function and one command each. torch is imported when one runs."""

VERBS = {
    "train": "train a network on images, or resume a run",
    "evaluate": "score a trained model on held-out images",
    "predict": "predict what is in images",
    "explain": "show what a prediction is based on, as heat maps",
    "report": "write the report of a run, or compare several runs",
    "runs": "list the runs of a folder",
    "lint": "check a source of images for problems before training",
    "convert": "write annotations of objects in another format",
    "curve": "measure what more training images would bring",
    "info": "describe a data set, a model file or a network",
    "models": "list the networks that can be built",
}
"""Each verb's name (also that of its module and function) and what it does, in order of first use."""
