"""The registry: one row per model, which grid, own data, costs, figures, planner and pages read.

A row names functions as `module:function` of this folder, so that reading the registry loads no
model. A new model needs a module with its recipe, a row here, and a test.
"""

import pkgutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from epidl.models.task import Prediction, Task

MOST_WIDTH = 512  # of the networks that are trained patiently


@dataclass(frozen=True)
class Model:
    """How a model is fitted, what limits it, and how it is drawn.

    recipe: fits and predicts, see `task`. label, color, marker: in figures. A model without a label
    is drawn as a line of theory only. published: whether the publication has it. Such models are
    fitted under each protocol, others under `held_out` alone if a cell has that. selects: whether
    it needs features that a LASSO selects. own_data: whether a reader's own cohort is offered it.

    plan: of a network's training, '' for other models. Networks need a validation part and train on
    a GPU if there is one. batch_norm: whether it normalises by batch. penalties: the L1 penalties
    that are tried. n_fits: networks that it trains, if not one for each penalty. most_width,
    most_markers: limits, 0 for none, the latter in own data only. chooses: parameters of a cell
    that a search chooses from. trials: the parameter with the number of trials, '' if another
    model's search or fit is taken, as `taken` says.

    work, memory, and layers of networks: for estimates of costs, see `work`. closed_form: of its
    expected accuracy, see `theory`. The planner forecasts models that have one.
    """

    name: str
    recipe: str
    label: str = ""
    color: str = ""
    marker: str = ""
    published: bool = False
    selects: bool = False
    own_data: bool = False
    plan: Literal["", "sgd", "mlp", "patient"] = ""
    batch_norm: bool = False
    penalties: tuple[float, ...] = (0.0,)
    n_fits: int = 0
    most_width: int = 0
    most_markers: int = 0
    chooses: tuple[str, ...] = ()
    trials: str = ""
    taken: bool = False
    work: str = ""
    memory: str = ""
    layers: str = ""
    closed_form: str = ""

    @property
    def is_network(self) -> bool:
        """Whether it is trained by gradient descent: on a GPU if there is one, with a validation
        part.
        """
        return bool(self.plan)

    def predict(self, task: "Task") -> "Prediction":
        """Fit the model to a task's training individuals and return what it predicts for the test
        individuals.

        seconds, if the recipe does not say them: of fit and prediction.
        """
        started = time.perf_counter()
        prediction = load(self.recipe)(task, self)
        return replace(
            prediction, columns={"seconds": time.perf_counter() - started} | prediction.columns
        )

    def width(self, hidden_width: int) -> int:
        """Return the width of the hidden layers, for one that is asked for."""
        return min(hidden_width, self.most_width or hidden_width)

    def searches(self, cell: Any) -> bool:
        """Tell whether a cell leaves it something to choose."""
        return any(len(set(getattr(cell, name))) > 1 for name in self.chooses)


def load(function: str) -> Callable[..., Any]:
    """Return the function that a row names."""
    return pkgutil.resolve_name(f"epidl.models.{function}")


_ROWS = (
    Model(
        "ridge",
        "ridge:predict",
        *("Ridge", "mud", "s"),
        published=True,
        own_data=True,
        work="work:ridge",
        memory="work:ridge_memory",
        closed_form="ridge",
    ),
    Model(
        "ridge_sgd",
        "deep:predict_linear",
        *("Ridge by SGD", "aegean", "o"),
        published=True,
        plan="sgd",
        layers="work:linear_layers",
    ),
    Model(
        "mlp",
        "deep:predict_mlp",
        *("MLP", "amber", "D"),
        published=True,
        own_data=True,
        plan="mlp",
        batch_norm=True,
        chooses=("rates",),
        trials="n_trials",
        layers="work:mlp_layers",
        closed_form="mlp",
    ),
    Model(
        "lasso",
        "pruned:predict_lasso",
        *("LASSO", "vital", "^"),
        published=True,
        selects=True,
        plan="sgd",
        layers="work:linear_layers",
    ),
    Model(
        "lasso_pruned",
        "pruned:predict_lasso_pruned",
        *("Pruned LASSO", "lapis", "v"),
        published=True,
        selects=True,
        plan="sgd",
        chooses=("rates", "max_features"),
        layers="work:linear_layers",
    ),
    Model(
        "mlp_pruned",
        "pruned:predict_mlp_pruned",
        *("Pruned MLP", "cinnabar", "P"),
        published=True,
        selects=True,
        plan="mlp",
        batch_norm=True,
        chooses=("rates", "max_features"),
        trials="n_trials_pruned",
        layers="work:mlp_layers",
    ),
    Model(
        "mlp_recomputed",
        "deep:predict_mlp_recomputed",
        *("MLP, batch norm recomputed", "umber", "."),
        plan="mlp",
        batch_norm=True,
        chooses=("rates",),
        taken=True,
        layers="work:mlp_layers",
    ),
    Model(
        "mlp_patient",
        "deep:predict_mlp_patient",
        *("MLP, trained longer", "mustard", "<"),
        plan="patient",
        batch_norm=True,
        most_width=MOST_WIDTH,
        layers="work:mlp_layers",
    ),
    Model(
        "skip_mlp",
        "deep:predict_skip_mlp",
        *("One-layer network", "rose", ">"),
        plan="patient",
        most_width=MOST_WIDTH,
        layers="work:skip_mlp_layers",
    ),
    Model(
        "sparse_mlp",
        "deep:predict_skip_mlp",
        *("Sparse MLP", "tanzanite", "X"),
        own_data=True,
        plan="patient",
        penalties=(0.0001, 0.0003, 0.001, 0.003),
        most_width=MOST_WIDTH,
        layers="work:skip_mlp_layers",
    ),
    Model(
        "pair_network",
        "deep:predict_pair_network",
        *("Pair network", "tangerine", "8"),
        own_data=True,
        plan="patient",
        penalties=(0.001, 0.003, 0.01, 0.03, 0.1),
        most_markers=2_000,
        layers="work:pair_network_layers",
    ),
    Model(
        "mlp_ensemble",
        "ensemble:predict",
        *("Tuned network", "redwood", "p"),
        own_data=True,
        plan="mlp",
        n_fits=40,  # see `ensemble`
        layers="work:mlp_ensemble_layers",
    ),
    Model(
        "kernel",
        "kernels:predict",
        *("Epistatic kernel", "seaweed", "*"),
        own_data=True,
        work="work:kernel",
        memory="work:kernel_memory",
        closed_form="kernel",
    ),
    Model(
        "gaussian",
        "gaussian:predict",
        *("Gaussian kernel", "concord", "+"),
        own_data=True,
        work="work:gaussian",
        memory="work:gaussian_memory",
    ),
    Model(
        "orders",
        "orders:predict",
        *("Kernel of products", "teal", "2"),
        own_data=True,
        work="work:orders",
        memory="work:orders_memory",
    ),
    Model(
        "pairs",
        "pairs:predict_pairs",
        *("Sparse pairs", "dusk", "d"),
        own_data=True,
        most_markers=10_000,
        work="work:pairs",
        memory="work:pairs_memory",
        closed_form="pairs",
    ),
    Model(
        "trees",
        "trees:predict",
        *("Boosted trees", "forest", "1"),
        own_data=True,
        work="work:trees",
        memory="work:trees_memory",
    ),
    Model(
        "lasso_path",
        "lasso_path:predict",
        *("LASSO, cross-validated", "terracotta", "x"),
        own_data=True,
        work="work:lasso_path",
        memory="work:lasso_path_memory",
    ),
    Model(
        "lasso_pairs",
        "lasso_pairs:predict",
        *("LASSO with pairs", "asparagus", "H"),
        own_data=True,
        most_markers=10_000,
        work="work:lasso_pairs",
        memory="work:lasso_pairs_memory",
    ),
    Model(
        "oracle",
        "oracle:predict",
        *("Oracle", "crow", "h"),
        work="work:oracle",
        memory="work:oracle_memory",
    ),
    Model("theory_ridge", "theory:predict", closed_form="ridge"),
    Model("theory_kernel", "theory:predict", closed_form="kernel"),
    Model("theory_oracle", "theory:predict", closed_form="oracle"),
)
MODELS = {row.name: row for row in _ROWS}
