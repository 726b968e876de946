"""All plots, as matplotlib figures made from plain numbers and images."""
