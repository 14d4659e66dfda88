"""Features to genres: sums, per-genre least squares, folds, metrics and the portable model. NumPy in and out.

Nothing is imported here: `published` serves a command line that must start at once, and the rest pulls in SciPy.
"""
