"""Small checks of arguments: each returns the cleaned value or raises a ValueError with argument, value and bound."""

import math
import operator
import os
import reprlib
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST = 10**12  # of any whole number: no machine holds as many individuals, markers or units
LEAST_H2 = 1e-6  # noise has a thousand times the genetic values' spread; far more, and single precision lost them

_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxlong, _SHORT.maxstring, _SHORT.maxother = 3, 60, 120, 120


def shown(value: object) -> str:
    """Return a value as a message shows it: in one short line, whatever its size."""
    try:
        return " ".join(_SHORT.repr(value).split())
    except ValueError:  # Python writes no whole number of more than some thousand digits
        return f"a {type(value).__name__} too long to be shown"


def dimensions(value: object) -> int:
    """Return how many dimensions a value has as an array; two for lists of unequal lengths, which are no array."""
    try:
        return np.ndim(value)
    except ValueError:
        return 2


def integer(name: str, value: object, *, minimum: int, maximum: int | None = None, why: str = "") -> int:
    """Return `value` as an int within [minimum, maximum]; `why` completes the message of the upper bound."""
    try:
        number = operator.index(value)  # refuses 3.0 and "3": a silent rounding would hide a mistake
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):  # True is no number either
        raise ValueError(f"{name} must be a whole number, got {shown(value)}")
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {shown(number)}")
    if maximum is not None and number > maximum:
        raise ValueError(f"{name} must be at most {maximum}{why and f' ({why})'}, got {shown(number)}")
    return number


def real(
    name: str, value: object, *, minimum: float = -math.inf, maximum: float = math.inf, above: float = -math.inf
) -> float:
    """Return `value` as a finite float within [minimum, maximum] and greater than `above`."""
    if isinstance(value, (str, bytes, bool, np.bool_)) or dimensions(value):  # float("1") and float(True) would do
        raise ValueError(f"{name} must be a number, got {shown(value)}")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} must be a number, got {shown(value)}") from None
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
    matrix = floats(name, value)
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
    array = floats(name, value)
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
        raise ValueError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def choice(name: str, value: object, names: Collection[str]) -> str:
    """Return `value` where it is one of some names."""
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{name} must be one of {', '.join(names)}, got {shown(value)}")
    return value


def texts(name: str, value: object) -> list[str]:
    """Return `value` where it is a list of texts; one text is none, though Python goes through its letters."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence) or not all(isinstance(v, str) for v in value):
        raise ValueError(f"{name} must be a list of names, got {shown(value)}")
    return list(value)


def instance(name: str, value: object, kind: type, what: str) -> None:
    """Raise ValueError where `value` is not of a kind, said in words."""
    if not isinstance(value, kind):
        raise ValueError(f"{name} must be {what}, got {shown(value)}")


def array(name: str, value: ArrayLike) -> NDArray:
    """Return `value` as an array of any type and shape; lists of unequal lengths are none."""
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} must have rows of one length, got {shown(value)}") from None


def floats(name: str, value: object) -> NDArray[np.float64]:
    """Return `value` as a float array of any shape; neither texts, though they read as numbers, nor complex ones."""
    found = array(name, value)
    try:
        texts_within = found.dtype == object and any(isinstance(v, (str, bytes)) for v in found.flat)
        if found.dtype.kind not in "biufO" or texts_within:
            raise TypeError
        return found.astype(float, copy=False)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} must hold numbers only, got {shown(value)}") from None


def rows(name: str, value: ArrayLike, n_samples: int, *, minimum: int = 1, different: bool = True) -> NDArray[np.int64]:
    """Return numbers of samples, from 0; unless `different` is False, none may stand there twice."""
    is_list = dimensions(value) == 1
    array = np.asarray(value) if is_list else np.empty(0)
    if not is_list or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(f"{name} must be whole numbers, one a sample, got {shown(value)}")
    integer(f"len({name})", len(array), minimum=minimum)
    outside = array[(array < 0) | (array >= n_samples)]
    if outside.size:
        raise ValueError(f"{name} must be from 0 to {n_samples - 1}, one a sample, got {outside[0]}")
    if different and len(np.unique(array)) < len(array):
        raise ValueError(f"{name} must name each sample at most once, got {shown(value)}")
    return array.astype(np.int64, copy=False)


def path(name: str, value: object) -> Path:
    """Return a path that a file system can have; whether anything is there is not asked."""
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise ValueError(f"{name} must be a path, got {shown(value)}")
    try:
        os.lstat(value)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ValueError(f"{name} must be a path that the file system takes, got {shown(str(value))}: {why}") from None
    return Path(value)


def folder(name: str, value: object) -> Path | str:
    """Return a folder that can be written to, or made; an empty text or None, which stands for none, as a text."""
    if value is None or value == "":
        return ""
    found = path(name, value)
    nearest = next(place for place in (found, *found.absolute().parents) if os.path.lexists(place))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        why = "cannot be written to" if nearest.is_dir() else "is no folder"
        raise ValueError(f"{name} must be a folder that can be made, got {shown(str(value))}: {nearest} {why}")
    return found


def memory(name: str, value: object, n_bytes: float) -> None:
    """Raise MemoryError where what an argument asks for needs more memory than the machine has."""
    available = memory_bytes()
    if n_bytes > available:
        raise MemoryError(
            f"{name} must be small enough for the {available / 2**30:.1f} GiB of memory of this machine, got "
            f"{shown(value)}, which needs {n_bytes / 2**30:.3g}"
        )


def memory_bytes() -> float:
    """Return the bytes of memory of this machine."""
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
