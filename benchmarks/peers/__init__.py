"""The tools that are compared, one file each; what they need is imported when they run."""

from __future__ import annotations

from benchmarks.peers import (
    glum_glm,
    h2o_glm,
    kernel,
    mllib_glr,
    mllib_lr,
    ours,
    r_glm,
    sklearn_logistic,
    statsmodels_logit,
)

_ALL = (
    ours.PEER,
    ours.AT_GAP,
    kernel.PEER,
    mllib_lr.PEER,
    mllib_glr.PEER,
    h2o_glm.PEER,
    glum_glm.PEER,
    sklearn_logistic.NEWTON,
    sklearn_logistic.LBFGS,
    statsmodels_logit.PEER,
    r_glm.PEER,
)
PEERS = {peer.name: peer for peer in _ALL}
