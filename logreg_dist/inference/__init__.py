"""From the information matrix to standard errors, tests and intervals. Arrays only."""
