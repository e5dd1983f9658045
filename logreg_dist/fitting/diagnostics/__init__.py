"""What a finished fit is asked on its staged rows: robust covariances, profiles, effects, checks of assumptions."""
