"""Every picture that OneStop draws, as matplotlib figures made from plain numbers and images."""
