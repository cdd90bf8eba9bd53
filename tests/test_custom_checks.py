"""How exactly functions of one's own are checked: float32, steep functions, kinks, domains."""

import numpy as np
import pytest

import chainrule as cr

from .custom import squares, squares_derivative, tanh_derivative

pytestmark = pytest.mark.usefixtures("own_functions")


def in_float32(f, g):
    """f, but g where the argument is float32."""
    return lambda *arrays: (g if arrays[0].dtype == np.float32 else f)(*arrays)


THRICE = in_float32(np.tanh, lambda z: 3 * np.tanh(z))


def test_what_is_wrong_in_float32_alone_is_refused():
    with pytest.raises(ValueError, match=r"value: expected .* in float32 at z = .*, as in float64"):
        cr.register_activation("bad", THRICE, tanh_derivative)
    wrong = in_float32(tanh_derivative, lambda z: tanh_derivative(z) * np.float32(1.01))
    with pytest.raises(ValueError, match=r"derivative: expected .* in float32 at z = .*, as in"):
        cr.register_activation("bad", np.tanh, wrong)
    value = in_float32(squares, lambda A, Y: 3 * squares(A, Y))
    with pytest.raises(ValueError, match=r"value: expected .* in float32 at A = .*, Y = .*, as in"):
        cr.register_loss("bad", value, squares_derivative)
    derivative = in_float32(squares_derivative, lambda A, Y: 3 * (A - Y))
    with pytest.raises(ValueError, match=r"derivative: expected .* in float32 at A = .*, Y = "):
        cr.register_loss("bad", squares, derivative)


@pytest.mark.parametrize(("k", "least"), [(100, 3e-6), (1000, 1e-5)])
def test_steep_functions_are_held_to_what_is_promised(k, least):
    def derivative(z):
        return k * np.cos(k * z)

    def sine(z):
        return np.sin(k * z)

    cr.register_activation("sine", sine, derivative)
    for error in (least, -least, 5e-4):
        with pytest.raises(ValueError, match="where it is worst"):
            cr.register_activation("bad", sine, lambda z, e=error: derivative(z) * (1 + e))


@pytest.mark.parametrize("at", [1e-6, 5e-6, 1.1e-5, 0.3])
def test_kinks_near_points_where_slopes_are_measured_do_no_harm(at):
    cr.register_activation(
        "kinked", lambda z: np.maximum(z - at, 0), lambda z: (z > at).astype(z.dtype)
    )


def test_float16_is_refused_by_name():
    def half(z):
        return np.tanh(z).astype(np.float16)

    with pytest.raises(ValueError, match="value: expected float32 or float64, got float16"):
        cr.register_activation("bad", half, tanh_derivative)
    with pytest.raises(ValueError, match="derivative: expected float32 or float64, got float16"):
        cr.register_activation("bad", np.tanh, lambda z: tanh_derivative(z).astype("float16"))


def test_a_domain_that_no_step_fits_in_is_refused():
    text = r"\[register_activation\] domain: expected one at least 10 wide, .* got \(1000000.0, 1"
    with pytest.raises(ValueError, match=text):
        cr.register_activation("mine", np.tanh, tanh_derivative, domain=(1e6, 1e6 + 0.02))
    cr.register_activation("mine", np.tanh, tanh_derivative, domain=(1e6, 1e6 + 10.1))
    cr.register_activation("mine", np.tanh, tanh_derivative, domain=(-1000.02, -1000), replace=True)


def test_of_many_outputs_a_hundred_are_looked_at_the_first_and_the_last_among_them():
    calls = []

    def value(A, Y):
        calls.append(len(A))
        return squares(A, Y)

    cr.register_loss("wide", value, squares_derivative, n_outputs=1000)
    assert 1400 <= len(calls) < 1500
    for wrong in (0, -1):

        def derivative(A, Y, wrong=wrong):
            dA = squares_derivative(A, Y)
            dA[:, wrong] *= 2
            return dA

        with pytest.raises(
            ValueError, match=r"derivative: expected .* where it is worst"
        ) as caught:
            cr.register_loss("bad", squares, derivative, n_outputs=1000)
        assert len(str(caught.value)) < 300  # not all of Y
