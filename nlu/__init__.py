"""Chinese text -> `Meaning`: the pipeline, how it is trained and how it is evaluated."""

import os

# A sentence is a small matter: on shared cores, BLAS with several threads takes up to a hundred times as long over it.
# It is read when numpy is first imported, so it stands before everything else here.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
