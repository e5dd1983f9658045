"""The jobs: configuration in, files and an exit code out."""
