from __future__ import annotations

from torchvision.models import list_models
from torchvision.models.detection import __name__ as detection

from onestop.networks.detectors.table import LOSSES, TABLE


def test_all_of_torchvisions_are_there() -> None:
    import torchvision

    assert set(TABLE) == set(list_models(torchvision.models.detection))
    assert detection.endswith("detection")


def test_published_figures() -> None:
    """Average precision and parameters stand in torchvision's own metadata."""
    from torchvision.models import get_model_weights

    for name, row in TABLE.items():
        meta = get_model_weights(name).DEFAULT.meta
        assert row.entry.ap == meta["_metrics"]["COCO-val2017"]["box_map"]
        assert row.entry.parameters == meta["num_params"]
    assert len(set(LOSSES.values())) == 7
