"""The CPU's own tests, on the device."""

import pytest

from tests.test_calls import (  # noqa: F401
    test_an_output_may_replace_an_input,
    test_calls_equal_the_reference,
    test_nan_and_infinity_pass_through_the_kernels,
    test_normalizer_replaces_the_number_of_elements,
    test_two_outputs_may_replace_both_inputs,
)
from tests.test_layouts import (  # noqa: F401
    test_targets_broadcast_to_preds_shape,
    test_types_are_computed_in_float32_or_float64,
)
from tests.test_parameters import (  # noqa: F401
    test_array_parameters_equal_the_reference,
    test_columns_have_parameters_of_their_own,
    test_numbers_and_arrays_mix,
)
from tests.test_sum import (  # noqa: F401
    test_gradient_of_the_mean_is_rounded_as_documented,
    test_sum_has_the_documented_shape,
)
from tests.test_weights import (  # noqa: F401
    test_left_out_elements_count_nowhere,
    test_masked_mean_is_numpys_mean,
    test_weighted_mean_is_numpys_average,
    test_weights_are_cast_and_do_not_choose_the_type,
)

pytestmark = pytest.mark.usefixtures("everything_on_the_device")
