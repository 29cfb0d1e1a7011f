"""What the benchmarks share: records of their runs, and pictures of them."""
