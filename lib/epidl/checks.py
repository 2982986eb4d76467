"""Small checks of arguments: each returns the cleaned value or raises a ValueError with argument,
value and bound.
"""

import contextlib
import math
import operator
import os
import reprlib
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST = 10**12  # of any whole number: no machine holds as many individuals, markers or units
# noise has a thousand times the genetic values' spread; far more, and single precision lost them
LEAST_H2 = 1e-6

_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxlong, _SHORT.maxstring, _SHORT.maxother = 3, 60, 120, 120


def shown(value: object) -> str:
    """Return a value as a message shows it: in one short line, whatever its size."""
    try:
        return " ".join(_SHORT.repr(value).split())
    except ValueError:  # Python writes no whole number of more than some thousand digits
        return f"a {type(value).__name__} too long to be shown"


def require(condition: object, message: str) -> None:
    """Raise ValueError with a message, which names argument, bound and value, unless a condition
    holds.
    """
    if not condition:
        raise ValueError(message)


def dimensions(value: object) -> int:
    """Return how many dimensions a value has as an array, two for lists of unequal lengths."""
    try:
        return np.ndim(value)
    except ValueError:
        return 2


def integer(
    name: str, value: object, *, minimum: int, maximum: int | None = None, why: str = ""
) -> int:
    """Return `value` as an int within [minimum, maximum]. `why` completes the message of the upper
    bound.
    """
    try:
        # refuses 3.0 and "3": a silent rounding would hide a mistake
        number = operator.index(value)
    except TypeError:
        number = None
    require(
        number is not None and not isinstance(value, bool),
        f"{name} must be a whole number, got {shown(value)}",
    )
    require(number >= minimum, f"{name} must be at least {minimum}, got {shown(number)}")
    require(
        maximum is None or number <= maximum,
        f"{name} must be at most {maximum}{why and f' ({why})'}, got {shown(number)}",
    )
    return number


def real(
    name: str,
    value: object,
    *,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    above: float = -math.inf,
) -> float:
    """Return `value` as a finite float within [minimum, maximum] and greater than `above`."""
    # float("1") and float(True) work
    is_other = isinstance(value, (str, bytes, bool, np.bool_)) or dimensions(value)
    try:
        number = None if is_other else float(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    require(number is not None, f"{name} must be a number, got {shown(value)}")
    require(math.isfinite(number), f"{name} must be finite, got {number}")
    require(number > above, f"{name} must be greater than {above:g}, got {number:g}")
    require(number >= minimum, f"{name} must be at least {minimum:g}, got {number:g}")
    require(number <= maximum, f"{name} must be at most {maximum:g}, got {number:g}")
    return number


def correlation_matrix(name: str, value: float | ArrayLike, size: int) -> NDArray[np.float64]:
    """Return a (size, size) correlation matrix from one correlation for all pairs, or from the matrix
    itself.
    """
    matrix = floats(name, value)
    if matrix.ndim == 0:
        matrix = np.full((size, size), real(name, value, minimum=-1, maximum=1))
        np.fill_diagonal(matrix, 1.0)
    require(
        matrix.shape == (size, size),
        f"{name} must be one number or a {size} x {size} matrix, got shape {matrix.shape}",
    )
    must = f"{name} must be a correlation matrix: "
    require(
        np.isfinite(matrix).all()
        and np.allclose(matrix, matrix.T)
        and np.allclose(np.diag(matrix), 1),
        must + "finite, symmetric, with ones on its diagonal",
    )
    smallest = np.linalg.eigvalsh(matrix)[0]
    require(
        smallest >= -1e-10 * size,
        must + f"its smallest eigenvalue must be at least 0, got {smallest:.3g}",
    )
    return matrix


def matrix(name: str, value: ArrayLike, *, rows: int | None = None) -> NDArray[np.float64]:
    """Return `value` as a finite two-dimensional float array, with `rows` rows if given."""
    array = floats(name, value)
    require(
        array.ndim == 2 and array.size,
        f"{name} must be a matrix with at least one row and one column, got shape {array.shape}",
    )
    require(
        rows in (None, len(array)),
        f"{name} must have {rows} rows, one per individual, got {len(array)}",
    )
    n_bad = array.size - np.isfinite(array).sum()
    require(n_bad == 0, f"{name} must be finite, got {n_bad} values that are not")
    return array


def boolean(name: str, value: object) -> bool:
    """Return `value` if it is True or False. "no" is neither."""
    require(
        isinstance(value, (bool, np.bool_)), f"{name} must be True or False, got {shown(value)}"
    )
    return bool(value)


def choice(name: str, value: object, names: Collection[str]) -> str:
    """Return `value` if it is one of some names."""
    require(
        isinstance(value, str) and value in names,
        f"{name} must be one of {', '.join(names)}, got {shown(value)}",
    )
    return value


def texts(name: str, value: object) -> list[str]:
    """Return `value` if it is a list of strings. A single string is rejected, although it is
    iterable.
    """
    is_list = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    require(
        is_list and all(isinstance(item, str) for item in value),
        f"{name} must be a list of names, got {shown(value)}",
    )
    return list(value)


def instance(name: str, value: object, kind: type, what: str) -> None:
    """Raise ValueError if `value` is not of a kind, which `what` names."""
    if not isinstance(value, kind):  # to show a table takes milliseconds
        raise ValueError(f"{name} must be {what}, got {shown(value)}")


def array(name: str, value: ArrayLike) -> NDArray:
    """Return `value` as an array of any type and shape. Lists of unequal lengths are rejected."""
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} must have rows of one length, got {shown(value)}") from None


def floats(name: str, value: object) -> NDArray[np.float64]:
    """Return `value` as a float array of any shape. Strings, even of digits, and complex numbers
    are rejected.
    """
    found = array(name, value)
    has_texts = found.dtype == object and any(isinstance(item, (str, bytes)) for item in found.flat)
    if found.dtype.kind in "biufO" and not has_texts:
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            return found.astype(float, copy=False)
    raise ValueError(f"{name} must hold numbers only, got {shown(value)}")


def rows(
    name: str, value: ArrayLike, n_samples: int, *, minimum: int = 1, different: bool = True
) -> NDArray[np.int64]:
    """Return row numbers of individuals, from 0. Unless `different` is False, none may occur twice."""
    array = np.asarray(value) if dimensions(value) == 1 else np.zeros(1)
    require(
        not array.size or array.dtype.kind in "iu",
        f"{name} must be whole numbers, one per individual, got {shown(value)}",
    )
    integer(f"len({name})", len(array), minimum=minimum)
    outside = array[(array < 0) | (array >= n_samples)].tolist()
    require(
        not outside,
        f"{name} must be from 0 to {n_samples - 1}, one per individual, got {shown(outside[:1])[1:-1]}",
    )
    require(
        not different or len(np.unique(array)) == len(array),
        f"{name} must name each sample at most once, got {shown(value)}",
    )
    return array.astype(np.int64, copy=False)


def path(name: str, value: object) -> Path:
    """Return a path that a file system can have, whether or not it exists."""
    require(
        isinstance(value, (str, os.PathLike)) and os.fspath(value),
        f"{name} must be a path, got {shown(value)}",
    )
    try:
        os.lstat(value)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ValueError(
            f"{name} must be a path that the file system takes, got {shown(str(value))}: {why}"
        ) from None
    return Path(value)


def folder(name: str, value: object) -> Path | str:
    """Return a folder that can be written to or made, or "" for None and an empty string, which
    mean no folder.
    """
    if value is None or value == "":
        return ""
    found = nearest = path(name, value)
    while not os.path.lexists(nearest):
        nearest = nearest.absolute().parent
    must = f"{name} must be a folder that can be made, got {shown(str(value))}: {nearest} "
    require(nearest.is_dir(), must + "is no folder")
    require(os.access(nearest, os.W_OK | os.X_OK), must + "cannot be written to")
    return found


def memory(name: str, value: object, n_bytes: float) -> None:
    """Raise MemoryError if what an argument asks for needs more memory than the machine has."""
    available = memory_bytes()
    if n_bytes > available:
        raise MemoryError(
            f"{name} must be small enough for the {available / 2**30:.1f} GiB of memory of this machine, got "
            f"{shown(value)}, which needs {n_bytes / 2**30:.3g}"
        )


def memory_bytes() -> float:
    """Return the bytes of memory of this machine."""
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
