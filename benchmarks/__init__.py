"""Speed and memory compared with other programs in the same run: `make bench` writes docs/PERFORMANCE.md."""
