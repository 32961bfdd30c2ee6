"""fastloss in the worker processes of PyTorch and in threads beside its computations: the same bits."""

import os

import pytest

from tests.hosts import SETUP, TWO
from tests.subprocesses import answer, run_python

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")

# Both PyTorch and fastloss have started OpenMP threads when the workers are forked.
LOADER = """
import torch
from torch.utils.data import DataLoader, Dataset

class Computed(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, k):
        return computed()

wanted = computed()
assert went_parallel()
torch.ones(1 << 20).exp().sum()
options = {"batch_size": None, "num_workers": 2, "timeout": 60, "multiprocessing_context": "fork"}
found = list(DataLoader(Computed(), **options))
print(json.dumps(found == [wanted] * 4))
"""

BESIDE = """
import torch

wanted, found, ended = expected(), set(), threading.Event()
values, turns = torch.rand(400, 400, requires_grad=True), []

def train():
    while not ended.is_set():
        (values @ values).exp().sum().backward()
        turns.append(None)

def compute():
    found.update(computed() for _ in range(100))

trainer = threading.Thread(target=train)
workers = [threading.Thread(target=compute) for _ in range(4)]
for each in (trainer, *workers):
    each.start()
for worker in workers:
    worker.join()
ended.set()
trainer.join()
print(json.dumps([found == {wanted}, len(turns) > 0]))
"""


def test_workers_of_a_data_loader_compute_the_same():
    assert answer(run_python(SETUP + LOADER, env=TWO)) is True


def test_threads_beside_pytorchs_training_compute_the_same():
    assert answer(run_python(SETUP + BESIDE, env=TWO)) == [True, True]
