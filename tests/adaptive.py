"""The published rules of the adaptive losses, step by step in plain NumPy, as references for the tests."""

import numpy as np


def smooth_l1(pred, target, beta):
    size = np.abs(pred - target)
    with np.errstate(all="ignore"):
        return np.where(size < beta, 0.5 * size**2 / beta, size - 0.5 * beta)


class DynamicRCNN:
    """https://arxiv.org/abs/2004.06002: the authors' code ("upper_median") or a toolbox's ("median")."""

    def __init__(self, beta_max, k, interval, statistic):
        self.beta = self.beta_max = beta_max
        self.k, self.interval, self.statistic = k, interval, statistic
        self.history, self.iterations = [], 0

    def __call__(self, pred, target, images):
        losses = smooth_l1(pred, target, self.beta)
        errors = np.abs(pred - target)
        errors = errors.mean(axis=tuple(range(1, errors.ndim)))
        errors = np.sort(errors)
        if errors.size > 0:
            kth = errors[min(self.k * images, errors.size) - 1]
            if not np.isnan(kth):
                self.history.append(kth)
        self.iterations += 1
        if self.iterations % self.interval == 0 and self.history:
            if self.statistic == "upper_median":
                self.beta = min(sorted(self.history)[len(self.history) // 2], self.beta_max)
            elif np.median(self.history) >= 1e-15:
                self.beta = min(np.median(self.history), self.beta_max)
        if self.iterations % self.interval == 0:
            self.history = []
        return losses


class AdjustSmoothL1:
    """https://arxiv.org/abs/1901.03353: the code of the authors."""

    def __init__(self, features, beta_max, beta_min, momentum):
        self.running_mean, self.running_var = np.full(features, beta_max), np.zeros(features)
        self.beta_max, self.beta_min, self.momentum = beta_max, beta_min, momentum

    def __call__(self, pred, target):
        n = np.abs(pred - target).reshape(-1, pred.shape[-1])
        with np.errstate(all="ignore"):
            variance = np.array([np.var(column, ddof=1) if len(column) > 1 else np.nan for column in n.T])
        if not np.isnan(variance).any():
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * n.mean(axis=0)
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * variance
        self.beta = np.clip(self.running_mean - self.running_var, self.beta_min, self.beta_max)
        return smooth_l1(pred, target, self.beta)
