"""Run the tests of these CPU modules on the device, except where the device differs as documented."""

from importlib import import_module

import pytest

pytestmark = pytest.mark.usefixtures("everything_on_the_device")

MODULES = (
    "calls", "errors", "layouts", "movers", "option_errors", "outputs", "parameters", "raising", "sum",
    "weight_errors", "weights",
)  # fmt: skip
OTHERWISE = {
    "values on a device are not checked, so no call raises or warns because of them": (
        "test_bad_weights_are_refused_and_nothing_is_written",
        "test_bounds_are_judged_by_the_numbers_themselves",
        "test_empty_arrays",
        "test_empty_arrays_with_weights_and_masks",
        "test_every_value_must_be_in_the_domain_and_nothing_is_written",
        "test_gradients_of_the_mean_of_nothing_warn_only_of_nan",
        "test_parameters_are_checked_before_and_after_they_are_cast",
        "test_the_mean_of_nothing_is_nan_with_a_warning",
        "test_weights_are_checked_before_they_are_cast",
        "test_weights_of_left_out_elements_are_not_checked",
        "test_weights_that_the_cast_makes_infinite_are_refused",
        "test_weights_whose_sum_has_no_reciprocal_are_refused",
    ),
    "these tests are about the engine of the host": (
        "test_a_kernel_of_which_a_part_ended_early_is_no_success",
        "test_a_large_call_in_threads_writes_every_element",
        "test_a_remembered_plan_does_not_skip_checks",
        "test_a_row_that_repeats_is_not_copied_to_the_size_of_the_input",
        "test_host_arrays_take_no_stream",
        "test_rows_are_fetched_as_numpy_casts",
        "test_the_statistics_check_that_all_of_it_was_done",
        "test_the_common_calls_of_a_loss_make_few_kernels",
        "test_without_numba_cuda_the_line_to_install_is_told",
    ),
    "on CUDA, Numba checks no array index and calls no function compiled for explicit types": (
        "test_what_raises_on_the_cpu_is_nan",
    ),
}

for _module in MODULES:
    for _name, _test in vars(import_module(f"tests.test_{_module}")).items():
        if _name.startswith("test_") and not any(_name in names for names in OTHERWISE.values()):
            assert _name not in globals(), f"two tests are named {_name}"
            globals()[_name] = _test


def test_what_is_left_out_exists():
    known = {name for module in MODULES for name in vars(import_module(f"tests.test_{module}"))}
    assert {name for names in OTHERWISE.values() for name in names} <= known
