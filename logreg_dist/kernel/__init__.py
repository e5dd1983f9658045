"""A block of rows and a trial ``beta`` in, sums over the rows out. Arrays only."""
