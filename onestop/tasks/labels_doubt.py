"""Images with several labels each, some of which look wrong.

Legend: N images, L labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from onestop.metrics.confident_learning import Floats, doubtful_flags
from onestop.tasks.doubt import Doubt


def doubts_of(
    probabilities: Floats, truth: NDArray[np.bool_], names: Sequence[str], separator: str
) -> list[Doubt]:
    """One per image with a doubtful label, the most doubtful first; its score is that of the worst.

    Args:
        probabilities: Of a model that has not seen the images, [N, L].
        truth: Whether they have the labels, [N, L].
        names: Of the labels.
        separator: Between those of an image.
    """
    doubtful, improbable = doubtful_flags(probabilities, truth)
    places = np.flatnonzero(doubtful.any(1))
    worst = improbable[places].max(1, initial=0.0)

    def text(has: NDArray[np.bool_]) -> str:
        return separator.join(names[k] for k in np.flatnonzero(has).tolist())

    return [
        Doubt(place, text(truth[place]), text(truth[place] ^ doubtful[place]), by)
        for by, place in sorted(
            zip(worst.tolist(), places.tolist(), strict=True), key=lambda pair: -pair[0]
        )
    ]
