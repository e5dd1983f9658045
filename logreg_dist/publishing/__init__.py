"""Writing outputs so that nothing is lost or half-written."""
