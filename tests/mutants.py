"""Mutants: the library with one small mistake each, to see whether a test notices it.

`python tests/mutants.py` tries all and writes book/data/mutants.csv: a row a mutant, with a test
that failed: the one that killed it when the table was last written is tried first. `python
tests/mutants.py ridge kernels` tries those of some modules and only prints.
"""

import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import torch

ROOT = Path(__file__).parents[1]
DATA = ROOT / "book" / "data"
# the tests of each module that take seconds; a mutant must not pass all of them
TESTS = {
    "cohorts/simulate": ["test_simulate.py", "test_genotypes.py"],
    "cohorts/genotypes": ["test_genotypes.py"],
    "seeds": ["test_seeds.py"],
    "cohorts/splits": ["test_training.py"],
    "models/ridge": ["test_ridge.py", "test_experiments.py"],
    "models/kernels": ["test_kernels.py"],
    "models/pairs": ["test_pairs.py"],
    "models/networks": ["test_networks.py"],
    "models/training": ["test_training.py"],
    "models/gpu": ["test_gpu.py"],
    "models/selection": ["test_selection.py"],
    "models/theory": ["test_theory.py"],
    "models/tuning": ["test_tuning.py"],
    "models/deep": ["test_experiments.py"],
    "cohorts/worlds": ["test_worlds.py"],
    "cohorts/crosses": ["test_worlds.py"],
    "cohorts/orders": ["test_worlds.py"],
    "models/gaussian": ["test_gaussian.py"],
    "models/orders": ["test_orders.py"],
    "models/trees": ["test_trees.py", "test_own_data.py"],
    "models/lasso_path": ["test_lasso_path.py"],
    "models/lasso_pairs": ["test_lasso_pairs.py"],
    "models/ensemble": ["test_ensemble.py"],
    "own/comparison": ["test_own_data.py"],
    "grid/contrasts": ["test_beyond.py", "test_real.py"],
    "grid/publish": ["test_replication.py"],
}
# what tests import beside the library: once for all mutants
PRELOADED = [
    *(
        "torch",
        "torch._dynamo",
        "scipy.stats",
        "scipy.optimize",
        "sklearn.linear_model",
        "pandas",
        "pytest",
    ),
    *(
        "hypothesis.strategies",
        "hypothesis.extra.numpy",
        "statsmodels.regression.mixed_linear_model",
    ),
]


@dataclass(frozen=True)
class Mutant:
    """A module of the library, a text that it holds once, what takes its place, and what that breaks."""

    module: str
    original: str
    mutated: str
    breaks: str

    @property
    def path(self) -> Path:
        return Path("lib", "epidl", f"{self.module}.py")

    def apply(self, root: Path) -> None:
        """Change the module in a copy of the library; raise ValueError where its text does not stand
        there once.
        """
        source = (root / self.path).read_text()
        if source.count(self.original) != 1:
            raise ValueError(
                f"original of the mutant {self.breaks!r} must stand once in {self.path}, "
                f"occurs {source.count(self.original)} times: {self.original!r}"
            )
        (root / self.path).write_text(source.replace(self.original, self.mutated))


# module, original text, mutated text, what it breaks
MUTANTS = [
    Mutant(*row)
    for row in [
        # --- simulate
        (
            "cohorts/simulate",
            "* np.int8(2) - np.int8(\n            1\n        )",
            "* np.int8(2) - np.int8(2)",
            "codes of haploids run from -2 to 0, not from -1 to 1",
        ),
        (
            "cohorts/simulate",
            "trait.pair_effects @ (z[first] * z[second])",
            "trait.pair_effects @ (z[first] + z[second])",
            "a pair adds the sum of its codes, not their product",
        ),
        (
            "cohorts/simulate",
            "np.sqrt((1 - plan.h2) / plan.h2)",
            "np.sqrt(1 - plan.h2)",
            "the noise has the variance 1 - H2 beside a genetic variance of 1",
        ),
        (
            "cohorts/simulate",
            "np.sqrt(2 * np.asarray(rel_aa) * n_qtl / n_pairs)",
            "np.sqrt(np.asarray(rel_aa) * n_qtl / n_pairs)",
            "pair effects have half their variance",
        ),
        (
            "cohorts/simulate",
            "values.mean(axis=0), values.std(axis=0)",
            "values.mean(axis=0), values.std(axis=0, ddof=1)",
            "genetic values are scaled by the divisor n - 1",
        ),
        (
            "cohorts/simulate",
            "(trait.intercept - mean[t]) / sd[t]",
            "(trait.intercept + mean[t]) / sd[t]",
            "the sign of the intercept of a trait",
        ),
        (
            "cohorts/simulate",
            "pair_effects=trait.pair_effects / sd[t],",
            "pair_effects=trait.pair_effects,",
            "pair effects are not scaled with the additive ones",
        ),
        (
            "cohorts/simulate",
            "np.add.at(alpha, second, trait.pair_effects * mean[first])",
            "np.add.at(alpha, second, trait.pair_effects * mean[second])",
            "an average effect takes the mean of the locus itself, not of its partner",
        ),
        (
            "cohorts/simulate",
            "rng.permutation(n_qtl).reshape(-1, 2)",
            "np.arange(n_qtl).reshape(-1, 2)",
            "neighbours are paired, not random loci",
        ),
        (
            "cohorts/simulate",
            "root = vectors * np.sqrt(values.clip(min=0)) @ vectors.T",
            "root = vectors * values.clip(min=0) @ vectors.T",
            "the effects' covariance is the square of the wanted one",
        ),
        (
            "cohorts/simulate",
            "qtl = np.sort(rng.choice(n_markers, size=n_qtl, replace=False))",
            "qtl = np.arange(n_qtl)",
            "the first markers are causal, not random ones",
        ),
        (
            "cohorts/simulate",
            'seeds.generator(seed, "noise")',
            'seeds.generator(0, "noise")',
            "every cohort has the same noise",
        ),
        (
            "cohorts/simulate",
            "rng.integers(0, 256, size=(n_samples, n_bytes), dtype=np.uint8)",
            "rng.integers(0, 255, size=(n_samples, n_bytes), dtype=np.uint8)",
            "eight neighbouring markers are never all 1",
        ),
        # --- genotypes
        (
            "cohorts/genotypes",
            "0xFF >> (8 * packed.shape[1] - n_markers)",
            "0xFF >> (8 * packed.shape[1] - n_markers + 1)",
            "the last marker is always 0",
        ),
        (
            "cohorts/genotypes",
            "self._shifts = torch.arange(8, dtype=torch.uint8, device=packed.device)",
            "self._shifts = torch.arange(7, -1, -1, device=packed.device).to(torch.uint8)",
            "the order of the markers within a byte",
        ),
        (
            "cohorts/genotypes",
            "np.divide(total, ploidy * known,",
            "np.divide(total, known,",
            "the mean share of diploids is doubled",
        ),
        (
            "cohorts/genotypes",
            "total += np.maximum(block, 0).sum(axis=0)",
            "total += block.sum(axis=0)",
            "a missing genotype counts as -1",
        ),
        (
            "cohorts/genotypes",
            "yield slice(start, min(start + step, n_samples))",
            "yield slice(start, min(start + step, n_samples - 1))",
            "the last sample is in no block",
        ),
        (
            "cohorts/genotypes",
            "counts.float() / self._ploidy",
            "counts.float()",
            "shares on a device are counts",
        ),
        # --- seeds
        (
            "seeds",
            'tuple("/".join(map(str, purpose)).encode())',
            'tuple("".join(map(str, purpose)).encode())',
            "two purposes that read alike when joined draw alike",
        ),
        (
            "seeds",
            "np.random.SeedSequence(seed, spawn_key=",
            "np.random.SeedSequence(0, spawn_key=",
            "all seeds draw alike",
        ),
        (
            "seeds",
            "manual_seed(derive(seed, *purpose))",
            "manual_seed(derive(seed, *purpose) % 2)",
            "there are two kinds of initial weights only",
        ),
        # --- splits
        (
            "cohorts/splits",
            "else round(TRAIN_SHARE * n_train)), n_train",
            "else round(TRAIN_SHARE * TRAIN_SHARE * n_train)), n_train",
            "the validation split takes too many samples",
        ),
        (
            "cohorts/splits",
            "return Split(rows[:n_fit], rows[n_fit:n_train], rows[n_train:])",
            "return Split(rows[:n_fit], rows[n_fit:], rows[n_train:])",
            "the test individuals decide when training stops under held_out",
        ),
        (
            "cohorts/splits",
            "return np.sort(order[:n_train]), np.sort(order[n_train:])",
            "return np.sort(order[:n_train]), np.sort(order[n_train - 1 :])",
            "a training sample of ridge's random split is scored",
        ),
        (
            "cohorts/splits",
            "n_train % batch_size == 1",
            "n_train % batch_size == 0",
            "a last batch of one individual is not refused for batch norm",
        ),
        # --- ridge
        (
            "models/ridge",
            "kept = 1 - 1 / len(y) - u**2 @ basis @ weights",
            "kept = 1 - u**2 @ basis @ weights",
            "the leverage lacks the intercept's",
        ),
        ("models/ridge", "alpha=-len(rows)", "alpha=-1", "X'X is not centred"),
        (
            "models/ridge",
            "y_mean - spectrum.mean @ effects",
            "y_mean + spectrum.mean @ effects",
            "the sign of the intercept of ridge",
        ),
        (
            "models/ridge",
            "filters = squares / (squares + penalties)",
            "filters = squares / (squares + 2 * penalties)",
            "the penalty is twice the one that is reported",
        ),
        (
            "models/ridge",
            "best = errors.argmin(dim=0)",
            "best = errors.argmin(dim=0) + 1",
            "the penalty beside the best",
        ),
        (
            "models/ridge",
            "return total / len(y)",
            "return total / (len(y) - 1)",
            "the divisor of the leave-one-out error",
        ),
        (
            "models/ridge",
            "kernel += row_means.mean() - row_means - row_means[:, None]",
            "kernel += row_means.mean() - row_means",
            "XX' is not centred where markers outnumber samples",
        ),
        (
            "models/ridge",
            "u @ (w / squares[:, None])",
            "u @ (w / squares.sqrt()[:, None])",
            "effects lack a singular value where markers outnumber samples",
        ),
        # --- kernels
        (
            "models/kernels",
            "kernel -= self.self_terms if",
            "kernel += self.self_terms if",
            "the epistatic kernel holds pairs of a marker with itself, twice",
        ),
        (
            "models/kernels",
            "codes -= kind(genotypes.centre)",
            "codes -= kind(0)",
            "codes of the exact solution are not centred",
        ),
        (
            "models/kernels",
            "kind = np.float32 if genotypes.whole else np.float64",
            "kind = np.float32",
            "the products of dosages are rounded to single precision",
        ),
        (
            "models/kernels",
            "if np.ptp(phenotypes[some], axis=0).all():",
            "if True:",
            "components are estimated from samples of which none has a rare trait",
        ),
        (
            "models/kernels",
            "np.array([np.exp(log_ratio), 1 - r, r])",
            "np.array([np.exp(log_ratio), r, 1 - r])",
            "the epistatic and the residual variance change places",
        ),
        (
            "models/kernels",
            "degrees=len(self._diagonal) - 1",
            "degrees=len(self._diagonal)",
            "REML forgets the degree of the mean",
        ),
        (
            "models/kernels",
            "constant=np.log(pivots).sum() + np.log(gram[0, 0])",
            "constant=np.log(pivots).sum()",
            "the restricted likelihood lacks the term of the mean",
        ),
        (
            "models/kernels",
            "return solved - intercept * ones, intercept",
            "return solved + intercept * ones, intercept",
            "the sign of the intercept in the dual weights",
        ),
        (
            "models/kernels",
            "(squared(target, source, weights) - self_terms) / scales[1]",
            "squared(target, source, weights) / scales[1]",
            "predictions hold pairs of a marker with itself",
        ),
        (
            "models/kernels",
            "w=w: x.T @ (w[part, None] * x)",
            "w=w: x.T @ (w[part, None].abs() * x)",
            "the sign of the dual weights in conjugate gradients",
        ),
        # --- pairs
        (
            "models/pairs",
            "np.tensordot([1, -1, -1, 1], s / counted, axes=1)",
            "np.tensordot([1, -1, 1, -1], s / counted, axes=1)",
            "the contrast of the four genotypes is a marker's, not the pair's",
        ),
        (
            "models/pairs",
            "within / (n_samples - 4)",
            "within / (n_samples - 3)",
            "a degree of freedom of the pair's test",
        ),
        (
            "models/pairs",
            "LEVEL * np.arange(1, len(p) + 1) / n_tests",
            "LEVEL * np.arange(len(p)) / n_tests",
            "the line of the false discovery control is a rank too low",
        ),
        (
            "models/pairs",
            "+ 2 * centre @ effects[: len(markers)] + effects[len(markers) :].sum()",
            "+ 2 * centre @ effects[: len(markers)]",
            "the intercept lacks the pairs' part",
        ),
        (
            "models/pairs",
            "effects = ridge.effects / 2",
            "effects = ridge.effects",
            "effects are of alleles, not of codes",
        ),
        (
            "models/pairs",
            "total - one - other + both",
            "total - one - other",
            "the count of the genotype 00 lacks those that are 1 at both",
        ),
        (
            "models/pairs",
            "left = unexplained(zy, z, y)",
            "left = zy",
            "with dosages, a pair is tested without the effects of its markers",
        ),
        # --- networks
        (
            "models/networks",
            "torch.sub(per_output[:, None], gradient[1], out=gradient[0])",
            "torch.add(per_output[:, None], gradient[1], out=gradient[0])",
            "the sign in the gradient of the weights of allele 0",
        ),
        (
            "models/networks",
            "functional.linear(alleles, one - zero, zero.sum(dim=1) + bias)",
            "functional.linear(alleles, one - zero, bias)",
            "the folded layer lacks the sum of the weights of allele 0",
        ),
        (
            "models/networks",
            "fan_in=2 * n_markers",
            "fan_in=n_markers",
            "initial weights are wider by the root of 2",
        ),
        (
            "models/networks",
            "BATCH_NORM_MOMENTUM = 0.8",
            "BATCH_NORM_MOMENTUM = 0.2",
            "the momentum of batch norm, the other way",
        ),
        (
            "models/networks",
            "gates = functional.linear(codes, self.gate_weight)",
            "gates = functional.linear(alleles, self.gate_weight)",
            "gates of the pair network read alleles, not codes",
        ),
        (
            "models/networks",
            "weight.grad.addmm_(upstream.T, inputs)",
            "weight.grad.copy_(upstream.T @ inputs)",
            "the hidden layer's gradient replaces what is there",
        ),
        # --- training
        (
            "models/training",
            '"weight_decay": plan.weight_decay, ',
            "",
            "ridge by SGD has no penalty",
        ),
        (
            "models/training",
            "if loss < record.best_loss - plan.min_gain:",
            "if loss < record.best_loss:",
            "any gain, however small, keeps training alive",
        ),
        (
            "models/training",
            "    model.load_state_dict(best)\n",
            "",
            "the last epoch is kept, not the best",
        ),
        (
            "models/training",
            "elif epoch - record.best_epoch >= plan.patience:",
            "elif epoch - record.best_epoch > plan.patience:",
            "training stops an epoch late",
        ),
        (
            "models/training",
            "plan.l1_penalty * sum(w.abs().sum() for",
            "plan.l1_penalty * sum(w.sum() for",
            "the L1 penalty pulls weights down, not to 0",
        ),
        (
            "models/training",
            "torch.stack(list(map(torch.mean, batches))).mean()",
            "torch.cat(errors).mean()",
            "the validation loss weighs samples alike, not batches",
        ),
        (
            "models/training",
            "return rows[torch.randperm(len(rows), generator=generator)]",
            "return rows",
            "samples come in the same order in every epoch",
        ),
        (
            "models/training",
            "    loss.backward()\n",
            "    (-loss).backward()\n",
            "training climbs the loss",
        ),
        (
            "models/training",
            "sub_(gradient, alpha=rate)",
            "sub_(gradient, alpha=2 * rate)",
            "a linear layer takes steps of twice the rate",
        ),
        # --- gpu
        (
            "models/gpu",
            "            values += change\n",
            "            values -= change\n",
            "on a GPU, the sign in the gradient of the weights of allele 0",
        ),
        (
            "models/gpu",
            "(one - values).to(product.dtype)",
            "one.to(product.dtype)",
            "on a GPU, the folded weight lacks allele 0 after a step",
        ),
        (
            "models/gpu",
            "(above - (of_shift[None, :] + normals * of_gain[None, :]) / n_rows)",
            "(above - of_shift[None, :] / n_rows)",
            "on a GPU, batch norm's variance has no gradient",
        ),
        (
            "models/gpu",
            "tl.where(scaled > 0, above, above * slope)",
            "tl.where(scaled > 0, above, 0.0)",
            "on a GPU, leaky ReLU lets nothing back below 0",
        ),
        (
            "models/gpu",
            "mean += (1.0 - _BETA1) * (gradient - mean)",
            "mean += (1.0 - _BETA2) * (gradient - mean)",
            "on a GPU, AdamW's mean follows the gradient as slowly as its square",
        ),
        (
            "models/gpu",
            "step = tl.load(count) + 1",
            "step = tl.load(count) + 2",
            "on a GPU, AdamW's first step counts as its second",
        ),
        (
            "models/gpu",
            "decayed = tl.load(rate) * decay",
            "decayed = 0.0",
            "on a GPU, weights do not decay",
        ),
        (
            "models/gpu",
            "N_PARTS) * tl.load(\n            upstream_unscale\n        )",
            "N_PARTS)",
            "on a GPU, the first layer's gradient keeps the scale of half precision",
        ),
        (
            "models/gpu",
            "            now, after = after, now\n",
            "",
            "on a GPU, the hidden layer multiplies by its first weights for as long as a graph",
        ),
        # --- selection
        (
            "models/selection",
            'kind="stable")[:max_features]',
            'kind="stable")[: max_features + 1]',
            "one feature too many",
        ),
        (
            "models/selection",
            ".abs().amax(dim=1)",
            ".amax(dim=1)",
            "a negative weight has no importance",
        ),
        ("models/selection", "== alleles", "!= alleles", "a column stands for the other allele"),
        # --- theory
        (
            "models/theory",
            "additive = h2 / (1 + 2 * rel_aa)",
            "additive = h2 / (1 + rel_aa)",
            "the expected additive share of a trait",
        ),
        (
            "models/theory",
            '"kernel": (m, m * (m - 1) / 2)',
            '"kernel": (m, m * m / 2)',
            "the number of pairs of the kernel",
        ),
        (
            "models/theory",
            "(m2.sum() - m2) / (q - 1)",
            "(m2.sum() - m2) / q",
            "the mean over a locus's possible partners",
        ),
        (
            "models/theory",
            "information = n * shares / n_features",
            "information = n * shares",
            "the number of effects to learn",
        ),
        # --- tuning, and what a cell makes of it all
        (
            "models/tuning",
            'seeds.derive(seed, "sampler", number)',
            'seeds.derive(seed, "sampler")',
            "every trial of a search is sampled alike",
        ),
        (
            "models/deep",
            "layer.weight[1] - layer.weight[0]",
            "layer.weight[0] - layer.weight[1]",
            "the sign of the effects of ridge by SGD",
        ),
        (
            "models/deep",
            "return record.comparable_loss,",
            "return -record.comparable_loss,",
            "a search prefers a diverged trial",
        ),
        (
            "models/ridge",
            "splits = [(task.all_but_test, task.split.test)]",
            "splits = [(task.split.train, task.split.test)]",
            "exact ridge under held_out leaves the validation samples out",
        ),
        # --- worlds, their crosses and their orders of interactions
        (
            "cohorts/worlds",
            'seeds.generator(seed, "haplotypes")',
            'seeds.generator(0, "haplotypes")',
            "all worlds have the genotypes of the first",
        ),
        (
            "cohorts/crosses",
            "np.asarray(distance, dtype=float) / 50) / 2",
            "np.asarray(distance, dtype=float) / 100) / 2",
            "loci recombine as at half their distance",
        ),
        (
            "cohorts/orders",
            "scale[k] = np.sqrt(share) / sd[k]",
            "scale[k] = share / sd[k]",
            "an order's share is that of the standard deviation, not of the variance",
        ),
        # --- gaussian
        (
            "models/gaussian",
            "torch.exp(distances / (-h * self.median))",
            "torch.exp(distances / (-h * h * self.median))",
            "predictions take the bandwidth squared",
        ),
        # --- orders
        (
            "models/orders",
            "_codes(genotypes, rows[part], self.genotypes)",
            "_codes(genotypes, rows[part], genotypes)",
            "predicted individuals are centred on their own mean, not on that of the training ones",
        ),
        (
            "models/orders",
            "(y @ weights / degrees)",
            "(y @ weights / len(y))",
            "the divisor of the variances in the kernel of products",
        ),
        # --- trees
        (
            "models/trees",
            "task.phenotypes, task.all_but_test",
            "task.phenotypes, np.arange(len(task.phenotypes))",
            "boosted trees learn from the test individuals",
        ),
        (
            "models/trees",
            "task.phenotypes, task.all_but_test",
            "task.phenotypes, task.split.train",
            "boosted trees leave out the individuals on which networks validate",
        ),
        # --- lasso_path
        (
            "models/lasso_path",
            "lasso.mse_path_.mean(axis=1).min(),",
            "lasso.mse_path_.min(),",
            "the error of the LASSO is that of its luckiest fold",
        ),
        (
            "models/lasso_path",
            "np.abs((columns - columns.mean(axis=0)).T @ (y - y.mean())).max()",
            "((columns - columns.mean(axis=0)).T @ (y - y.mean())).max()",
            "the path of penalties starts at the largest positive effect, not at the largest",
        ),
        # --- lasso_pairs
        (
            "models/lasso_pairs",
            "self.error = self.lasso.mse_path_.mean(axis=1).min()",
            "self.error = (self.residual**2).mean()",
            "pairs stay if they lower the error of the individuals that they are fitted to",
        ),
        # --- ensemble
        (
            "models/ensemble",
            "np.mean([each.parts[0][1] for each in usable], axis=0)",
            "usable[0].parts[0][1]",
            "the first member predicts for all",
        ),
        (
            "models/ensemble",
            'if each.status != "diverged"] or',
            "if each.status] or",
            "a diverged member spoils the mean of the others",
        ),
        (
            "models/ensemble",
            "np.mean(list(map(_loss, fits))) for fits in members",
            "_loss(fits[0]) for fits in members",
            "the first member alone chooses the settings",
        ),
        # --- comparison
        (
            "own/comparison",
            "np.sqrt((1 / len(differences) + test_over_train) *",
            "np.sqrt(1 / len(differences) *",
            "splits count as independent: the interval lacks n_test / n_train",
        ),
        (
            "own/comparison",
            "level=1 - 0.05 / len(others)",
            "level=0.95",
            "several models are compared, each at 95%",
        ),
        (
            "own/comparison",
            "cohort.genotypes.trained_on(train)",
            "cohort.genotypes",
            "the mean that fills missing genotypes is that of all individuals, test ones among them",
        ),
        (
            "own/comparison",
            "groups=groups[rows])]",
            "groups=rows)]",
            "folds split families",
        ),
        # --- contrasts
        (
            "grid/contrasts",
            ".cummax().clip(upper=1)",
            ".clip(upper=1)",
            "a p value by Holm's method is less than that of a smaller one",
        ),
        (
            "grid/contrasts",
            "best = gains.mean().idxmax()",
            "best = r.mean().idxmax()",
            "the best model is sought by means over different splits",
        ),
        (
            "grid/contrasts",
            '["dataset", "trait"])["difference"].idxmax()',
            '["dataset", "trait"])["pearson_r"].idxmax()',
            "a trait's winner is the one with the greatest mean, whatever its splits",
        ),
        # --- publish
        (
            "grid/publish",
            "merged, new = {fit.name: fit for fit in published}, 0",
            "merged, new = {}, 0",
            "what another machine has published is lost",
        ),
    ]
]


def main(modules: list[str]) -> None:
    """Try the mutants of some modules, or of all, print what killed each, and write the table of all."""
    from epidl import storage
    from epidl.grid import (
        # late: a mutant's process imports this module, and must not import the library with it
        results,
    )

    unknown = set(modules) - set(TESTS)
    if unknown:
        raise SystemExit(
            f"modules must be among {', '.join(TESTS)}, got {', '.join(sorted(unknown))}"
        )
    started, rows, known = datetime.now(UTC), [], killers()
    for mutant in MUTANTS:
        if not modules or mutant.module in modules:
            begun = time.perf_counter()
            killed_by = find_killer(mutant, known.get(mutant.breaks, ""))
            rows.append({"mutant": mutant.breaks, "module": mutant.module, "killed_by": killed_by})
            seconds = time.perf_counter() - begun
            print(
                f"{mutant.module}: {mutant.breaks}: {killed_by or 'SURVIVED'} ({seconds:.0f} s)",
                flush=True,
            )
    survived = [row["mutant"] for row in rows if not row["killed_by"]]
    print(f"{len(rows) - len(survived)} of {len(rows)} mutants were killed")
    if not modules:
        record = results.provenance({"mutants": len(rows)}, started)
        storage.write_text(DATA / "mutants.provenance.json", json.dumps(record, indent=1) + "\n")
        storage.write_table(DATA / "mutants.csv", pd.DataFrame(rows))
    raise SystemExit(1 if survived else 0)


def killers() -> dict[str, str]:
    """Return what killed each mutant when the table was last written."""
    path = DATA / "mutants.csv"
    return (
        pd.read_csv(path, keep_default_na=False).set_index("mutant")["killed_by"].to_dict()
        if path.exists()
        else {}
    )


def find_killer(mutant: Mutant, known: str = "") -> str:
    """Return the first test that fails with a mutant, '' where none does; a known killer is tried
    before all others.
    """
    files = [f"tests/{name}" for name in TESTS[mutant.module]]
    return (known and kill(mutant, [known])) or kill(mutant, files)


def kill(mutant: Mutant, tests: list[str]) -> str:
    """Return the first of some tests (files, or nodes) that fails with a mutated library, '' where all
    pass.

    In a process of its own. Raises RuntimeError where the tests cannot be collected: that is no
    death.
    """
    if not torch.cuda.is_available():
        os.environ["TRITON_INTERPRET"] = "1"  # see conftest.py: what is preloaded imports Triton
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, context, max_tasks_per_child=1) as process,
    ):
        shutil.copytree(
            ROOT / "lib",
            Path(folder, "lib"),
            ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"),
        )
        mutant.apply(Path(folder))
        status, failed = process.submit(_run, str(Path(folder, "lib")), tests).result(timeout=900)
    if status == pytest.ExitCode.USAGE_ERROR and "::" in tests[0]:  # a test of another name by now
        return ""
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) or bool(failed) != (
        status != 0
    ):
        raise RuntimeError(
            f"the tests of the mutant {mutant.breaks!r} did not run: {', '.join(tests)}, {status!r}"
        )
    return failed


def _run(library: str, tests: list[str]) -> tuple[int, str]:
    """Run tests with a library, in this process; return pytest's exit status and the first test that
    failed.
    """
    os.chdir(ROOT)
    sys.dont_write_bytecode = True
    # the library for the processes that a test starts, and no plugins: most take longer to load
    # than a test to fail
    os.environ |= {"PYTHONPATH": library, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    sys.path.insert(0, library)
    import epidl

    assert epidl.__file__.startswith(library), f"{epidl.__file__} is not the mutated library"
    witness = _Witness()
    options = ["-x", "-m", "not slow and not book", "-p", "no:terminal", "-p", "no:cacheprovider"]
    return int(pytest.main([*options, *tests], plugins=[witness])), witness.failed


class _Witness:
    """A pytest plugin that notes the first test that failed, and has hypothesis stop at its first
    example.
    """

    failed = ""

    def pytest_sessionstart(self) -> None:
        from hypothesis import Phase, settings

        settings.register_profile(
            "first failure", settings(phases=[Phase.explicit, Phase.generate])
        )
        settings.load_profile("first failure")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


if __name__ == "__main__":
    main(sys.argv[1:])
