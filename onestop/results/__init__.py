"""What the verbs return: a run, an evaluation, predictions, information.

torch is imported only when a model is loaded.
"""
