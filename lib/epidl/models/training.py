"""The one training loop: stochastic gradient descent, with early stopping.

Genotypes and phenotypes stay on the device, a batch is an index into them, and within an epoch
nothing waits for the device.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import update_bn
from tqdm import tqdm

from epidl import checks
from epidl.cohorts.genotypes import DeviceGenotypes, Genotypes, check_genotypes
from epidl.cohorts.splits import BATCH_SIZE, Split, check_batches
from epidl.devices import checked_device
from epidl.models.networks import (
    OneHotLinear,
    folded_gradients,
    folded_product,
    has_batch_norm,
    penalised_weights,
    sizes,
)

Status = Literal["converged", "max_epochs", "diverged"]
# on each batch of some alleles and phenotypes; returns the losses
TakeSteps = Callable[[Tensor, Tensor], Tensor]

DECODED_ROWS = 4096  # samples whose genotypes are decoded at a time
MOST_STEPS = 6000  # of patient training, and 300 epochs at most
# of a GPU's products in training, as PyTorch names it; "ieee" is single precision
PRECISION = "tf32"
LOSSES = {"absolute": functional.l1_loss, "squared": functional.mse_loss}


@dataclass(frozen=True)
class TrainingPlan:
    """How a network is trained: the loss, penalties, an optimiser, early stopping.

    loss: the mean absolute or squared error over individuals and traits. weight_decay: of all
    parameters. Under 'sgd' the penalty is weight_decay / 2 times their sum of squares, under
    'adamw' the decay is apart from the gradient. l1_penalty: multiplied by the sum of absolute
    `networks.penalised_weights`, it is added to the training loss. patience: epochs without a gain
    of `min_gain` in the validation loss before training stops. schedule: 'plateau' halves the
    learning rate after `schedule_patience` epochs without improvement, 'cosine' lets it fall to 0
    over `max_epochs`. drop_ragged_batch: leave out the last, smaller batch of each epoch (the
    publication keeps it).
    """

    optimizer: Literal["sgd", "adamw"]
    learning_rate: float
    max_epochs: int
    patience: int
    min_gain: float
    weight_decay: float = 0.0
    l1_penalty: float = 0.0
    loss: Literal["absolute", "squared"] = "absolute"
    batch_size: int = BATCH_SIZE
    schedule: Literal["plateau", "cosine"] = "plateau"
    schedule_factor: float = 0.5
    schedule_patience: int = 3
    drop_ragged_batch: bool = False

    def __post_init__(self) -> None:
        checks.choice("optimizer", self.optimizer, ("sgd", "adamw"))
        checks.choice("loss", self.loss, LOSSES)
        checks.choice("schedule", self.schedule, ("plateau", "cosine"))
        checks.boolean("drop_ragged_batch", self.drop_ragged_batch)
        factor = checks.real("schedule_factor", self.schedule_factor, above=0)
        checks.require(factor < 1, f"schedule_factor must be below 1, got {factor:g}")
        checks.real("learning_rate", self.learning_rate, above=0)
        for name in ("max_epochs", "patience", "batch_size"):
            checks.integer(name, getattr(self, name), minimum=1)
        checks.integer("schedule_patience", self.schedule_patience, minimum=0)
        for name in ("min_gain", "weight_decay", "l1_penalty"):
            checks.real(name, getattr(self, name), minimum=0)


RIDGE_SGD = TrainingPlan(
    "sgd", learning_rate=0.1, weight_decay=0.1, max_epochs=200, patience=20, min_gain=0.001
)
LASSO_SGD = TrainingPlan(
    "sgd", learning_rate=0.1, l1_penalty=0.001, max_epochs=200, patience=20, min_gain=0.001
)


def mlp_plan(
    learning_rate: float = 0.01,
    max_epochs: int = 100,
    patience: int = 10,
    drop_ragged_batch: bool = False,
) -> TrainingPlan:
    """Return the plan of the MLP, by default the publication's (on pruned features, its patience is
    25).
    """
    return TrainingPlan(
        "adamw",
        learning_rate=learning_rate,
        weight_decay=1e-5,
        max_epochs=max_epochs,
        patience=patience,
        min_gain=0.003,
        drop_ragged_batch=drop_ragged_batch,
    )


def patient_plan(
    l1_penalty: float = 0.0,
    learning_rate: float = 0.003,
    max_epochs: int = 300,
    drop_ragged_batch: bool = False,
) -> TrainingPlan:
    """Return a plan with the squared error, a rate that falls to 0, no early end, and a penalty that
    makes sparse.
    """
    return TrainingPlan(
        "adamw",
        learning_rate=learning_rate,
        l1_penalty=l1_penalty,
        max_epochs=max_epochs,
        patience=max_epochs,
        min_gain=0.0,
        loss="squared",
        schedule="cosine",
        drop_ragged_batch=drop_ragged_batch,
    )


def patient_epochs(n_train: int) -> int:
    """Return the epochs of patient training: 300, or fewer for many individuals, but at least 1."""
    return max(1, min(300, MOST_STEPS // -(-n_train // BATCH_SIZE)))


@dataclass
class TrainingRecord:
    """What a training run did: its end, epochs run, the restored epoch and its loss, and each epoch's
    losses.
    """

    status: Status = "max_epochs"
    epochs: int = 0
    best_epoch: int = 0
    best_loss: float = float("inf")
    seconds: float = 0.0
    train_losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)

    @property
    def comparable_loss(self) -> float:
        """The loss that fits are chosen by: the best one, infinite if training diverged."""
        return float("inf") if self.status == "diverged" else self.best_loss


@dataclass(frozen=True)
class _DeviceData:
    genotypes: DeviceGenotypes
    phenotypes: Tensor


def train(
    model: nn.Module,
    genotypes: Genotypes,
    phenotypes: ArrayLike,
    split: Split,
    plan: TrainingPlan,
    *,
    generator: torch.Generator,
    device: str = "cpu",
    progress: bool = False,
) -> TrainingRecord:
    """Train a model in place and leave it with the weights of its best epoch so far, or of its start
    before any.

    phenotypes: (n_samples, n_traits), for all individuals of `genotypes`. generator: draws the
    order of individuals, on the CPU. progress: show a bar with epochs and validation loss.

    Raises ValueError for phenotypes of another length or not finite, a model of other markers or
    traits, individuals that do not exist, and a batch of one individual for a model with batch
    norm.
    """
    known = _checked(genotypes, phenotypes, split)
    _check_model(model, genotypes, known.shape[1])
    checks.instance("plan", plan, TrainingPlan, "a TrainingPlan")
    checks.instance("generator", generator, torch.Generator, "a torch.Generator")
    check_batches(
        len(split.train),
        batch_size=plan.batch_size,
        drop_ragged_batch=plan.drop_ragged_batch,
        batch_norm=has_batch_norm(model),
    )
    record, started = TrainingRecord(), time.perf_counter()
    data = _DeviceData(
        genotypes.on(device), torch.as_tensor(known, dtype=torch.float32, device=device)
    )
    bar = tqdm(total=plan.max_epochs, unit="epoch", disable=not progress, leave=False)
    with bar, fast_products(device):
        _run_epochs(data, split, bar, model, plan, generator, record)
    record.seconds = time.perf_counter() - started
    return record


def _run_epochs(
    data: _DeviceData,
    split: Split,
    bar: tqdm,
    model: nn.Module,
    plan: TrainingPlan,
    generator: torch.Generator,
    record: TrainingRecord,
) -> None:
    """Train a model in place and write what happens into its record."""
    device = data.phenotypes.device
    train_rows, validation_rows = torch.from_numpy(split.train), torch.from_numpy(split.validation)
    scored = validation_rows.to(device)
    model.to(device)
    optimizer = _optimizer(model, plan)
    lower_rate = _schedule(optimizer, plan)
    best = {name: value.clone() for name, value in model.state_dict().items()}
    take_steps = _stepper(model, optimizer, plan, len(train_rows), device)
    for epoch in range(1, plan.max_epochs + 1):
        order = _shuffled(train_rows, generator).to(device)
        if split.redraw_validation:
            validation_rows = _shuffled(validation_rows, generator)
            scored = validation_rows.to(device)
        train_loss = _train_epoch(model, data, order, take_steps, plan)
        losses = torch.stack([train_loss, _validation_loss(model, data, scored, plan)])
        train_loss, loss = losses.tolist()  # waits for the device
        record.epochs = epoch
        record.train_losses.append(train_loss)
        record.validation_losses.append(loss)
        bar.update()
        bar.set_postfix(loss=f"{loss:.4f}")
        if not np.isfinite([loss, train_loss]).all():
            record.status = "diverged"
            break
        lower_rate(loss)
        if loss < record.best_loss - plan.min_gain:
            record.best_loss, record.best_epoch = loss, epoch
            for name, value in model.state_dict().items():
                best[name].copy_(value)
        elif epoch - record.best_epoch >= plan.patience:
            record.status = "converged"
            break
    model.load_state_dict(best)
    optimizer.zero_grad()  # gradients would stay as long as the model


def recompute_batch_norm(
    model: nn.Module, genotypes: Genotypes, rows: NDArray[np.integer], device: str = "cpu"
) -> None:
    """Set the means and variances of a model's batch norm to those of some individuals, in place of
    running averages.

    Raises ValueError for a model of other markers, fewer than 2 rows, and rows that do not exist.
    """
    check_inputs(model, genotypes)
    rows, device = checks.rows("rows", rows, genotypes.n_samples, minimum=2), checked_device(device)
    chunks = torch.from_numpy(rows).to(device).tensor_split(-(-len(rows) // DECODED_ROWS))
    update_bn(map(genotypes.on(device).block, chunks), model.to(device))


@torch.no_grad()
def predict(
    model: nn.Module, genotypes: Genotypes, rows: NDArray[np.integer], device: str = "cpu"
) -> NDArray:
    """Return the predicted phenotypes (len(rows), n_traits) of some individuals as float64.

    Raises ValueError for a model of other markers, and rows that do not exist.
    """
    check_inputs(model, genotypes)
    rows = checks.rows("rows", rows, genotypes.n_samples, different=False)
    data = genotypes.on(device)
    model.to(device).eval()
    chunks = torch.from_numpy(rows).to(device).split(DECODED_ROWS)
    return torch.cat(list(map(model, map(data.block, chunks)))).cpu().numpy().astype(float)


@contextmanager
def fast_products(device: torch.device | str) -> Iterator[None]:
    """Let the current GPU multiply in TF32: factors of 10 bits instead of 23, and sums in full
    precision.

    A CPU multiplies in single precision.
    """
    if torch.device(device).type == "cpu":
        yield
        return
    matmul = torch.backends.cuda.matmul
    before, matmul.fp32_precision = matmul.fp32_precision, PRECISION
    try:
        with torch.cuda.device(device):
            yield
    finally:
        matmul.fp32_precision = before


def check_inputs(model: nn.Module, genotypes: Genotypes) -> None:
    """Raise ValueError for a model that is none, or has other inputs than these genotypes."""
    check_genotypes(genotypes)
    if not isinstance(model, nn.Module) or not list(model.parameters()):
        raise ValueError(f"model must be one of epidl.models.networks, got {checks.shown(model)}")
    n_inputs, _ = sizes(model)
    checks.require(
        n_inputs == genotypes.n_markers,
        f"model must have an input for each of the {genotypes.n_markers} markers of genotypes, got {n_inputs}",
    )


def _check_model(model: nn.Module, genotypes: Genotypes, n_traits: int) -> None:
    check_inputs(model, genotypes)
    n_outputs = sizes(model)[1]
    checks.require(
        n_outputs == n_traits,  # torch would broadcast
        f"model must have an output for each of the {n_traits} columns of phenotypes, got {n_outputs}",
    )


def _checked(genotypes: Genotypes, phenotypes: ArrayLike, split: Split) -> NDArray[np.float64]:
    check_genotypes(genotypes)
    phenotypes = checks.matrix("phenotypes", phenotypes, rows=genotypes.n_samples)
    checks.instance("split", split, Split, "a Split")
    for name in ("train", "validation"):
        checks.rows(f"split.{name}", getattr(split, name), genotypes.n_samples)
    return phenotypes


def _train_epoch(
    model: nn.Module, data: _DeviceData, order: Tensor, take_steps: TakeSteps, plan: TrainingPlan
) -> Tensor:
    """Take one step per batch, and return the mean of the batches' losses, an L1 penalty included."""
    model.train()
    losses = [
        take_steps(data.genotypes.block(rows), data.phenotypes[rows])
        for rows in order[: _n_used(len(order), plan)].split(_n_decoded(plan))
    ]
    return torch.cat(losses).mean()


def _n_used(n_train: int, plan: TrainingPlan) -> int:
    """Return how many training individuals an epoch uses."""
    return n_train - n_train % plan.batch_size if plan.drop_ragged_batch else n_train


def _n_decoded(plan: TrainingPlan) -> int:
    """Return how many training individuals are decoded at a time, in whole batches."""
    return max(1, DECODED_ROWS // plan.batch_size) * plan.batch_size


def _stepper(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    plan: TrainingPlan,
    n_train: int,
    device: torch.device | str,
) -> TakeSteps:
    """Return a function that takes a step on each batch of some individuals and returns the losses,
    on a GPU as a graph.
    """
    closed_form = (
        isinstance(model, OneHotLinear) and plan.optimizer == "sgd" and plan.schedule == "plateau"
    )
    # any other schedule wants the optimizer's own steps
    step = _linear_step if closed_form else _step
    take_steps = partial(_steps, partial(step, model, optimizer, plan), plan.batch_size)
    if torch.device(device).type == "cpu":
        return take_steps
    try:
        from epidl.models import gpu  # late: it needs Triton, which comes with CUDA
    except ModuleNotFoundError as error:
        raise ImportError(
            f"device must be 'cpu' here: training on a GPU needs the package {error.name}"
        ) from None
    if plan.optimizer == "adamw" and not plan.l1_penalty and gpu.takes(model, plan.batch_size):
        take_steps = gpu.MlpSteps(model, optimizer, plan.loss, plan.batch_size)
    n_used, n_decoded = _n_used(n_train, plan), _n_decoded(plan)
    model.train()
    return gpu.CapturedSteps(
        take_steps, model, optimizer, {min(n_used, n_decoded), n_used % n_decoded} - {0}, device
    )


def _steps(take_step: TakeSteps, batch_size: int, alleles: Tensor, phenotypes: Tensor) -> Tensor:
    batches = alleles.split(batch_size), phenotypes.split(batch_size)
    return torch.stack(list(map(take_step, *batches)))


def _step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    plan: TrainingPlan,
    alleles: Tensor,
    phenotypes: Tensor,
) -> Tensor:
    """Take a step on a batch and return its loss."""
    optimizer.zero_grad(set_to_none=False)  # see networks.HiddenLinear
    loss = LOSSES[plan.loss](model(alleles), phenotypes)
    if plan.l1_penalty:
        loss = loss + plan.l1_penalty * sum(w.abs().sum() for w in penalised_weights(model))
    loss.backward()
    optimizer.step()
    return loss.detach()


@torch.no_grad()
def _linear_step(
    model: OneHotLinear,
    optimizer: torch.optim.Optimizer,
    plan: TrainingPlan,
    alleles: Tensor,
    phenotypes: Tensor,
) -> Tensor:
    """Take the same step by plain SGD on a linear layer alone, for which autograd would cost more
    than the arithmetic.
    """
    rate = optimizer.param_groups[0]["lr"]
    errors = folded_product(alleles, model.weight, model.bias).sub_(phenotypes)
    if plan.loss == "absolute":
        loss, upstream = errors.abs().mean(), errors.sign_().div_(errors.numel())
    else:
        loss, upstream = errors.square().mean(), errors.mul_(2 / errors.numel())
    of_weight, of_bias = folded_gradients(alleles, upstream)
    if plan.l1_penalty:
        loss += plan.l1_penalty * model.weight.abs().sum()
        of_weight.add_(model.weight.sign(), alpha=plan.l1_penalty)
    for parameter, gradient in ((model.weight, of_weight), (model.bias, of_bias)):
        parameter.mul_(1 - rate * plan.weight_decay)
        if isinstance(rate, Tensor):  # a graph reads it from memory
            parameter.sub_(gradient.mul_(rate))
        else:
            parameter.sub_(gradient, alpha=rate)
    return loss


def _shuffled(rows: Tensor, generator: torch.Generator) -> Tensor:
    return rows[torch.randperm(len(rows), generator=generator)]


@torch.no_grad()
def _validation_loss(
    model: nn.Module, data: _DeviceData, rows: Tensor, plan: TrainingPlan
) -> Tensor:
    """Return the unweighted mean of the batches' mean errors, in the order of `rows`."""
    model.eval()
    errors = [
        LOSSES[plan.loss](
            model(data.genotypes.block(chunk)), data.phenotypes[chunk], reduction="none"
        ).mean(dim=1)
        for chunk in rows.split(DECODED_ROWS)
    ]
    batches = torch.cat(errors).split(plan.batch_size)
    return torch.stack(list(map(torch.mean, batches))).mean()


def _optimizer(model: nn.Module, plan: TrainingPlan) -> torch.optim.Optimizer:
    device = next(model.parameters()).device
    kind = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}[plan.optimizer]
    options = {"lr": plan.learning_rate, "weight_decay": plan.weight_decay, "fused": True}
    if device.type == "cuda":  # a graph reads the rate from memory
        options["lr"] = torch.tensor(plan.learning_rate, dtype=torch.float32, device=device)
        options |= {"capturable": True} if plan.optimizer == "adamw" else {}
    return kind(model.parameters(), **options)


def _schedule(optimizer: torch.optim.Optimizer, plan: TrainingPlan) -> Callable[[float], None]:
    """Return what lowers the learning rate after an epoch, given its validation loss."""
    if plan.schedule == "cosine":
        falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, plan.max_epochs)
        return lambda loss: falling.step()
    return torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=plan.schedule_factor, patience=plan.schedule_patience
    ).step
