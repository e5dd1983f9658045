"""What people read: the summary of a model, the progress of a job, its closing words."""
