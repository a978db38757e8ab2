"""Speed and memory against a peer in the same run: `make bench` writes docs/PERFORMANCE.md."""
