"""The estimator `RobustRegressor`."""

from typing import Any
from warnings import warn

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from fastloss import Loss
from fastloss.adapters.sklearn.fit import fitted
from fastloss.adapters.sklearn.problem import Problem

Array = np.ndarray[Any, Any]

#: With fewer columns, BLAS gets one thread: a product of a few thousand rows takes less time than its threads
#: need to synchronise. With 20 columns, a fit to a million rows takes a third of the time, even where the
#: other processors are busy.
NARROW = 64


class RobustRegressor(RegressorMixin, BaseEstimator):
    """Linear regression that is robust to outliers.

    Minimises the mean of ``loss(X @ coef_ + intercept_, y)`` plus ``alpha / 2 * coef_ @ coef_``. The loss's
    threshold is `delta` times the scale of the residuals, which is estimated with the coefficients.

    Parameters
    ----------
    loss : Loss or str, default "huber"
        A loss of the error ``pred - target``, or its name, with no parameter but a threshold in the units of
        the error.
    delta : float, optional
        The loss's parameter, such as Huber's ``delta`` or the ``scale`` of `tukey_biweight`, in units of
        ``scale_``. The default, such as 1.345 for Huber and 4.685 for Tukey, makes the estimate 95 % as
        efficient as least squares if errors are normal; where such a value is not known, it is the loss's own
        default.
    scale : {"mad", "proposal2"} or float, default "mad"
        How the scale of the residuals is estimated: by their median absolute value divided by 0.6745, or by
        Huber's proposal 2. A number is the scale itself.
    alpha : float, default 0.0
        The strength of the penalty. The intercept is not penalised.
    fit_intercept : bool, default True
        Whether there is an intercept.
    max_iter : int, default 200
        The largest number of steps.
    tol : float, default 1e-8
        A fit has converged when no prediction moves by more than this fraction of the scale, or by more than
        a few rounding errors.
    warm_start : bool, default False
        Whether a fit starts from the previous one.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        The slopes.
    intercept_ : float
        The intercept, or 0.0.
    scale_ : float
        The scale of the residuals.
    outliers_ : ndarray of bool of shape (n_samples,)
        Which samples lie beyond the threshold, or 2.5 times the scale for a loss without one.
    n_iter_ : int
        The number of steps taken.

    Notes
    -----
    A fit starts from least absolute errors. With many rows, it starts from a fit of a twentieth of them,
    which starts in the same way. The steps are those of Newton's method where the second derivative is large
    enough, else those of iteratively reweighted least squares, and are halved until the objective falls. A
    matrix of second derivatives is reused for several steps as long as these shorten tenfold.

    References
    ----------
    P. J. Huber and E. M. Ronchetti, "Robust Statistics", 2nd edition (2009), chapter 7; proposal 2 is in
    section 6.4.

    Examples
    --------
    >>> import numpy as np
    >>> from fastloss.adapters.sklearn import RobustRegressor
    >>> X = np.arange(8.0)[:, np.newaxis]
    >>> model = RobustRegressor().fit(X, [1.1, 2.9, 5.1, 50.0, 9.1, 10.9, 13.1, 14.9])
    >>> model.coef_.round(2), model.outliers_.tolist()
    (array([1.99]), [False, False, False, True, False, False, False, False])
    """

    coef_: Array
    intercept_: float

    def __init__(
        self,
        loss: Loss | str = "huber",
        *,
        delta: float | None = None,
        scale: str | float = "mad",
        alpha: float = 0.0,
        fit_intercept: bool = True,
        max_iter: int = 200,
        tol: float = 1e-8,
        warm_start: bool = False,
    ) -> None:
        self.loss = loss
        self.delta = delta
        self.scale = scale
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "RobustRegressor":
        """Fit the model.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples, of float32 or float64; anything else is converted to float64.
        y : array_like of shape (n_samples,)
            Targets.
        sample_weight : array_like of shape (n_samples,), optional
            Weights, finite and >= 0: a sample of weight 2 counts as two samples.

        Returns
        -------
        RobustRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            A loss that is not one of the error, or has parameters other than a threshold; an unknown scale;
            anything that fastloss or scikit-learn refuses.

        Warns
        -----
        ConvergenceWarning
            The fit has not converged after `max_iter` steps.
        """
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], y_numeric=True)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
        problem = Problem.of(
            self.loss, self.delta, self.scale, self.alpha, self.fit_intercept, X, y, sample_weight
        )
        start = None
        if self.warm_start and hasattr(self, "coef_"):
            start = np.append(self.coef_, self.intercept_)
            if start.size != X.shape[1] + 1:
                raise ValueError(
                    f"RobustRegressor: warm_start needs the {start.size - 1} features of the previous fit, "
                    f"got {X.shape[1]}"
                )
        with threadpool_limits(1 if X.shape[1] < NARROW else None, user_api="blas"):
            found = fitted(problem, start, self.max_iter, self.tol)
        self.coef_, self.intercept_ = found.coef[:-1], float(found.coef[-1])
        self.scale_, self.n_iter_ = found.scale, found.steps
        beyond = 2.5 if problem.delta is None else problem.delta
        self.outliers_ = abs(problem.y - found.pred) > beyond * found.scale
        if not found.converged:
            warn(
                f"RobustRegressor: no convergence after max_iter={self.max_iter} steps",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def predict(self, X: Any) -> Array:
        """Predict targets.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            ``X @ coef_ + intercept_``.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        found: Array = X @ self.coef_.astype(X.dtype) + X.dtype.type(self.intercept_)
        return found
