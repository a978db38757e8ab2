"""What only a GPU can tell: memory and speed of the full-size model. `python -m benchmarks.gpu` where one is."""
