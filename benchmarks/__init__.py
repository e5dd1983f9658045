"""Cases, peers and one command that prints the tables: ``python -m benchmarks --help``."""
