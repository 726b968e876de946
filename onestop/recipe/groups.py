"""The one declaration of a run's settings, in six groups.

Every flag of `onestop train`, every argument of `onestop.train`, every line of a recipe file and
every row of `--print-recipe` is a field here. Its type holds its limits, the text under it is its
help, and markers in its type state when it applies (`onestop/recipe/markers.py`). Names are unique
across groups. A `derived()` field follows from the data, the network and the other fields unless it
is set (`onestop/training/defaults.py` has the rules and their reasons); `auto` on the command line
and in files asks for that explicitly. torch is not imported: usage errors must be fast.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BeforeValidator

from onestop.images.pixel_range import canonical
from onestop.recipe.durations import seconds_of
from onestop.recipe.markers import ON, For, Free, Not, Since, With, derived
from onestop.recipe.ranges import HUGE

Natural = Annotated[int, Ge(0), Le(HUGE)]
Positive = Annotated[int, Gt(0), Le(HUGE)]
Rate = Annotated[float, Gt(0), Le(HUGE)]
NonNegative = Annotated[float, Ge(0), Le(HUGE)]
Fraction = Annotated[float, Ge(0), Lt(1)]
Share = Annotated[float, Ge(0), Le(1)]
Seconds = Annotated[float, BeforeValidator(seconds_of), Ge(0), Le(HUGE)]
RangeText = Annotated[str, BeforeValidator(canonical)]
Pixels = Annotated[int, Le(2**14)]
CropFraction = Annotated[float, Ge(0.01), Le(1)]
Threads = Annotated[int, Le(1024)]

Augment = Literal["none", "flip", "crop", "flip-crop", "resized-crop"]
AutoAugment = Literal["none", "trivial", "rand"]
Balance = Literal["none", "loss"]
Cache = Literal["none", "memory", "disk"]
Fit = Literal["crop", "stretch", "pad"]
MemoryFormat = Literal["contiguous", "channels-last"]
Normalize = Literal["none", "half", "dataset", "imagenet", "weights"]
Optimizer = Literal["sgd", "adam", "adamw", "rmsprop"]
Probe = Literal["none", "fit", "choose"]
Precision = Literal["fp32", "tf32", "bf16", "fp16"]
TestTimeAugmentation = Literal["none", "flip"]
Schedule = Literal["constant", "step", "cosine", "one-cycle"]
Track = Literal["none", "tensorboard", "mlflow", "wandb"]


@dataclass(frozen=True, kw_only=True)
class Data:
    """Data: what to train on, and how images are prepared."""

    source: str = "digits"
    """what to train on: `digits`, a torchvision data set by name (mnist, cifar10, ...), a folder of
    classes, a folder with train/ val/ test/, or a CSV or Parquet table of paths and labels"""
    data_root: Annotated[str | None, Free] = None
    """folder of the data sets known by name; missing ones are downloaded to it (default:
    ONESTOP_DATA, else the user's cache folder)"""
    val_fraction: Fraction = 0.1
    """fraction of the training images held out for validation, class by class, if the source has no
    validation split; 0 trains on all of them"""
    task: Annotated[str | None, Since(None)] = None
    """what is learned from the labels: classification (one class per image), regression (a number) or
    multilabel (any number of labels) (default: as the source has them)"""
    path_column: Annotated[str | None, Since(None)] = None
    """column of a table that names the images (default: path, image, filename or the like)"""
    label_column: Annotated[str | None, Since(None)] = None
    """column of a table that holds the labels (default: label, target, class, or the only one left)"""
    image_root: Annotated[str | None, Since(None)] = None
    """folder in which the names in a table start (default: that of the table)"""
    suffix: Annotated[str | None, Since(None)] = None
    """suffix that the names in a table lack, such as .jpg (default: none)"""
    literal_labels: Annotated[bool, Since(True)] = False
    """take words that usually mean a missing label (NA, None, NaN, ?) as names like others"""
    strict: Annotated[bool, Free] = False
    """read every image first and stop if any file is unusable, instead of skipping it"""
    channels: Annotated[Literal[1, 3, 4], For(images=True)] = derived()
    """channels of the network's input: 1 (greyscale), 3 (RGB) or 4 (RGB and alpha)"""
    image_size: Annotated[Pixels, Gt(0), For(images=True)] = derived()
    """height and width of the network's input in pixels"""
    fit: Annotated[Fit, For(images=True)] = derived()
    """how an image becomes square: crop the centre, stretch, or pad"""
    crop_fraction: Annotated[
        CropFraction | None, For(images=True), With(fit="crop"), Since(None)
    ] = None
    """part of the shorter side that the centre crop keeps; 1 keeps all of it (default: as the weights
    expect, else 0.875 for photographs and 1 for small images)"""
    pixel_range: Annotated[RangeText, For(images=True), Since("image")] = derived()
    """LO,HI: the values that become black and white in images of more than 8 bits (16 bits, floats);
    derived from all of them in the training split. full: the full scale of their type"""
    normalize: Normalize = derived()
    """mean and standard deviation that normalise each channel: none (pixels stay in [0, 1]), half
    (0.5 and 0.5), dataset (of the training images), imagenet, or weights (as the pretrained weights
    expect)"""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Augmentation: random changes to training images."""

    augment: Annotated[Augment, For(images=True)] = derived()
    """random flips and crops of training images: flip (left-right), crop (after padding), flip-crop
    (both), or resized-crop (a random part, resized and flipped)"""
    crop_padding: Annotated[
        Pixels, Ge(0), For(images=True), With(augment=("crop", "flip-crop"))
    ] = derived()
    """black pixels added on each side of an image before it is cropped"""
    auto_augment: Annotated[AutoAugment, For(images=True, whole=True)] = "none"
    """augmentation policy for training images: trivial (TrivialAugment, one operation of random
    strength) or rand (RandAugment, two of medium strength)"""
    color_jitter: Annotated[Share, For(images=True)] = 0.0
    """strength of random changes of brightness, contrast, saturation and hue; 0 is off"""
    erase: Annotated[Share, For(images=True)] = 0.0
    """fraction of the training images in which a random rectangle is erased; 0 is off"""
    zoom: Annotated[float, Ge(0), Le(3), For(images=True, objects=True), Since(0.0)] = 0.0
    """how much larger or smaller training images are shown at random, around one of their objects: 0.5
    is from two thirds to one and a half times; 0 is off"""
    mixup: Annotated[NonNegative, For(images=True, shares=True)] = derived()
    """alpha of MixUp, which blends pairs of images and their targets in a ratio drawn from
    Beta(alpha, alpha); 0 is off"""
    cutmix: Annotated[NonNegative, For(images=True, shares=True)] = 0.0
    """alpha of CutMix, which pastes a rectangle of another image into each image and mixes their
    targets; with --mixup, each batch uses one of the two; 0 is off"""


@dataclass(frozen=True, kw_only=True)
class Network:
    """Network: its weights, and which of them are trained."""

    model: str = derived()
    """name of a network (`onestop models` lists them), or path/to/file.py:Class for your own; in
    Python also a torch.nn.Module or its class"""
    weights: str = derived()
    """initial weights: none (random), default (the best published), the name of published weights
    (IMAGENET1K_V1), a file, or a run; derived: published ones for photographs"""
    weights_digest: Annotated[str, Not(weights="none"), Since("unknown")] = "none"
    """hash of the initial weights, which a run records; a run from other ones is refused"""
    probe: Annotated[Probe, For(images=True, whole=True), Not(weights="none"), Since("none")] = (
        derived()
    )
    """first fit the head to the frozen features of pretrained weights, a usable model after one pass
    over the images, from which training continues: fit, choose (also among a few image sizes and
    crops, by cross-validation), or none"""
    freeze: str = derived()
    """part that is not trained: none, backbone (all but the head), or the first N or half of the
    stages"""
    unfreeze_after: Annotated[Natural, Not(freeze="none")] = derived()
    """epochs after which the frozen part is trained too; 0 is never"""
    cached_augmentations: Annotated[
        Natural,
        For(whole=True),
        With(freeze="backbone"),
        Not(mixup=ON),
        Not(cutmix=ON),
        Not(tta="flip"),
    ] = derived()
    """augmented versions of each image whose backbone features are cached while only the head is
    trained; 0 disables the cache"""
    backbone_lr_scale: Annotated[Rate, Not(freeze="backbone", unfreeze_after=0)] = derived()
    """learning rate of everything but the head, relative to the head's"""
    layer_decay: Annotated[float, Gt(0), Le(1)] = derived()
    """learning rate of each stage, relative to the next stage's"""


@dataclass(frozen=True, kw_only=True)
class Optim:
    """Optimization: how the weights are trained."""

    epochs: Annotated[Natural, Le(10**6), Free] = derived()
    """passes over the training images; 0, with a probe, keeps the probe"""
    time_budget: Annotated[Seconds, Since(0.0)] = 0.0
    """time that the run may take, such as 90s, 10m or 1h30m: epochs, and the network and the image
    size where they are free, are chosen to fit; 0 is no limit"""
    batch_size: Positive = derived()
    """images per step"""
    accumulate: Annotated[Positive, For(whole=True)] = 1
    """compute each batch in this many parts, to save memory"""
    optimizer: Optimizer = derived()
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
    """learning rate schedule"""
    step_epochs: Annotated[Positive, With(schedule="step")] = derived()
    """epochs between drops of the learning rate to a tenth"""
    warmup_epochs: NonNegative = derived()
    """epochs over which the learning rate first rises from near zero"""
    clip_grad: NonNegative = derived()
    """maximum norm of the gradient; larger ones are scaled down; 0 is off"""
    label_smoothing: Annotated[Fraction, For(shares=True)] = derived()
    """fraction of each label that is spread over all classes"""
    balance: Annotated[Balance, For(shares=True)] = "none"
    """loss: weight classes inversely to their number of images, so that all count equally"""
    ema: Fraction = derived()
    """decay per step of a moving average of the weights, which is evaluated and saved in
    their place; 0 is off"""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Evaluation: how epochs are scored and compared."""

    tta: Annotated[TestTimeAugmentation, For(images=True, whole=True)] = "none"
    """test-time augmentation: flip averages the outputs for an image and its mirror image; doubles
    the cost of evaluation and prediction"""
    monitor: str = derived()
    """validation metric that decides which epoch is best, such as accuracy or loss"""
    patience: Annotated[Natural, Free] = derived()
    """stop after this many epochs without improvement; 0 is off"""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Machine: where and how the run computes."""

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
    compile: Annotated[
        bool, For(whole=True), Not(freeze="backbone", unfreeze_after=0, cached_augmentations=ON)
    ] = False
    """compile training steps with torch.compile; may take minutes at the start"""
    deterministic: bool = False
    """use only deterministic algorithms, for bit-identical results; slower on a GPU"""
    workers: Annotated[Threads, Ge(0), Free] = derived()
    """threads that read images; does not affect results"""
    cache: Annotated[Cache, For(images=True)] = derived()
    """where decoded training images are stored: none (decode them in every epoch), memory, or disk
    (for later runs too); affects results only with --augment resized-crop (stored smaller)"""
    threads: Annotated[Threads, Gt(0)] = derived()
    """threads that compute; affects the last bits of results"""
    track: Annotated[Track, Free, Since("none")] = "none"
    """experiment tracker to send metrics to: tensorboard (files in the run's folder), mlflow, or
    wandb; does not affect results"""


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
