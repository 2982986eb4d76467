"""Small checks of arguments: each returns the cleaned value or raises a ValueError with argument, value and bound."""

import math
import operator

import numpy as np
from numpy.typing import ArrayLike, NDArray


def integer(name: str, value: object, *, minimum: int, maximum: int | None = None, why: str = "") -> int:
    """Return `value` as an int within [minimum, maximum]; `why` completes the message of the upper bound."""
    try:
        number = operator.index(value)  # refuses 3.0 and "3": a silent rounding would hide a mistake
    except TypeError:
        raise ValueError(f"{name} must be a whole number, got {value!r}") from None
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {number}")
    if maximum is not None and number > maximum:
        raise ValueError(f"{name} must be at most {maximum}{why and f' ({why})'}, got {number}")
    return number


def real(
    name: str, value: object, *, minimum: float = -math.inf, maximum: float = math.inf, above: float = -math.inf
) -> float:
    """Return `value` as a finite float within [minimum, maximum] and greater than `above`."""
    if isinstance(value, (str, bytes)):  # float("1") would accept it
        raise ValueError(f"{name} must be a number, got {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, got {value!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {number}")
    if number <= above:
        raise ValueError(f"{name} must be greater than {above:g}, got {number:g}")
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum:g}, got {number:g}")
    if number > maximum:
        raise ValueError(f"{name} must be at most {maximum:g}, got {number:g}")
    return number


def correlation_matrix(name: str, value: float | ArrayLike, size: int) -> NDArray[np.float64]:
    """Return a (size, size) correlation matrix from one correlation for all pairs, or from the matrix itself."""
    matrix = _floats(name, value)
    if matrix.ndim == 0:
        rho = real(name, value, minimum=-1, maximum=1)
        matrix = np.full((size, size), rho)
        np.fill_diagonal(matrix, 1.0)
    if matrix.shape != (size, size):
        raise ValueError(f"{name} must be one number or a {size} x {size} matrix, got shape {matrix.shape}")
    if not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T) or not np.allclose(np.diag(matrix), 1):
        raise ValueError(f"{name} must be a correlation matrix: finite, symmetric, with ones on its diagonal")
    smallest = np.linalg.eigvalsh(matrix)[0]
    if smallest < -1e-10 * size:
        raise ValueError(
            f"{name} must be a correlation matrix: its smallest eigenvalue must be at least 0, got {smallest:.3g}"
        )
    return matrix


def matrix(name: str, value: ArrayLike, *, rows: int | None = None) -> NDArray[np.float64]:
    """Return `value` as a finite two-dimensional float array, with `rows` rows where given."""
    array = _floats(name, value)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} must be a matrix with at least one row and one column, got shape {array.shape}")
    if rows is not None and len(array) != rows:
        raise ValueError(f"{name} must have {rows} rows, one a sample, got {len(array)}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {int((~np.isfinite(array)).sum())} values that are not")
    return array


def boolean(name: str, value: object) -> bool:
    """Return `value` where it is True or False; "no" is neither."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def _floats(name: str, value: object) -> NDArray[np.float64]:
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers only, got {value!r}") from None
