"""A labelled, scored table in; how good the scores are out, exactly and at any size."""
