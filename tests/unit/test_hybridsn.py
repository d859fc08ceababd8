"""HybridSN: its principal components, its three kinds of layers, and dropout."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.models.parts.dropout import Dropout
from pipeline.models.recogniser_parts.principal_components import principal_components
from pipeline.models.recogniser_parts.recogniser_building import TaskFacts, build_recogniser
from tests.unit.recogniser_examples import hybridsn, paper_hybridsn

pytestmark = pytest.mark.usefixtures("one_thread")

BANDS = 20


def network(**changed: object) -> Any:
    return build_recogniser(hybridsn(**changed), TaskFacts(5, BANDS), 0).eval()


def spectra(pixels: int = 300, offset: float = 0.0) -> Tensor:
    """Return spectra that vary along each direction differently, float32."""
    generator = torch.Generator().manual_seed(1)
    mixed = torch.randn(BANDS, BANDS, generator=generator)
    drawn = torch.randn(pixels, BANDS, generator=generator) * 0.8 ** torch.arange(BANDS)
    return drawn @ mixed + offset


def singular(pixels: Tensor, components: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return directions and standard deviations along them, by singular values."""
    values = pixels.double().numpy()
    centred = values - values.mean(0)
    _, singular_values, directions = np.linalg.svd(centred, full_matrices=False)
    directions = directions[:components]
    for one in directions:
        one *= np.sign(one[np.abs(one).argmax()])
    return directions, singular_values[:components] / np.sqrt(len(values) - 1)


# ---------------------------------------------------------------- principal components


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("components", [1, 6, BANDS])
def test_principal_components_are_those_of_singular_values(components: int, whiten: bool) -> None:
    pixels = spectra()
    directions, deviations = singular(pixels, components)

    mean, found = principal_components(pixels, components, whiten=whiten)

    expected = directions / deviations[:, None] if whiten else directions
    assert np.allclose(mean, pixels.double().mean(0), rtol=0, atol=1e-12)
    assert np.allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_components_vary_less_and_less_and_do_not_vary_together() -> None:
    pixels = spectra().double()
    mean, plain = principal_components(pixels, 8, whiten=False)
    _, whitened = principal_components(pixels, 8, whiten=True)

    covariance = torch.cov(((pixels - mean) @ plain.T).T)
    white = torch.cov(((pixels - mean) @ whitened.T).T)

    variances = covariance.diagonal()
    assert (variances.diff() < 0).all()
    assert torch.allclose(covariance, variances.diag(), atol=1e-9)
    assert torch.allclose(white, torch.eye(8, dtype=torch.float64), atol=1e-9)


def test_the_largest_entry_of_a_direction_is_positive() -> None:
    for pixels in (spectra(), -spectra()):
        _, directions = principal_components(pixels, 8, whiten=False)

        assert (directions.gather(1, directions.abs().argmax(1, keepdim=True)) > 0).all()


def test_a_large_offset_costs_no_precision() -> None:
    near, far = spectra().double(), spectra().double() + 1e5

    _, expected = principal_components(near, 4, whiten=True)
    _, found = principal_components(far, 4, whiten=True)

    assert torch.allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_more_pixels_than_are_taken_at_a_time_count_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pixels = spectra()
    mean, expected = principal_components(pixels, 4, whiten=True)
    monkeypatch.setattr("pipeline.models.recogniser_parts.principal_components._ROWS", 37)

    again, found = principal_components(pixels, 4, whiten=True)

    assert torch.allclose(again, mean, atol=1e-12)
    assert torch.allclose(found, expected, atol=1e-9)


def test_a_network_is_fitted_and_projects_scenes() -> None:
    model = network()
    pixels = spectra(offset=3.0)
    cube = pixels[:12].reshape(4, 3, BANDS)
    assert not model.mean.any()
    assert model.basis.shape == (8, BANDS)

    model.fit(pixels)
    projected = model.project(cube)

    directions, deviations = singular(pixels, 8)
    centred = (cube.double() - pixels.double().mean(0)).numpy()
    expected = np.moveaxis(centred @ directions.T / deviations, 2, 0)
    assert projected.shape == (8, 4, 3)
    assert projected.is_contiguous()
    assert np.allclose(projected, expected, atol=1e-3)


def test_whitening_brings_every_component_to_a_variance_of_1() -> None:
    pixels = spectra()
    variances = {}
    for whiten in (True, False):
        model = network(whiten=whiten)
        model.fit(pixels)
        variances[whiten] = model.project(pixels[None]).var(dim=(1, 2))

    assert torch.allclose(variances[True], torch.ones(8), atol=1e-3)
    assert variances[False].max() > 10 * variances[False].min()


def test_the_projection_travels_with_the_weights_and_is_no_parameter() -> None:
    model, other = network(), network()
    model.fit(spectra())

    other.load_state_dict(model.state_dict())

    cube = spectra()[None]
    assert torch.equal(other.project(cube), model.project(cube))
    assert not {"mean", "basis"} & {name for name, _ in model.named_parameters()}


def test_fitting_leaves_weights_and_pixels_alone() -> None:
    model, pixels = network(), spectra()
    before = {name: one.clone() for name, one in model.named_parameters()}

    model.fit(pixels)

    assert torch.equal(pixels, spectra())
    assert all(torch.equal(before[name], one) for name, one in model.named_parameters())


def test_fewer_components_are_the_first_ones() -> None:
    few, many = network(components=8), network(components=12)
    for model in (few, many):
        model.fit(spectra())

    assert torch.equal(few.basis, many.basis[:8])


# -------------------------------------------------------------------- bad input refused


@pytest.mark.parametrize("pixels", [0, 1, 7, 8])
def test_too_few_pixels_are_refused(pixels: int) -> None:
    with pytest.raises(ValueError, match=f"more than 8 pixels .* came {pixels}:"):
        network().fit(spectra()[:pixels])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_bands_that_are_not_finite_are_refused_by_number(value: float) -> None:
    pixels = spectra()
    pixels[5, 3] = pixels[7, 17] = value

    with pytest.raises(ValueError, match=r"bands \[3, 17\]"):
        network().fit(pixels)


def test_pixels_that_do_not_differ_cannot_be_whitened() -> None:
    pixels = spectra()
    flat = pixels[:, :1] @ torch.ones(1, BANDS) + pixels[:, 1:2] @ torch.rand(1, BANDS)

    with pytest.raises(ValueError, match=r"along 8 directions,.* they differ along 2:"):
        network().fit(flat)
    network(whiten=False).fit(flat)


def test_constant_pixels_cannot_be_whitened() -> None:
    with pytest.raises(ValueError, match="they differ along 0:"):
        network().fit(torch.full((50, BANDS), 0.25))


def test_other_numbers_of_bands_are_refused() -> None:
    model = network()
    with pytest.raises(ValueError, match="20 bands; came 19"):
        model.fit(spectra()[:, 1:])
    model.fit(spectra())
    with pytest.raises(ValueError, match="20 bands; came 21"):
        model.project(torch.rand(3, 3, 21))


def test_more_components_than_bands_are_refused() -> None:
    with pytest.raises(ValueError, match="8 components of 7 bands"):
        build_recogniser(hybridsn(), TaskFacts(5, 7), 0)
    with pytest.raises(ValueError, match="at least 21 bands"):
        principal_components(spectra(), 21, whiten=False)


def test_a_network_without_components_does_not_project() -> None:
    with pytest.raises(RuntimeError, match="'fit'"):
        network().project(torch.rand(3, 3, BANDS))


@pytest.mark.parametrize("shape", [(7, 9, 9), (8, 9, 7), (8, 11, 11), (9, 9)])
def test_windows_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected windows of 8 x 9 x 9 values; came"):
        network()(torch.rand(2, *shape))


# ------------------------------------------------------------------------------- layers


def kinds(model: nn.Module) -> list[str]:
    names = {nn.Conv3d: "3-D", nn.Conv2d: "2-D", nn.Linear: "full", nn.ReLU: "relu"}
    return [names[type(layer)] for layer in model.modules() if type(layer) in names]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, [*["3-D", "relu"] * 2, "2-D", "relu", *["full", "relu"] * 2, "full"]),
        ({"spectral": []}, ["2-D", "relu", *["full", "relu"] * 2, "full"]),
        ({"spatial": []}, [*["3-D", "relu"] * 2, *["full", "relu"] * 2, "full"]),
        ({"hidden": []}, [*["3-D", "relu"] * 2, "2-D", "relu", "full"]),
        ({"hidden_activation": False}, [*["3-D", "relu"] * 2, "2-D", "relu", *["full"] * 3]),
    ],
)
def test_settings_decide_which_layers_there_are(
    changed: dict[str, Any], expected: list[str]
) -> None:
    assert kinds(network(**changed)) == expected


def test_what_the_spectrum_leaves_becomes_feature_maps() -> None:
    with torch.device("meta"):
        model: Any = build_recogniser(paper_hybridsn(), TaskFacts(16, 200), 0)
        maps = model.spectral(torch.empty(2, 1, 30, 25, 25))

    assert maps.shape == (2, 32, 18, 19, 19)
    assert model.spatial[0].in_channels == 32 * 18
    assert model.hidden[0].in_features == 64 * 17 * 17


def test_the_order_of_components_is_kept_within_each_feature_map() -> None:
    model = network(spectral=[[4, 3]], spatial=[6])
    with torch.no_grad():
        model.spatial[0].weight.zero_()
        model.spatial[0].weight[:, 2 * 6 + 5] = 1  # map 2, last place along the spectrum
        windows = torch.rand(1, 8, 9, 9)
        changed = windows.clone()
        changed[:, :5] += 1

        assert torch.equal(model(windows), model(changed))


def test_without_their_relu_the_fully_connected_layers_are_one_linear_map() -> None:
    one, other = torch.randn(2, 6 * 3 * 3)
    linear = {}
    for activated in (True, False):
        model = network(hidden_activation=activated)
        layers = nn.Sequential(model.hidden, model.classifier)
        with torch.no_grad():
            both = layers(one + other) + layers(torch.zeros(6 * 3 * 3))
            linear[activated] = torch.allclose(both, layers(one) + layers(other), atol=1e-5)

    assert linear == {True: False, False: True}


def test_hidden_units_are_dropped_in_training_alone() -> None:
    model = network(dropout=0.4).train()
    windows = torch.rand(2, 8, 9, 9)

    with torch.no_grad():
        assert not torch.equal(model(windows), model(windows))
        model.eval()
        assert torch.equal(model(windows), model(windows))

    assert [type(layer) for layer in model.hidden[2::3]] == [Dropout, Dropout]
    assert not any(isinstance(layer, Dropout) for layer in network().modules())


def test_a_resumed_training_drops_what_the_undisturbed_one_drops() -> None:
    undisturbed, resumed = (network(dropout=0.4).train() for _ in range(2))
    windows = torch.rand(4, 8, 9, 9)
    undisturbed(windows)
    state = {key: value.clone() for key, value in undisturbed.state_dict().items()}

    expected = [undisturbed(windows) for _ in range(2)]
    resumed.load_state_dict(state)
    torch.rand(3)  # random numbers of others

    assert all(torch.equal(resumed(windows), one) for one in expected)


def test_a_network_learns_which_spectrum_is_in_the_middle() -> None:
    model = build_recogniser(hybridsn(hidden=[16]), TaskFacts(2, BANDS), 0).train()
    generator = torch.Generator().manual_seed(0)
    windows = torch.randn(64, 8, 9, 9, generator=generator)
    labels = torch.arange(64) % 2
    windows[:, 2, 3:6, 3:6] += 3 * labels[:, None, None]
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)

    for _ in range(30):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model(windows), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    assert loss.item() < 0.1
