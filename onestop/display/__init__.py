"""Output for people: progress during a run, tables afterwards."""
