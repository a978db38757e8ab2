"""Memory and speed of the full-size models, measured on a GPU: `python -m benchmarks.gpu`."""
