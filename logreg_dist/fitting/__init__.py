"""The story of a fit: stage, learn, start, iterate, infer."""
