"""The one declaration of a run.

Every flag of `onestop train`, every argument of `onestop.train`, every line of a recipe file and
every row of `--print-recipe` is a field here; its type holds its limits, the text under it is its
help. A field whose default is None is *derived* from the data, the network and the other fields
(`onestop/training/defaults.py` says how and why); on the command line and in files the word `auto`
says the same. No import of torch: usage errors must be fast.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_type_hints

from annotated_types import Ge, Gt, Le, Lt

Natural = Annotated[int, Ge(0)]
Positive = Annotated[int, Gt(0)]
Rate = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Fraction = Annotated[float, Ge(0), Lt(1)]
Share = Annotated[float, Ge(0), Le(1)]

Augment = Literal["none", "flip", "crop", "flip-crop", "resized-crop"]
AutoAugment = Literal["none", "trivial", "rand"]
Balance = Literal["none", "loss"]
Cache = Literal["none", "memory", "disk"]
Fit = Literal["crop", "stretch", "pad"]
MemoryFormat = Literal["contiguous", "channels-last"]
Monitor = Literal["accuracy", "top5", "macro_f1", "loss", "mae"]
Normalize = Literal["none", "half", "dataset", "imagenet", "weights"]
Optimizer = Literal["sgd", "adam", "adamw", "rmsprop"]
Precision = Literal["fp32", "tf32", "bf16", "fp16"]
TestTimeAugmentation = Literal["none", "flip"]
Schedule = Literal["constant", "step", "cosine", "one-cycle"]
Track = Literal["none", "tensorboard", "mlflow", "wandb"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that a run depends on."""

    # --- the data ---
    source: str = "digits"
    """what to train on: `digits`, a torchvision set by name (mnist, cifar10, ...), a folder of
    classes, a folder with train/ val/ test/, or a CSV or Parquet table of paths and labels"""
    data_root: str | None = None
    """folder where sets known by name lie or are downloaded to (default: ONESTOP_DATA, else the
    user's cache folder)"""
    val_fraction: Fraction = 0.1
    """part of the training images held out, class by class, where the source has no validation
    split; 0 trains on all of them"""
    strict: bool = False
    """stop before the first step where a file of the source cannot be used, instead of leaving it out
    and naming it (reads every image once before)"""
    channels: Literal[1, 3, 4] | None = None
    """channels of an image as the network sees it: 1 grey, 3 colour, 4 colour and alpha"""
    image_size: Positive | None = None
    """height and width in pixels of an image as the network sees it"""
    fit: Fit = "crop"
    """how an image that is not square becomes square: cut out the middle, stretch, or pad"""
    normalize: Normalize | None = None
    """what is subtracted and divided by, a channel: nothing (pixels in [0,1]), one half, the mean
    and standard deviation of the training images, those of ImageNet, or those of the weights"""
    augment: Augment | None = None
    """random changes to training images: flip left-right, crop after padding, both, or a random part
    resized (with flip)"""
    crop_padding: Natural | None = None
    """pixels of black around an image before --augment crop and flip-crop cut its size out again"""
    auto_augment: AutoAugment = "none"
    """further random changes of many kinds to each training image: TrivialAugment (one of random
    size) or RandAugment (two of medium size)"""
    color_jitter: Share = 0.0
    """strength of random changes of brightness, contrast, saturation and hue; 0 is off"""
    erase: Share = 0.0
    """share of the training images in which a random rectangle is erased; 0 is off"""
    mixup: NonNegative = 0.0
    """alpha of MixUp: the images of a batch are added in pairs, in a proportion from Beta(alpha,
    alpha), and their targets too; 0 is off"""
    cutmix: NonNegative = 0.0
    """alpha of CutMix: the images of a batch get a rectangle of another one each; 0 is off; with
    --mixup each batch is mixed by one of the two"""

    # --- the network ---
    model: str | None = None
    """name of a network (`onestop models` lists them), or path/to/file.py:Class for your own; in
    Python also a torch.nn.Module, or a class that makes one"""
    weights: str = "none"
    """weights to start from: none (random), default (the best published), a published set by its
    name (IMAGENET1K_V1), a file, or a run"""
    freeze: str | None = None
    """part that does not learn: none, backbone (all but the head), or a number of first stages"""
    unfreeze_after: Natural | None = None
    """epochs after which the frozen part learns too; 0 is never"""
    views: Natural | None = None
    """augmented views of each image that a frozen backbone is run on, once, while the head alone
    learns; 0 runs it anew in every epoch"""
    backbone_lr_scale: Rate | None = None
    """learning rate of everything but the head, as a share of the head's"""
    layer_decay: Annotated[float, Gt(0), Le(1)] = 1.0
    """learning rate of each stage as a share of that of the stage after it"""

    # --- learning ---
    epochs: Positive | None = None
    """passes over the training images"""
    batch_size: Positive | None = None
    """images a step (split into parts by --accumulate)"""
    accumulate: Positive = 1
    """parts that a batch is computed in, to save memory; gradients are summed"""
    optimizer: Optimizer = "sgd"
    """rule that turns gradients into steps"""
    lr: Rate | None = None
    """learning rate at its highest"""
    momentum: Annotated[float, Ge(0), Lt(1)] | None = None
    """momentum of SGD and RMSprop"""
    nesterov: bool = False
    """Nesterov's momentum (SGD)"""
    weight_decay: NonNegative | None = None
    """weight decay, not applied to biases and normalisation layers"""
    decay_all: bool = False
    """apply weight decay to biases and normalisation layers too"""
    schedule: Schedule = "cosine"
    """course of the learning rate over the run"""
    step_epochs: Positive | None = None
    """epochs between two falls of the rate to a tenth (--schedule step)"""
    warmup_epochs: NonNegative | None = None
    """epochs over which the rate first rises from near zero"""
    clip_grad: NonNegative = 0.0
    """largest norm of the gradient; longer ones are shortened to it; 0 is off"""
    label_smoothing: Fraction = 0.0
    """part of each label spread over all classes"""
    balance: Balance = "none"
    """weigh the loss so that each class counts alike"""
    ema: Fraction | None = None
    """decay a step of a moving average of the weights, which is then what is scored and kept;
    0 is off"""
    tta: TestTimeAugmentation = "none"
    """test-time augmentation: with flip, whoever scores or predicts with the model shows it each
    image and its mirror image and takes the mean, for twice the work"""
    monitor: Monitor | None = None
    """validation figure that says which epoch was the best"""
    patience: Natural | None = None
    """stop after so many epochs without a better one; 0 is off"""

    # --- the machine ---
    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0
    """where all random numbers of the run come from"""
    device: str | None = None
    """cpu, cuda, cuda:1, mps"""
    precision: Precision | None = None
    """arithmetic of the network: 32 bits, on a GPU with products in TF32 (faster, three digits), or
    mixed with 16 bits"""
    memory_format: MemoryFormat | None = None
    """order of an image's numbers in memory: channel by channel, or all channels of a pixel
    together, which convolutions are often faster with"""
    compile: bool = False
    """have torch compile the network's steps (up to minutes at the start; try whether it pays)"""
    deterministic: bool = False
    """allow only algorithms that give the same bits each time (slower on a GPU)"""
    workers: Natural | None = None
    """threads that read images; they cannot change a result"""
    cache: Cache | None = None
    """where decoded training images are kept: nowhere (decoded in every epoch), in memory, or on the
    disk for later runs too (`onestop info --cache` shows them); derived to be memory up to 2 GiB, but
    none with --augment resized-crop, since there memory and disk keep images scaled down to 256/224
    of --image-size, which changes results"""
    threads: Positive | None = None
    """threads that compute; their number changes the last bits of a result"""
    track: Track = "none"
    """where the figures of the run are written too while it trains: events for TensorBoard in the run's
    folder, MLflow, or Weights & Biases; cannot change a result"""


# Other spellings that people bring from other tools; accepted wherever the right name is.
ALIASES = {
    "data": "source",
    "arch": "model",
    "aa": "auto_augment",
    "random_erase": "erase",
    "reprob": "erase",
    "mixup_alpha": "mixup",
    "cutmix_alpha": "cutmix",
    "b": "batch_size",
    "batch": "batch_size",
    "e": "epochs",
    "num_train_epochs": "epochs",
    "imgsz": "image_size",
    "img_size": "image_size",
    "j": "workers",
    "learning_rate": "lr",
    "lr0": "lr",
    "opt": "optimizer",
    "sched": "schedule",
    "lr_scheduler": "schedule",
    "smoothing": "label_smoothing",
    "wd": "weight_decay",
    "amp": "precision",
    "normalise": "normalize",
    "output": "out",
    "output_dir": "out",
    "project": "out",
    "config": "recipe",
    "c": "recipe",
}


FIELDS = tuple(field.name for field in dataclasses.fields(Recipe))


@functools.cache
def field_types() -> dict[str, Any]:
    """The type of each field of `Recipe`, with its limits."""
    return get_type_hints(Recipe, include_extras=True)


@functools.cache
def field_docs() -> dict[str, str]:
    """The text under each field of `Recipe`, on one line."""
    body = ast.parse(inspect.getsource(Recipe)).body[0]
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(text, ast.Expr)
            assert isinstance(text.value, ast.Constant)
            docs[field.target.id] = " ".join(str(text.value.value).split())
    return docs


def canonical(name: str) -> str:
    """The field that `name` means: dashes or underscores, or another tool's word for it."""
    plain = name.replace("-", "_")
    return ALIASES.get(plain, plain)
