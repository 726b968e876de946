"""The one declaration of a run, in six groups.

Every flag of `onestop train`, every argument of `onestop.train`, every line of a recipe file and
every row of `--print-recipe` is a field here; its type holds its limits, the text under it is its
help, and markers in its type say when it counts (`onestop/recipe/markers.py`). Names are unique over
all groups. A field that is `derived()` follows from the data, the network and the other fields
(`onestop/training/defaults.py` says how and why) unless somebody sets it; on the command line and in
files the word `auto` asks for the same. No import of torch: usage errors must be fast.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt

from onestop.recipe.markers import ON, For, Free, Not, Since, With, derived

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
Normalize = Literal["none", "half", "dataset", "imagenet", "weights"]
Optimizer = Literal["sgd", "adam", "adamw", "rmsprop"]
Precision = Literal["fp32", "tf32", "bf16", "fp16"]
TestTimeAugmentation = Literal["none", "flip"]
Schedule = Literal["constant", "step", "cosine", "one-cycle"]
Track = Literal["none", "tensorboard", "mlflow", "wandb"]


@dataclass(frozen=True, kw_only=True)
class Data:
    """Data: what to train on, and how an image is prepared."""

    source: str = "digits"
    """what to train on: `digits`, a torchvision data set by name (mnist, cifar10, ...), a folder of
    classes, a folder with train/ val/ test/, or a CSV or Parquet table of paths and labels"""
    data_root: Annotated[str | None, Free] = None
    """folder of the data sets known by name, where missing ones are downloaded to (default:
    ONESTOP_DATA, else the user's cache folder)"""
    val_fraction: Fraction = 0.1
    """fraction of the training images held out for validation, class by class, if the source has no
    validation split; 0 trains on all of them"""
    strict: Annotated[bool, Free] = False
    """stop before the first step if any file of the source is unusable, instead of skipping it; reads
    every image first"""
    channels: Annotated[Literal[1, 3, 4], For(images=True)] = derived()
    """channels of the network's input: 1 greyscale, 3 RGB, 4 RGB and alpha"""
    image_size: Annotated[Positive, For(images=True)] = derived()
    """height and width of the network's input in pixels"""
    fit: Annotated[Fit, For(images=True)] = "crop"
    """how an image becomes square: crop the centre, stretch, or pad"""
    normalize: Normalize = derived()
    """mean and standard deviation to normalise each channel with: none (pixels stay in [0, 1]), half
    (0.5 and 0.5), dataset (of the training images), imagenet, or weights (as the pretrained weights
    expect)"""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Augmentation: random changes to training images."""

    augment: Annotated[Augment, For(images=True)] = derived()
    """random flips and crops of training images: flip left-right, crop after padding, flip-crop for
    both, or resized-crop for a random part, resized and flipped"""
    crop_padding: Annotated[Natural, For(images=True), With(augment=("crop", "flip-crop"))] = (
        derived()
    )
    """black pixels added on each side of an image before it is cropped"""
    auto_augment: Annotated[AutoAugment, For(images=True)] = "none"
    """random changes of many kinds to each training image: trivial for TrivialAugment (one change of
    random strength), rand for RandAugment (two of medium strength)"""
    color_jitter: Annotated[Share, For(images=True)] = 0.0
    """strength of random changes of brightness, contrast, saturation and hue; 0 is off"""
    erase: Annotated[Share, For(images=True)] = 0.0
    """fraction of the training images in which a random rectangle is erased; 0 is off"""
    mixup: Annotated[NonNegative, For(images=True, shares=True)] = 0.0
    """alpha of MixUp, which blends pairs of images and their targets, in a proportion drawn from
    Beta(alpha, alpha); 0 is off"""
    cutmix: Annotated[NonNegative, For(images=True, shares=True)] = 0.0
    """alpha of CutMix, which pastes a rectangle of another image into each image and mixes their
    targets; with --mixup, each batch gets one of the two; 0 is off"""


@dataclass(frozen=True, kw_only=True)
class Network:
    """Network: its weights, and which of them are trained."""

    model: str = derived()
    """name of a network (`onestop models` lists them), or path/to/file.py:Class for your own; in
    Python also a torch.nn.Module, or a class that makes one"""
    weights: str = "none"
    """initial weights: none (random), default (the best published), a published set by its name
    (IMAGENET1K_V1), a file, or a run"""
    freeze: str = derived()
    """part that is not trained: none, backbone (all but the head), or a number of first stages"""
    unfreeze_after: Annotated[Natural, Not(freeze="none")] = derived()
    """epochs after which the frozen part is trained too; 0 is never"""
    cached_augmentations: Annotated[
        Natural, With(freeze="backbone"), Not(mixup=ON), Not(cutmix=ON), Not(tta="flip")
    ] = derived()
    """augmented versions of each image whose backbone features are cached while only the head is
    trained; 0 disables the cache"""
    backbone_lr_scale: Annotated[Rate, Not(freeze="backbone", unfreeze_after=0)] = derived()
    """learning rate of everything but the head, relative to the head's"""
    layer_decay: Annotated[float, Gt(0), Le(1)] = 1.0
    """learning rate of each stage, relative to that of the next one"""


@dataclass(frozen=True, kw_only=True)
class Optim:
    """Optimization: how the weights are trained."""

    epochs: Annotated[Positive, Free] = derived()
    """passes over the training images"""
    batch_size: Positive = derived()
    """images per step"""
    accumulate: Positive = 1
    """parts in which each batch is computed, one after the other, to save memory"""
    optimizer: Optimizer = "sgd"
    """optimization algorithm"""
    lr: Rate = derived()
    """peak learning rate"""
    momentum: Annotated[float, Ge(0), Lt(1), With(optimizer=("sgd", "rmsprop"))] = derived()
    """momentum of the optimizer"""
    nesterov: Annotated[bool, With(optimizer="sgd")] = False
    """use Nesterov momentum"""
    weight_decay: NonNegative = derived()
    """weight decay, not applied to biases and normalisation layers"""
    decay_all: Annotated[bool, Not(weight_decay=0)] = False
    """apply weight decay to biases and normalisation layers too"""
    schedule: Schedule = "cosine"
    """course of the learning rate over the run"""
    step_epochs: Annotated[Positive, With(schedule="step")] = derived()
    """epochs between two drops of the learning rate to a tenth"""
    warmup_epochs: NonNegative = derived()
    """epochs over which the learning rate first rises from near zero"""
    clip_grad: NonNegative = 0.0
    """largest norm of the gradient; larger ones are scaled down to it; 0 is off"""
    label_smoothing: Annotated[Fraction, For(shares=True)] = 0.0
    """fraction of each label that is spread over all classes"""
    balance: Annotated[Balance, For(shares=True)] = "none"
    """loss weights classes inversely to their number of images, so that all count equally"""
    ema: Fraction = derived()
    """decay per step of a moving average of the weights, which is then evaluated and saved in their
    place; 0 is off"""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Evaluation: how epochs are scored and compared."""

    tta: Annotated[TestTimeAugmentation, For(images=True)] = "none"
    """test-time augmentation: flip averages the outputs for an image and its mirror image; doubles
    the cost of evaluation and prediction"""
    monitor: str = derived()
    """validation metric that decides which epoch is the best, such as accuracy or loss"""
    patience: Annotated[Natural, Free] = derived()
    """stop after this many epochs without improvement; 0 is off"""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Machine: where the run computes, and how."""

    seed: Annotated[int, Ge(0), Le(2**32 - 1)] = 0
    """seed of all random numbers of the run"""
    device: str = derived()
    """device to compute on: cpu, cuda, cuda:1, mps"""
    precision: Precision = derived()
    """arithmetic of the network: fp32, tf32 (faster on NVIDIA GPUs, to three digits), or mixed
    precision with bf16 or fp16"""
    memory_format: MemoryFormat = derived()
    """memory layout of images: contiguous (NCHW), or channels-last (NHWC), which is often faster for
    convolutions"""
    compile: Annotated[bool, Not(freeze="backbone", unfreeze_after=0, cached_augmentations=ON)] = (
        False
    )
    """compile the training steps with torch.compile; takes up to minutes at the start"""
    deterministic: bool = False
    """use only deterministic algorithms, for the same bits each time; slower on a GPU"""
    workers: Annotated[Natural, Free] = derived()
    """threads that read images; does not affect results"""
    cache: Annotated[Cache, For(images=True)] = derived()
    """where decoded training images are kept: none (decoded in every epoch), memory, or disk (for
    later runs too); affects results only with --augment resized-crop, where kept images are smaller"""
    threads: Positive = derived()
    """threads that compute; affects the last bits of results"""
    track: Annotated[Track, Free, Since("none")] = "none"
    """experiment tracker that receives the metrics too: tensorboard (files in the run's folder),
    mlflow, or wandb; does not affect results"""


GROUPS: dict[str, type[Any]] = {
    "data": Data,
    "augmentation": Augmentation,
    "network": Network,
    "optim": Optim,
    "evaluation": Evaluation,
    "machine": Machine,
}
"""The groups by their name in `Recipe`, in the order of recipe files."""
GROUP_OF = {field.name: name for name, kind in GROUPS.items() for field in fields(kind)}
"""The group of each field."""
