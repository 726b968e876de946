"""What the verbs give back: a run, an evaluation, predictions, information.

No import of torch until a model is asked for.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from onestop.config import read_recipe
from onestop.recipe import Recipe
from onestop.run_folder import EPOCHS, METRICS, RECIPE, EpochsFile

if TYPE_CHECKING:
    from onestop.inference import Model
    from onestop.judging import Verdict
    from onestop.tasks.task import Guess


class Run:
    """A run folder and what is in it.

    Attributes:
        folder: The run's folder, absolute.
        examples: A few held-out images and what was said of them, where it was just trained.
    """

    def __init__(self, folder: str | Path, examples: Sequence[Verdict] = ()) -> None:
        self.folder = Path(folder).resolve()
        self.examples = tuple(examples)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @property
    def metrics(self) -> dict[str, Any]:
        """The final figures, as in metrics.json."""
        return dict(json.loads((self.folder / METRICS).read_text(encoding="utf-8")))

    @property
    def epochs(self) -> list[dict[str, str]]:
        """The rows of metrics.csv."""
        return EpochsFile.read(self.folder / EPOCHS)

    @property
    def recipe(self) -> Recipe:
        """Every setting of the run."""
        return Recipe(**read_recipe(self.folder / RECIPE))

    def model(self) -> Model:
        """The best network of the run, ready to predict."""
        from onestop.inference import load

        return load(self.folder)


@dataclass(frozen=True)
class RunRow:
    """A run in a list of runs.

    Attributes:
        name: Of its folder.
        network: What was trained.
        data: What on.
        best: The figure of the best network, `accuracy` or `rmse` (`figure`), on `split`; None where no
            epoch is done yet. Of a run that is not done it is the best of its epochs so far.
        epochs: Done; `of` are wanted.
        state: `done`, `going on` (another process has it), or `stopped`.
        when: When it was begun, local time.
        seconds: Of training and scoring, so far.
    """

    name: str
    network: str
    data: str
    best: float | None
    figure: str
    split: str
    epochs: int
    of: int
    state: Literal["done", "going on", "stopped"]
    when: str
    seconds: float

    @property
    def rank(self) -> float:
        """The larger, the better; runs without a figure are the last."""
        if self.best is None:
            return float("-inf")
        return self.best if self.figure == "accuracy" else -self.best


@dataclass(frozen=True)
class Evaluation:
    """Figures of a model on a split.

    Attributes:
        model: The model file.
        source: What it was scored on.
        metrics: `split`, `accuracy`, `top5`, `loss`, `macro_f1`, `images`, `per_class`, ... as in a
            run's metrics.json; `seconds` and `images_per_second` are of the scoring.
        skipped: `path` and `reason` of each file of the split that could not be used.
        remarks: What there is to say of images that were used though something is wrong with them.
    """

    model: Path
    source: str
    metrics: dict[str, Any]
    skipped: tuple[dict[str, str], ...] = ()
    remarks: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The figures, as `--json` prints them, and what was skipped and remarked where there is."""
        odd = {"skipped_files": list(self.skipped), "remarks": list(self.remarks)}
        return {**self.metrics, **{name: value for name, value in odd.items() if value}}


@dataclass(frozen=True)
class Cost:
    """What a run would take, as `--dry-run` found it; times in seconds, memory in bytes.

    Attributes:
        network: Its name, and `parameters` how many numbers it has.
        images: Training images; `validation_images` are those scored after each epoch.
        steps_per_epoch: Batches of an epoch.
        epochs: Epochs that a run has to go.
        phases: Stretches of epochs that cost alike, in order.
        preparation: Reading the data set and building everything, once.
        starting: What first steps take longer, compiling included, once.
        final: Scoring the best network on held-out images, once.
        total: All of it, without the time in which Python and torch are loaded.
        peak_memory: The most taken at once: by the process, on a GPU by tensors; None where the
            system does not say.
        bound_by: In words, what keeps it from being faster.
    """

    network: str
    parameters: int
    device: str
    images: int
    validation_images: int
    steps_per_epoch: int
    batch_size: int
    epochs: int
    phases: tuple[Phase, ...]
    preparation: float
    starting: float
    final: float
    total: float
    peak_memory: int | None
    bound_by: str

    def to_json(self) -> dict[str, Any]:
        """Everything, as `--json` prints it."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Phase:
    """Epochs of a run that cost alike; times in seconds.

    Attributes:
        epochs: How many.
        frozen: What does not learn in them: `none`, `backbone`, or a number of stages.
        once: What is computed once and kept: a frozen backbone's pass over the views of all images.
        training: An epoch's steps.
        evaluation: Scoring the validation split after an epoch.
        images_per_second: Training images, over an epoch's steps.
        waiting: Share of the time of steps and of what is computed once that is spent waiting for
            images.
    """

    epochs: int
    frozen: str
    once: float
    training: float
    evaluation: float
    images_per_second: float
    waiting: float

    @property
    def seconds(self) -> float:
        """Of all its epochs."""
        return self.once + self.epochs * (self.training + self.evaluation)


@dataclass(frozen=True)
class Prediction:
    """What a model says of one image.

    Attributes:
        image: Its path, or its number where it came from memory.
        guesses: Best first; each has a `label` and a `score` (the probability of a class, or the
            number predicted).
        error: Why the image could not be read; there are no guesses then.
        remark: What is wrong with an image that could be read all the same.
    """

    image: str
    guesses: tuple[Guess, ...] = ()
    error: str = ""
    remark: str = ""

    @property
    def label(self) -> str:
        """The best guess."""
        return self.guesses[0].label if self.guesses else ""

    @property
    def score(self) -> float:
        """The score of the best guess."""
        return self.guesses[0].score if self.guesses else 0.0

    def to_json(self) -> dict[str, Any]:
        """The prediction, as `--json` prints it."""
        if self.error:
            return {"image": self.image, "error": self.error}
        guesses = [{"label": g.label, "score": g.score} for g in self.guesses]
        found = {"image": self.image, "label": self.label, "score": self.score, "top": guesses}
        return {**found, "remark": self.remark} if self.remark else found


class Predictions(Sequence[Prediction]):
    """Predictions in the order of the images, computed while one walks through them.

    Attributes:
        skipped: `path` and `reason` of each file of a folder that was passed over.
    """

    def __init__(
        self, stream: Iterator[Prediction], count: int, skipped: Sequence[dict[str, str]] = ()
    ) -> None:
        self.skipped = tuple(skipped)
        self._stream = stream
        self._count = count
        self._done: list[Prediction] = []

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Prediction]:
        for place in range(self._count):
            yield self._at(place)

    @overload
    def __getitem__(self, place: int) -> Prediction: ...
    @overload
    def __getitem__(self, place: slice) -> list[Prediction]: ...
    def __getitem__(self, place: int | slice) -> Prediction | list[Prediction]:
        if isinstance(place, slice):
            return [self._at(i) for i in range(*place.indices(self._count))]
        if not -self._count <= place < self._count:
            raise IndexError(f"{place} of {self._count} predictions")
        return self._at(place % self._count)

    def __repr__(self) -> str:
        shown = ", ".join(f"{p.image}: {p.label} {p.score:.3g}" for p in self[:5])
        return f"<{self._count} predictions: {shown}{', ...' if self._count > 5 else ''}>"

    def _at(self, place: int) -> Prediction:
        while len(self._done) <= place:
            self._done.append(next(self._stream))
        return self._done[place]


@dataclass(frozen=True)
class Lint:
    """What `onestop lint` found.

    Attributes:
        folder: Where lint.json and the contact sheet lint.png are.
        source: What was looked at.
        images: How many each split has.
        classes: A row a class: `class`, and images in each split.
        findings: Leaks first: each with `kind`, `level` (leak, warning, note), `text`, `images` (how
            many), `groups` of images (`split`, `image`, `class`), and `reasons`, one a group.
        notes: What was odd about the folder or table itself.
    """

    folder: Path
    source: str
    images: dict[str, int]
    classes: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    notes: list[str]

    @property
    def leaks(self) -> list[dict[str, Any]]:
        """The findings by which one split leaks into another."""
        return [finding for finding in self.findings if finding["level"] == "leak"]

    def to_json(self) -> dict[str, Any]:
        """Everything but the folder, as lint.json has it."""
        everything = dataclasses.asdict(self)
        del everything["folder"]
        return {**everything, "leaks": bool(self.leaks)}


@dataclass(frozen=True)
class Info:
    """What there is to know about something.

    Attributes:
        kind: `data`, `model`, `network` or `cache`.
        name: What was asked about.
        facts: Single values by name.
        table: Rows that belong together: a class, or a module of a network, a row; see
            `onestop.networks.layers.tree`.
        backward: Functions of a network's backward pass, where they were asked for; see
            `onestop.networks.backward.functions`.
        depth: Levels of a network's tree that a person is shown, 0 for all, None for a fitting
            number. All are in `table`.
    """

    kind: Literal["data", "model", "network", "cache"]
    name: str
    facts: dict[str, Any]
    table: list[dict[str, Any]] = field(default_factory=list)
    backward: list[dict[str, Any]] = field(default_factory=list)
    depth: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Everything, as `--json` prints it; `backward` only where it was asked for."""
        everything = dataclasses.asdict(self)
        del everything["depth"]
        if not self.backward:
            del everything["backward"]
        return everything
