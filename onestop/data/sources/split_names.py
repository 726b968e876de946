"""Names that mean a split, as folders and tables have them: train, Validation, test_set, val2017, ...

>>> split_of("Validation"), split_in("seg_train"), split_in("train2017"), split_in("strainer")
('val', 'train', 'train', None)
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


SPLITS = ("train", "val", "test")
"""The splits, in their order."""
_WORDS = {
    word: split
    for split, words in {
        "train": "train training trn trainval",
        "val": "val valid validation validate validating vali dev devel development eval evaluation",
        "test": "test testing tst tests holdout heldout",
    }.items()
    for word in words.split()
}
_GLUED = re.compile(
    r"(train(?:ing)?|trn|test(?:ing)?|tst|val(?:id(?:ation)?)?|dev|holdout)"
    r"(?:s?(?:sets?|data|dataset|images?|imgs?|img|pics?|photos?|files?|folder|dir|split|samples?))"
)
_NEUTRAL = words(
    "set sets data dataset datasets database db image images img imgs pic pics picture pictures "
    "photo photos file files folder dir directory split splits sample samples subset the final "
    "all jpg jpeg png resized small large"
)
"""Words beside a split's that say nothing of their own."""
IMAGES = words(
    "image images img imgs pic pics picture pictures photo photos jpegimages raw original "
    "originals jpg jpeg png rgb"
)
"""Words that mean just images."""
ANNOTATIONS = words(
    "mask masks label labels annotation annotations annot annots annotated seg segmentation "
    "segmentations segmented gt groundtruth truth bbox "
    "bboxes box boxes xml xmls json labeltxt trimap trimaps edges depth"
)
"""Words that mean pictures or files about other images."""
UNLABELLED = words(
    "unlabeled unlabelled unknown unsorted predict pred prediction predictions inference "
    "submission none extra all"
)
"""Words that mean images without a class."""


def tokens_of(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case: cut at signs, digits and capitals.

    >>> tokens_of("ChestXRay_Train2017"), tokens_of("hold-out")
    (('chest', 'x', 'ray', 'train', '2017'), ('holdout',))
    """
    text = unicodedata.normalize("NFC", name)
    text = re.sub(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])", " ", text)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text).casefold()
    joined = re.sub(r"(?<![^\W_])(hold|held)[\W_]*out(?![^\W_])", "holdout", text)
    joined = re.sub(r"(?<![^\W_])ground[\W_]*truth(?![^\W_])", "groundtruth", joined)
    return tuple(re.findall(r"[^\W_]+", joined))


def split_of(name: str) -> str | None:
    """The split that a name means by itself: `train`, `Valid`, `TEST`, `trainset`; else None."""
    tokens = tokens_of(name)
    return _split_of_token(tokens[0]) if len(tokens) == 1 else None


def split_in(name: str) -> str | None:
    """The split that one of a name's words means: `training_set`, `val2017`; None if none or several.

    A name with train and val in it is for training (`trainval`); one that is about annotations
    (`train_masks`) is no split.
    """
    tokens = tokens_of(name)
    if ANNOTATIONS.intersection(tokens) - {"seg"}:
        return None
    splits = {split for token in tokens if (split := _split_of_token(token))}
    if splits == {"train", "val"}:
        return "train"
    return splits.pop() if len(splits) == 1 else None


def rest_of(name: str) -> tuple[str, ...]:
    """The words of a name that mean neither a split nor nothing: ('seg',) of `seg_train_images`."""
    return tuple(
        token
        for token in tokens_of(name)
        if token not in _NEUTRAL and not token.isdecimal() and not _split_of_token(token)
    )


def are_all_splits(values: Iterable[str]) -> bool:
    """Whether every one of some values means a split by itself, and one at least is there."""
    values = list(values)
    return bool(values) and all(map(split_of, values))


def _split_of_token(token: str) -> str | None:
    glued = _GLUED.fullmatch(token)
    return _WORDS.get(glued[1] if glued else token)
