"""The training loop of both references: loaders, one step per batch, the loss read back every step."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader


@dataclass(frozen=True)
class Plan:
    """An optimiser and a penalty on the model, as the two networks have them."""

    optimizer: Callable[[nn.Module], torch.optim.Optimizer]
    penalty: Callable[[nn.Module], torch.Tensor | float]


MLP = Plan(
    lambda model: torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=1e-5),
    lambda model: 0.0,
)
RIDGE_SGD = Plan(
    lambda model: torch.optim.SGD(model.parameters(), lr=0.1),
    lambda model: 0.1 * 0.5 * sum((parameter**2).sum() for parameter in model.parameters()),
)


def mlp(n_markers: int, n_traits: int, width: int) -> nn.Sequential:
    """Return the publication's MLP with a plain first layer on one-hot columns."""
    return nn.Sequential(
        nn.Linear(2 * n_markers, width),
        nn.BatchNorm1d(width, momentum=0.8),
        nn.LeakyReLU(0.01),
        nn.Linear(width, width),
        nn.BatchNorm1d(width, momentum=0.8),
        nn.LeakyReLU(0.01),
        nn.Linear(width, n_traits),
        nn.BatchNorm1d(n_traits, momentum=0.8),
    )


def take_step(
    model: nn.Module,
    genotypes: torch.Tensor,
    phenotypes: torch.Tensor,
    optimizer: torch.optim.Optimizer,
    plan: Plan,
) -> float:
    """Take a step on a batch and return its loss."""
    optimizer.zero_grad()
    loss = functional.l1_loss(model(genotypes), phenotypes) + plan.penalty(model)
    loss.backward()
    optimizer.step()
    return loss.item()


def train(
    model: nn.Module,
    batches: DataLoader,
    validation: DataLoader,
    plan: Plan,
    n_epochs: int,
    device: str = "cpu",
) -> None:
    """Train for some epochs, with validation, schedule and a copy of the best weights."""
    model.to(device)
    optimizer = plan.optimizer(model)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
    best, kept = float("inf"), {}
    for _ in range(n_epochs):
        model.train()
        total = 0.0
        for genotypes, phenotypes in batches:
            total += take_step(model, genotypes.to(device), phenotypes.to(device), optimizer, plan)
        model.eval()
        with torch.no_grad():
            losses = [
                functional.l1_loss(model(x.to(device)), y.to(device)).item() for x, y in validation
            ]
        schedule.step(sum(losses) / len(losses))
        if sum(losses) / len(losses) < best:
            best = sum(losses) / len(losses)
            kept = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(kept)
