"""From sums to estimates: Newton's method on the driver. Arrays only; a pass is a function."""
