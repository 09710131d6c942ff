"""Inference back ends, one module a framework; each knows `aai.ports`, `aai.errors` and its own runtime."""
