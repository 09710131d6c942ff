"""The proof of a configuration: a model run on photos, what looks wrong, which pre-processing fits, results to keep."""
