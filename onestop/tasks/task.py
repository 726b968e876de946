"""What a task is: five functions, its metrics, and a few hooks.

A new task is a new file beside this one and a line in `onestop.tasks.TASKS`. The loop, evaluation,
prediction and reports ask only for what is declared here, never which task it is.

Legend: B images of a batch, K outputs of the network, N images of a split.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeAlias, cast

import torch
from torch import Tensor

from onestop.errors import UsageError
from onestop.metrics import Metrics
from onestop.metrics.spec import Metric
from onestop.runtime.csv_files import plain_cell
from onestop.tasks.collapse import same_for_all
from onestop.tasks.doubt import Doubt
from onestop.tasks.meter import Meter, Outputs
from onestop.tasks.prediction import Label, Prediction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from onestop.data.batch import Batch
    from onestop.data.dataset import Dataset, DatasetInfo
    from onestop.metrics.tiles import Tile
    from onestop.recipe import Recipe

Network: TypeAlias = Callable[..., Any]
"""Computes outputs of inputs in the engine's precision: a whole network, or the part that learns. A
network that has its own loss takes the targets as well."""
Derived: TypeAlias = Mapping[str, tuple[object, str]]
"""Values of settings by name, each with the reason."""
Draw: TypeAlias = Callable[[Sequence[Prediction]], "Figure"]
"""A figure of the predictions for a split."""


@dataclass(frozen=True)
class Head:
    """What a task needs of a network.

    Attributes:
        outputs: K.
        needs: What else it must be built with, as JSON, in networks that take it; see
            `onestop.networks.build`.
    """

    outputs: int
    needs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Loss:
    """What a training step computes.

    Attributes:
        total: The loss to minimise, a scalar: the mean over the images of the batch.
        sums: Sums over the batch by metric, such as the number of correct images as `accuracy`; for
            each metric of the task that is marked `training`.
    """

    total: Tensor
    sums: dict[str, Tensor] = field(default_factory=dict)


class Task(ABC, Generic[Outputs]):
    """What a network is trained to do.

    Attributes:
        names: Classes or labels in the order of the outputs; empty if numbers are predicted.
    """

    name: ClassVar[str]
    metrics: tuple[Metric, ...]
    """What evaluation measures; the first is what `monitor` defaults to and what `runs` shows."""
    nouns: ClassVar[tuple[str, str]] = ("class", "classes")
    """What one of the names is called, and several."""
    whole: ClassVar[bool] = True
    """Whether predictions are about whole images; False if they are about things somewhere in them."""
    curvature: ClassVar[float] = 0.0
    """An upper bound of the second derivatives of `losses` in the outputs; 0 if they are not convex,
    and then no linear head is fitted before training (`onestop/training/probe/`)."""
    exclusive: ClassVar[bool] = False
    """Whether one of the names is true of an image: softmax makes probabilities of the outputs."""
    uncertain: ClassVar[str] = "its predictions are neither correct nor wrong"
    """Why there is no `certainty`, of tasks without one."""
    unsettled: ClassVar[str] = (
        "probabilities are not calibrated, and the model cannot tell what it is unsure of"
    )
    """What a run without validation images lacks."""
    temperature: float = 1.0
    """What outputs are divided by before they become probabilities; chosen by `settle`."""
    judged: ClassVar[str] = "label"
    """What `doubts` are about, in the singular."""
    takes_shares: ClassVar[bool] = False
    """Whether the loss takes a share of each class or label, [B, K], as mixing images gives them. Then
    `from_recipe` sees to label smoothing and balance."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.names = tuple(names)

    @classmethod
    def from_recipe(cls, recipe: Recipe, dataset: Dataset) -> Self:  # noqa: ARG003
        """The task of a run, with the settings of the recipe that concern its loss."""
        return cls(dataset.classes)

    @classmethod
    def derived(cls, known: Mapping[str, Any], info: DatasetInfo) -> Derived:  # noqa: ARG003
        """Settings that this task derives in its own way, each with the reason.

        Asked before each group of the general rules (`onestop.training.defaults`), and of each setting
        that is not known yet the first answer counts.

        Args:
            known: Settings by name, as far as they are known.
            info: Properties of the data set.
        """
        return {}

    @classmethod
    def network_over(cls, name: str) -> str:
        """The network to train from weights of a known one: that one, or one that contains it."""
        return name

    @abstractmethod
    def head(self) -> Head:
        """What the network must provide."""

    @abstractmethod
    def loss(self, network: Network, batch: Batch) -> Loss:
        """Run the network forward and compute the loss, the latter in 32 bits in any precision.

        Targets of mixed images are shares of the classes, [B, K].
        """

    def predict(self, network: Network, inputs: Tensor) -> Outputs:
        """Run the network forward for evaluation: outputs in 32 bits."""
        return network(inputs).float()  # type: ignore[no-any-return]

    def collect(self, outputs: Sequence[Outputs]) -> Outputs:
        """The outputs of several batches as those of one, on the CPU.

        This default is for tensors [B, ...]; a task with other outputs overrides it.
        """
        tensors = cast(Sequence[Tensor], outputs)
        return cast(Outputs, torch.cat([tensor.cpu() for tensor in tensors]))

    def predicting(self, threshold: float | None, most: int | None) -> Self:
        """The task with other settings of what is predicted; itself if none is set.

        Args:
            threshold: Least score of what is predicted.
            most: At most so many things per image.

        Raises:
            UsageError: One is set that this task does not have.
        """
        for flag, value in (("--threshold", threshold), ("--max-objects", most)):
            if value is not None:
                raise UsageError(
                    f"{flag} {value}: predictions of the task {self.name!r} have no such setting; "
                    "leave it out"
                )
        return self

    def require_objects(self, flag: str) -> None:
        """See that what is predicted are objects, which can be drawn and written.

        Raises:
            UsageError: It is about whole images; `flag` was to write objects.
        """
        if self.whole:
            raise UsageError(
                f"{flag}: is for objects, and the task {self.name!r} predicts none; leave it out"
            )

    def joined(
        self,
        parts: Sequence[tuple[Prediction, Tile]],
        size: tuple[int, int],  # noqa: ARG002
        side: int,  # noqa: ARG002
    ) -> Prediction:
        """The prediction for an image from those for its tiles.

        Args:
            parts: Of each tile, and where it lies; `onestop.metrics.tiles.tiles_of` gives them.
            size: Height and width of the image.
            side: Of a tile, in pixels.

        Raises:
            UsageError: Predictions of this task cannot be joined.
        """
        self.require_objects("--tile")
        return parts[-1][0]

    def are_finite(self, outputs: Outputs) -> list[bool]:
        """Whether all that the network gives for an image is finite, for each of B images.

        This default is for tensors [B, ...]; a task with other outputs overrides it.
        """
        return torch.isfinite(cast(Tensor, outputs)).flatten(1).all(1).tolist()

    def losses(self, outputs: Tensor, targets: Any) -> Tensor:
        """The loss of each image, without label smoothing, in the precision of the outputs.

        A convex function of the outputs, with which a linear head is fitted; only called if `curvature`
        is above 0.

        Args:
            outputs: Of the same B images in any number of trials, [..., B, K].
            targets: Of the images.

        Returns:
            [..., B].
        """
        raise NotImplementedError(f"{self.name}: no head can be fitted")

    @abstractmethod
    def meter(self) -> Meter[Outputs]:
        """A meter that has seen nothing yet."""

    @abstractmethod
    def describe(self, outputs: Outputs, targets: Any = None, top: int = 1) -> list[Prediction]:
        """The outputs of some images in words; the images' names are left empty.

        Args:
            outputs: Of B images.
            targets: Of the same images, if they are known; then predictions have a truth and a loss.
            top: Labels of each image, where the task ranks them.
        """

    def label(self, outputs: Outputs, numbers: Sequence[int]) -> list[Label]:  # noqa: ARG002
        """For each image, what one of its outputs says, be it predicted or not; for `explain`.

        Args:
            outputs: Of B images.
            numbers: B numbers of outputs.

        Raises:
            UsageError: This task's outputs cannot be explained.
        """
        raise UsageError(f"predictions of the task {self.name!r} cannot be explained")

    def options(self) -> dict[str, Any]:
        """What a model file must hold to build this task again: keyword arguments, as JSON."""
        return {}

    def settle(self, outputs: Outputs, targets: Any) -> Self:  # noqa: ARG002
        """The task with what is chosen after training on the N images of the validation split."""
        return self

    def uncalibrated(self) -> Self:
        """The task with the network's own probabilities, where `settle` has calibrated them.

        Raises:
            UsageError: It never calibrates any.
        """
        return self

    def reliability(self, outputs: Outputs, targets: Any) -> dict[str, Any]:  # noqa: ARG002
        """Whether the probabilities of N images can be relied on, as `calibration_metrics` has it.

        Empty for tasks without probabilities.
        """
        return {}

    def certainty(self, outputs: Outputs) -> Tensor | None:  # noqa: ARG002
        """[B] larger where a prediction is more likely to be correct; from raw outputs alone.

        None for tasks whose predictions are neither correct nor wrong.
        """
        return None

    def doubts(self, outputs: Outputs, targets: Any) -> list[Doubt]:  # noqa: ARG002
        """The targets that look wrong, the most doubtful first; none if a task cannot tell.

        Args:
            outputs: Of a model that has not seen the N images.
            targets: Of the same images.
        """
        return []

    def collapse(self, predictions: Sequence[Prediction]) -> str:
        """A line if the same is predicted for all images of a split, which differ; else empty."""
        return same_for_all(predictions, self.nouns[1])

    def intervals(self, metrics: Metrics) -> dict[str, tuple[float, float]]:  # noqa: ARG002
        """95 % intervals of those metrics of a split that are shares of its images, by name."""
        return {}

    def counted(self) -> str:
        """How much there is to tell apart, such as `10 classes`; empty if there are no names."""
        return ""

    def figures(self) -> Mapping[str, Draw]:
        """Figures of the predictions for a split, by name; the first stands for all of them."""
        return {}

    def columns(self) -> tuple[str, ...]:
        """The columns of predictions.csv."""
        return COLUMNS

    def to_row(self, prediction: Prediction) -> dict[str, object]:
        """A prediction as a row of predictions.csv."""
        second = prediction.second
        return {
            "image": prediction.image,
            "truth": prediction.truth_text,
            "predicted": prediction.label,
            "score": _cell(prediction.score),
            "correct": "" if prediction.correct is None else int(prediction.correct),
            "loss": _cell(prediction.loss),
            "truth_score": _cell(prediction.truth_score),
            "second": second.name if second else "",
            "second_score": _cell(second.score if second else None),
        }

    def from_row(self, row: Mapping[str, str]) -> Prediction:
        """A row of predictions.csv as a prediction.

        Raises:
            KeyError, TypeError, ValueError: It does not have the columns of this task.
        """
        labels = [Label(plain_cell(row["predicted"]), float(row["score"]))]
        if row["second_score"]:
            labels.append(Label(plain_cell(row["second"]), float(row["second_score"])))
        return Prediction(
            image=plain_cell(row["image"]),
            labels=tuple(labels),
            truth=(plain_cell(row["truth"]),),
            loss=float(row["loss"]),
            truth_score=float(row["truth_score"]) if row["truth_score"] else None,
            correct=bool(int(row["correct"])) if row["correct"] else None,
        )


COLUMNS = (
    "image", "truth", "predicted", "score", "correct", "loss", "truth_score", "second",
    "second_score",
)  # fmt: skip
"""Of predictions.csv, for tasks with one label per image."""


def named(predictions: Iterable[Prediction], images: Iterable[str]) -> list[Prediction]:
    """Predictions with the names of their images."""
    pairs = zip(predictions, images, strict=True)
    return [dataclasses.replace(prediction, image=image) for prediction, image in pairs]


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
