"""The assumptions of a logistic regression, one check each: from sums to what they say. Arrays only."""
