"""Linear regression with any loss of the error for scikit-learn: `RobustRegressor`."""

try:
    from fastloss.adapters.sklearn.regressor import RobustRegressor
except ImportError as error:
    raise ImportError(
        "fastloss.adapters.sklearn needs scikit-learn 1.6 or newer: pip install 'fastloss[sklearn]'"
    ) from error

__all__ = ["RobustRegressor"]
