"""Drawn datasets: lesions, cells, meadows and people, for demos, tests and pretraining."""
