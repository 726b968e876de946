"""From a plan to the session of a run: everything that training needs, put together in one place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from onestop.data.batch import Batch
from onestop.data.contents import contents_of
from onestop.data.loader import Loader
from onestop.data.preprocess import Preprocessing
from onestop.data.split_record import SplitRecord, read_record, record_of
from onestop.data.targets import Indices
from onestop.inference.score import Scored, batch_size, score
from onestop.metrics import Metrics
from onestop.networks.custom import code_of
from onestop.networks.freezing import Freezing, rate_scales
from onestop.networks.fuse import Folding
from onestop.networks.protocols import ScalesRates, StartsFromImages
from onestop.networks.tta import augmented
from onestop.optim.ema import MovingAverage
from onestop.optim.optimizers import optimizer_for
from onestop.optim.schedules import Factor, schedule
from onestop.recipe import Network, Recipe
from onestop.recipe.schema import useless
from onestop.runtime.fingerprint import fingerprint
from onestop.storage.model_file import Card, model_path, read_weights
from onestop.storage.model_header import card_in
from onestop.storage.run_folder import MODEL
from onestop.tasks import Task
from onestop.text import plural
from onestop.training.feature_cache import FeatureCache
from onestop.training.inputs import first_inputs, held_out_loaders, training_inputs
from onestop.training.norm_layers import trained_layers
from onestop.training.phases import HeadPhase, Order, Phase, Phases, WholePhase, thawed_from
from onestop.training.running_statistics import RunningStatistics
from onestop.training.state import Goal, Training, outputs_finite
from onestop.training.step import LocalStep, Step, smallest_batch

if TYPE_CHECKING:
    from onestop.training.plan import Plan

_TRIED = 32  # training images whose outputs must be finite where no images are held out


@dataclass
class Session:
    """Everything that a run trains with.

    Attributes:
        plan: What it was made from: recipe, data set, network, engine.
        task: The plan's, with what it chose on the validation split once training is over.
        preprocessing: The plan's, with the statistics of the training images.
        training: Network, optimizer and progress.
        loaders: Batches of each split.
        folding: Folds BatchNorm for evaluation.
        card: Of the model file.
        feature_cache: Features of a frozen backbone, if caching them pays.
        notes: What a person should know of how it was put together.
    """

    plan: Plan
    task: Task[Any]
    preprocessing: Preprocessing
    training: Training
    loaders: dict[str, Loader]
    folding: Folding
    card: Card
    feature_cache: FeatureCache | None = None
    notes: tuple[str, ...] = ()

    @property
    def recipe(self) -> Recipe:
        """Every setting of the run."""
        return self.plan.recipe

    @property
    def order(self) -> Order:
        """Of the training images."""
        images, recipe = len(self.loaders["train"].samples), self.recipe
        return Order(images, recipe.optim.batch_size, recipe.machine.seed)

    @property
    def goal(self) -> Goal:
        """When training ends, and which epoch is the best."""
        evaluation = self.recipe.evaluation
        monitor = next(m for m in self.task.metrics if m.name == evaluation.monitor)
        return Goal(self.recipe.optim.epochs, monitor, evaluation.patience)

    @property
    def rate(self) -> Factor:
        """The learning rate of each step, counted from 0."""
        optim, factor = self.recipe.optim, schedule(self.recipe.optim, self.order.per_epoch)
        return lambda step: optim.lr * factor(step)

    @property
    def step(self) -> Step:
        """How a batch changes the weights."""
        optim = self.recipe.optim
        return LocalStep(
            self.plan.engine, self.recipe.machine.seed, optim.accumulate, optim.clip_grad,
            smallest_batch(self.training.network, optim.batch_size),
        )  # fmt: skip

    @property
    def batch_size(self) -> int:
        """Images evaluated at once."""
        return batch_size(self.preprocessing.shape)

    def phases(self, *, evaluate: bool = True) -> Phases:
        """What is frozen, trained on and evaluated in each epoch; without `evaluate`, nothing is."""
        settings, order = self.recipe.network, self.order
        whole = WholePhase(
            self.training.network, order, self.loaders["train"], self.plan.engine,
            self.recipe.optim.accumulate, score=self.judge if evaluate else None,
        )  # fmt: skip
        first: Phase = dataclasses.replace(whole, frozen=settings.freeze)
        if self.feature_cache and settings.freeze == "backbone":
            first = HeadPhase(
                order, self.loaders["train"], self.feature_cache,
                self.feature_cache.tail(self.training.network),
                score=self._judge_features if evaluate else None,
            )  # fmt: skip
        return Phases(first, whole, thawed_from(settings), order)

    def score(
        self,
        network: nn.Module,
        split: str,
        *,
        keep_outputs: bool = False,
        layer: str | None = None,
        indices: Indices | None = None,
    ) -> Scored:
        """Evaluate a network on a split, with BatchNorm folded as a finished model has it.

        Args:
            network: In any mode.
            split: Its name.
            keep_outputs: See `onestop.inference.score.score`.
            layer: See there.
            indices: The images to evaluate on (default: all).
        """
        loader, size = self.loaders[split], self.batch_size
        batches = loader.in_order(size)
        if indices is not None:
            batches = loader.unchanged(np.split(indices, range(size, len(indices), size)))
        fast = augmented(self.folding(network), self.recipe.evaluation.tta)
        return score(
            fast, self.task, batches, self.plan.engine, keep_outputs=keep_outputs, layer=layer
        )

    def judge(self, network: nn.Module) -> Metrics:
        """The metrics of a network on the validation split; without one see `Phase.evaluate`."""
        if "val" in self.loaders:
            return self.score(network, "val").metrics
        return self._tried_out(self.folding(network), self.loaders["train"].unchanged(self._few))

    def _judge_features(self, tail: nn.Module) -> Metrics:
        assert self.feature_cache is not None
        if "val" not in self.loaders:
            train = self.feature_cache.train(self.loaders["train"], self._few, 0)
            return self._tried_out(tail, train)
        batches = self.feature_cache.in_order(self.loaders["val"], self.batch_size)
        return score(tail, self.task, batches, self.plan.engine).metrics

    @property
    def _few(self) -> list[Indices]:
        return [np.arange(min(_TRIED, self.order.images))]

    def _tried_out(self, network: nn.Module, few: Iterable[Batch]) -> Metrics:
        """No metrics, but a loss that is not finite if outputs are not."""
        batches = [batch for batch in few if len(batch)]
        metrics = score(network, self.task, batches, self.plan.engine).metrics if batches else {}
        return {} if outputs_finite(metrics) else {"loss": metrics["loss"]}


def set_up(plan: Plan) -> Session:
    """Prepare the images and build the rest of what a run needs.

    Raises:
        DataError: No training image can be read.
    """
    recipe, network = plan.recipe, plan.network
    notes: list[str] = []
    preprocessing, train = training_inputs(plan, notes)
    plan.engine.place(network)
    if recipe.network.weights == "none" and isinstance(network, StartsFromImages):
        network.start_from(first_inputs(train))
    session = Session(
        plan, plan.task, preprocessing, _training(plan),
        {"train": train, **held_out_loaders(plan, preprocessing, notes)},
        Folding(network, preprocessing.shape), card_of(plan, preprocessing), notes=tuple(notes),
    )  # fmt: skip
    session = _with_statistics(session)
    return _with_feature_cache(session)


def remembered(session: Session, say: Callable[[str], None]) -> Session:
    """With a card that remembers the content of every image; reads those that nobody has read yet.

    Args:
        session: Freshly set up.
        say: Takes a line if this will take long.
    """
    dataset, notes = session.plan.dataset, session.notes
    contents = contents_of(dataset, say)
    record = record_of(dataset, contents)
    data = {**session.card.data, "content": contents.fingerprint}
    if record is not None:
        weights = session.recipe.network.weights
        if (earlier := _record_in(weights)) is not None:
            record = record.started_from(earlier)
            notes = (*notes, *_seen_before(earlier, record, weights))
        data["record"] = record.to_json()
    card = dataclasses.replace(session.card, data=data)
    return dataclasses.replace(session, card=card, notes=notes)


def _record_in(weights: str) -> SplitRecord | None:
    """What a model file that a run starts from remembers of its data, if it is one."""
    path = Path(weights)
    data = card_in(path / MODEL if path.is_dir() else path).get("data")
    return read_record(data.get("record")) if isinstance(data, dict) else None


def _seen_before(earlier: SplitRecord, record: SplitRecord, weights: str) -> list[str]:
    """A warning if the weights were trained on images that are held out now."""
    count = earlier.count_trained_on(record.held_out)
    if not count or not (earlier.recognisable and record.recognisable):
        return []
    whole = plural(len(record.held_out), "held-out image")
    return [
        f"warning: {weights} was trained on {count:,} of the {whole}, so scores on them are too good; "
        "with the same --seed and --val-fraction as there, the same images are held out"
    ]


def _training(plan: Plan) -> Training:
    recipe, network, engine = plan.recipe, plan.network, plan.engine
    scales = _scales(recipe.network, network, plan.heads)
    return Training(
        network=network,
        optimizer=optimizer_for(recipe.optim, network, scales),
        freezing=_freezing(recipe.network, network, plan.heads),
        average=MovingAverage(network, recipe.optim.ema) if recipe.optim.ema else None,
        scaler=torch.amp.GradScaler(engine.device.type) if engine.precision == "fp16" else None,
    )


def _freezing(settings: Network, network: nn.Module, heads: list[str]) -> Freezing | None:
    """What freezes parts of the network; after a probe, statistics of BatchNorm stay as they are."""
    return Freezing(network, heads, norms=settings.probe != "none") if heads else None


def card_of(plan: Plan, preprocessing: Preprocessing) -> Card:
    """The card of a model that is trained by this plan."""
    dataset, code = plan.dataset, code_of(plan.entry, plan.network)
    return Card(
        network=plan.entry.name,
        arguments=plan.arguments,
        classes=dataset.classes,
        preprocessing=preprocessing.to_json(),
        recipe=plan.recipe.values(),
        data={"name": dataset.name, "fingerprint": dataset.fingerprint()},
        made_with={**fingerprint(plan.engine), **({"code": code} if code else {})},
        task=plan.task.name,
        task_options=plan.task.options(),
    )


def _scales(settings: Network, network: nn.Module, heads: list[str]) -> dict[str, float]:
    """The learning rate of parameters that do not have the full one, relative to it, by name."""
    scales = {}
    if heads:
        scales = rate_scales(network, heads, settings.backbone_lr_scale, settings.layer_decay)
    if isinstance(network, ScalesRates):
        for name, scale in network.rate_scales().items():
            scales[name] = scale * scales.get(name, 1.0)
    return scales


def _with_statistics(session: Session) -> Session:
    """With running statistics that are computed anew as long as they cannot be trusted."""
    recipe, training, order = session.recipe, session.training, session.order
    layers = trained_layers(
        training.network, training.freezing, recipe.network.freeze,
        thawed_from(recipe.network) * order.per_epoch,
        parts=recipe.optim.accumulate, ema=recipe.optim.ema,
    )  # fmt: skip
    if not layers:
        return session
    training.statistics = RunningStatistics(
        layers, session.loaders["train"], order, session.batch_size, session.plan.engine.forward,
    )  # fmt: skip
    note = training.statistics.note(order.per_epoch * (e + 1) for e in range(recipe.optim.epochs))
    return dataclasses.replace(session, notes=(*session.notes, note)) if note else session


def _with_feature_cache(session: Session) -> Session:
    """With the features of a frozen backbone cached, if there is one and it pays."""
    recipe, settings = session.recipe, session.recipe.network
    if settings.freeze != "backbone" or not settings.cached_augmentations:
        return session
    heads = session.plan.heads
    refusal = "it has several heads" if len(heads) > 1 else ""
    if obstacle := useless(recipe.values()).get("cached_augmentations"):
        refusal = f"features cannot be cached with {obstacle}"
    if not refusal:
        versions = min(
            settings.cached_augmentations, settings.unfreeze_after or recipe.optim.epochs
        )
        cache = FeatureCache(
            session.training.network, heads[0], session.folding, session.plan.engine, versions
        )
        images = len(session.loaders["train"].samples)
        refusal = cache.refusal(session.preprocessing.shape, images)
        if not refusal:
            return dataclasses.replace(session, feature_cache=cache)
    name = session.plan.entry.name
    note = f"note: {name}: the frozen part runs anew in every epoch, since {refusal}"
    return dataclasses.replace(session, notes=(*session.notes, note))


def held_out(session: Session) -> str:
    """The split that the final metrics are of: test, else val, else train."""
    return next(name for name in ("test", "val", "train") if name in session.loaders)


def best_weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of the best network of a run."""
    return read_weights(model_path(folder))
