"""What everything that runs Spark needs: cancelling its jobs, and the words of its errors."""
