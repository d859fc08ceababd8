"""Tiles against the whole image, for networks with weights as large as trained ones have."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.arrays.pixels import Array, from_8bit, to_8bit
from pipeline.images.files import read_image
from pipeline.machine.precision import Precision
from pipeline.models.dncnn.settings import DnCNN
from pipeline.models.parts.building import build_model
from pipeline.models.parts.grid import pad_to_multiple
from pipeline.models.parts.pooling import GlobalAverage, average_locally
from pipeline.models.parts.settings import Model
from pipeline.models.rednet.settings import RedNet
from pipeline.models.vdsr.settings import VDSR
from pipeline.tiling.folding import fold_normalisation
from pipeline.tiling.halo import measure_halo
from pipeline.tiling.precision_loss import precision_loss
from pipeline.tiling.restorer import Restorer, TooLittleMemoryError
from pipeline.tiling.rows import ArrayRows, NpyRows, PaddedRows
from pipeline.tiling.spans import spans
from pipeline.tiling.streaming import restore_file
from tests.whole_image import apply

pytestmark = pytest.mark.usefixtures("one_thread")

NETWORKS: dict[str, Model] = {
    "dncnn": DnCNN(channels=1, width=6, depth=5, batch_norm=True, residual=True),
    "dncnn colour": DnCNN(channels=3, width=6, depth=5, batch_norm=True, residual=True),
    "dncnn without normalisation": DnCNN(
        channels=1, width=6, depth=5, batch_norm=False, residual=True
    ),
    "vdsr": VDSR(channels=1, width=6, depth=5),
    "vdsr colour": VDSR(channels=3, width=6, depth=5),
    "rednet": RedNet(channels=1, width=6, depth=6, skips=True),
    "rednet colour": RedNet(channels=3, width=6, depth=6, skips=True),
}


def network_of(settings: Model, device: torch.device) -> nn.Module:
    """Return a network in evaluation mode, with biases: they make padding differ from nothing."""
    network = build_model(settings, 0).eval()
    source = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        if parameter.dim() == 1:
            nn.init.uniform_(parameter, 0.1, 0.5, generator=source)
    return network.to(device)


def restore(
    degraded: Array, network: nn.Module, device: torch.device, tile: int, halo: int
) -> Array:
    return Restorer(network, device, tile=tile, halo=halo).restore(degraded)


def photo(height: int, width: int, channels: int) -> Array:
    return np.random.default_rng(0).random((height, width, channels), dtype=np.float32)


# -------------------------------------------------------------------------------- spans


AXES = [
    (length, core, halo)
    for length in (1, 2, 15, 16, 17, 47, 64, 100)
    for core in (1, 7, 16, 64)
    for halo in (0, 1, 5, 30)
]


@pytest.mark.parametrize(("length", "core", "halo"), AXES)
def test_cores_cover_each_pixel_once(length: int, core: int, halo: int) -> None:
    pixels = [pixel for span in spans(length, core, halo) for pixel in range(span.first, span.last)]

    assert pixels == list(range(length))


@pytest.mark.parametrize(("length", "core", "halo"), AXES)
def test_windows_stay_inside_and_have_one_length(length: int, core: int, halo: int) -> None:
    found = spans(length, core, halo)

    (window,) = {span.stop - span.start for span in found}
    assert window <= min(length, core + 2 * halo)
    assert all(0 <= span.start <= span.first < span.last <= span.stop <= length for span in found)


@pytest.mark.parametrize(("length", "core", "halo"), AXES)
def test_cores_are_as_few_as_possible_and_nearly_alike(length: int, core: int, halo: int) -> None:
    sizes = [span.last - span.first for span in spans(length, core, halo)]

    assert len(sizes) <= -(-length // core)
    assert max(sizes) <= core
    assert len(set(sizes[:-1])) <= 1
    assert max(sizes) - sizes[-1] < len(sizes)


@pytest.mark.parametrize(("length", "core", "halo"), AXES)
def test_window_ends_beyond_the_halo_or_with_the_image(length: int, core: int, halo: int) -> None:
    for span in spans(length, core, halo):
        assert span.start == 0 or span.first - span.start >= halo
        assert span.stop == length or span.stop - span.last >= halo


# ------------------------------------------------------------------------------ exactness


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("height", "width", "tile"),
    [(48, 64, 16), (49, 67, 16), (37, 53, 20), (31, 90, 7), (10, 12, 16), (1, 70, 16), (70, 1, 16)],
)
def test_tiles_give_the_result_of_the_whole_image(
    name: str, height: int, width: int, tile: int, device: torch.device
) -> None:
    settings = NETWORKS[name]
    network = network_of(settings, device)
    degraded = photo(height, width, settings.input_channels)

    tiled = restore(degraded, network, device, tile, measure_halo(network, settings.input_channels))

    whole = apply(degraded, network, device)
    assert tiled.dtype == np.float32
    assert tiled.shape == degraded.shape
    assert np.abs(tiled - whole).max() <= 1e-5


@pytest.mark.parametrize("name", NETWORKS)
def test_smaller_halo_is_not_exact(name: str) -> None:
    settings, device = NETWORKS[name], torch.device("cpu")
    network = network_of(settings, device)
    degraded = photo(49, 67, settings.input_channels)
    halo = measure_halo(network, settings.input_channels)

    tiled = restore(degraded, network, device, 16, halo - 1)

    assert np.abs(tiled - apply(degraded, network, device)).max() > 1e-4


def test_folded_network_is_tiled_exactly_too() -> None:
    settings, device = NETWORKS["dncnn"], torch.device("cpu")
    network = network_of(settings, device)
    halo = measure_halo(network, 1)
    degraded = photo(49, 67, 1)
    whole = apply(degraded, network, device)

    tiled = restore(degraded, fold_normalisation(network), device, 16, halo)

    assert np.abs(tiled - whole).max() <= 1e-5


@pytest.mark.parametrize(("height", "width"), [(16, 16), (13, 5)])
def test_image_within_a_tile_is_restored_in_one_piece(height: int, width: int) -> None:
    settings, device = NETWORKS["rednet"], torch.device("cpu")
    network = network_of(settings, device)
    degraded = photo(height, width, 1)

    restored = restore(degraded, network, device, 16, 6)

    assert np.array_equal(restored, apply(degraded, network, device))


def test_degraded_image_is_left_alone() -> None:
    settings, device = NETWORKS["vdsr"], torch.device("cpu")
    degraded = photo(30, 40, 1)
    before = degraded.copy()

    restore(degraded, network_of(settings, device), device, 16, 5)

    assert np.array_equal(degraded, before)


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("levels", [0, 1, 3])
@pytest.mark.parametrize(
    ("height", "width", "tile"),
    [(48, 64, 16), (49, 67, 16), (37, 53, 20), (8, 90, 16), (71, 9, 32), (55, 47, 64)],
)
def test_tiles_of_a_grid_and_of_larger_results_are_exact_for_every_size(
    scale: int, levels: int, height: int, width: int, tile: int
) -> None:
    device, multiple = torch.device("cpu"), 2**levels
    network = Gridded(levels, scale).eval()
    degraded = photo(height, width, 1)
    halo = measure_halo(network, 1, scale=scale, multiple=multiple)
    whole = apply(degraded, network, device)

    restored = Restorer(
        network, device, tile=tile, halo=halo, scale=scale, multiple=multiple
    ).restore(degraded)

    assert restored.shape == (scale * height, scale * width, 1)
    assert np.abs(restored - whole).max() <= 1e-5


def test_local_averages_are_tiled_exactly() -> None:
    device, network = torch.device("cpu"), average_locally(Averaging(1), 12).eval()
    degraded = photo(60, 45, 1)

    tiled = restore(degraded, network, device, 16, measure_halo(network, 1))

    assert np.abs(tiled - apply(degraded, network, device)).max() <= 1e-5


def test_a_network_that_needs_the_whole_image_gets_it_in_one_piece() -> None:
    device, network = torch.device("cpu"), Averaging(1).eval()
    degraded = photo(60, 45, 1)

    restored = Restorer(network, device, tile=16, halo=None).restore(degraded)

    assert np.array_equal(restored, apply(degraded, network, device))


def test_a_whole_image_that_does_not_fit_is_an_error_that_names_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.tiling.restorer.free_memory", lambda _device: 100_000)
    restorer = Restorer(Averaging(1), torch.device("cpu"), tile=16, halo=None)

    with pytest.raises(TooLittleMemoryError, match="way: local_averages"):
        restorer.restore(photo(300, 300, 1))


class OneSize(nn.Module):
    """A network that takes images of one size only."""

    def forward(self, degraded: Tensor) -> Tensor:
        if degraded.shape[2:] != (32, 32):
            raise ValueError(f"expected 32x32 pixels, came {tuple(degraded.shape[2:])}")
        return degraded * 2


@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 75), (100, 41)])
def test_a_network_of_one_size_gets_that_size_wherever_a_tile_lies(height: int, width: int) -> None:
    degraded = photo(height, width, 1)
    restorer = Restorer(OneSize(), torch.device("cpu"), tile=512, halo=2, multiple=4, window=32)

    restored = restorer.restore(degraded)

    assert restorer.tile == 24
    assert np.array_equal(restored, degraded * 2)


def test_what_a_short_format_costs_is_measured_on_the_only_size_too(tmp_path: Path) -> None:
    np.save(tmp_path / "degraded.npy", photo(50, 60, 1))
    short = Restorer(
        OneSize(), torch.device("cpu"), tile=512, halo=2, window=32, precision=Precision.BFLOAT16
    )

    loss = precision_loss(tmp_path / "degraded.npy", short)

    assert loss["max_8bit"] == 0  # doubling is exact in every format


def test_an_image_smaller_than_the_only_size_is_refused() -> None:
    restorer = Restorer(OneSize(), torch.device("cpu"), tile=512, halo=2, window=32)

    with pytest.raises(ValueError, match=r"at least 32x32 pixels, the only size .* came 31x40"):
        restorer.restore(photo(31, 40, 1))


def test_an_image_smaller_than_the_grid_is_refused_with_its_file(tmp_path: Path) -> None:
    np.save(tmp_path / "tiny.npy", photo(7, 30, 1))
    restorer = Restorer(Gridded(3, 1), torch.device("cpu"), tile=16, halo=16, multiple=8)

    with pytest.raises(ValueError, match=r"tiny.npy: expected images of at least 8x8 .* came 7x30"):
        restore_file(tmp_path / "tiny.npy", tmp_path / "out.npy", tmp_path / "out.png", restorer)


def test_a_network_is_told_the_noise_level_in_every_tile() -> None:
    class Told(nn.Module):
        def forward(self, degraded: Tensor) -> Tensor:
            return degraded[:, :2] + degraded[:, 2:]

    degraded = photo(40, 30, 2)

    restored = Restorer(Told(), torch.device("cpu"), tile=16, halo=0, multiple=4).restore(
        degraded, sigma_8bit=51
    )

    assert np.allclose(restored, degraded + 0.2)


@pytest.mark.parametrize(("first", "last"), [(0, 16), (8, 24), (16, 24), (20, 24), (21, 22)])
def test_padded_rows_are_those_of_the_padded_image(first: int, last: int) -> None:
    image = photo(19, 13, 2)
    whole = pad_to_multiple(torch.from_numpy(image).permute(2, 0, 1)[None], 8)[0]

    rows = PaddedRows(ArrayRows(image), 8)

    assert rows.shape == (24, 16, 2)
    assert np.array_equal(rows.read(first, last), whole.permute(1, 2, 0).numpy()[first:last])


# ------------------------------------------------------------------------------- the halo


class Pooled(nn.Module):
    """A network that looks at the whole image."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, degraded: Tensor) -> Tensor:
        seen: Tensor = self.layer(degraded)
        return seen * seen.mean(dim=(2, 3), keepdim=True)


class Averaging(nn.Module):
    """A network with attention: the mean of its features decides how much of them passes."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.before = nn.Conv2d(1, 2, 3, padding=1)
        self.mean = GlobalAverage(stride)
        self.after = nn.Conv2d(2, 1, 3, padding=1)

    def forward(self, degraded: Tensor) -> Tensor:
        features = self.before(degraded)
        restored: Tensor = degraded + self.after(features * torch.sigmoid(self.mean(features)))
        return restored


class Gridded(nn.Module):
    """A network that halves the image some times, looks around, and enlarges the result."""

    def __init__(self, levels: int, scale: int) -> None:
        super().__init__()
        self.multiple = 2**levels
        looks = [nn.Conv2d(1, 1, 3, padding=1) for _ in range(levels + 1)]
        down: list[nn.Module] = []
        for look in looks[:-1]:
            down += [look, nn.Conv2d(1, 1, 2, stride=2)]
        up = [nn.Upsample(scale_factor=2, mode="nearest") for _ in range(levels)]
        self.layers = nn.Sequential(*down, looks[-1], *up)
        self.enlarge = nn.Upsample(scale_factor=scale, mode="nearest")

    def forward(self, degraded: Tensor) -> Tensor:
        height, width = degraded.shape[2:]
        restored: Tensor = self.layers(pad_to_multiple(degraded, self.multiple))
        enlarged: Tensor = self.enlarge(degraded + restored[..., :height, :width])
        return enlarged


def stack(layers: int, kernel: int, dilation: int = 1) -> nn.Module:
    return nn.Sequential(
        *[
            nn.Conv2d(1, 1, kernel, padding=dilation * (kernel // 2), dilation=dilation)
            for _ in range(layers)
        ]
    )


@pytest.mark.parametrize(
    ("network", "halo"),
    [
        (stack(1, 1), 0),
        (stack(1, 3), 1),
        (stack(3, 5), 6),
        (stack(2, 3, dilation=6), 12),
        (stack(31, 3), 31),
        (stack(40, 3), 40),
        (stack(7, 3, dilation=30), 210),
        (stack(1, 3, dilation=250), 250),
        (stack(3, 3, dilation=180), 540),
    ],
)
def test_halo_is_how_far_the_network_looks(network: nn.Module, halo: int) -> None:
    assert measure_halo(network, 1) == halo


def test_silent_weights_count_too() -> None:
    network = stack(3, 3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(-1)

    assert measure_halo(nn.Sequential(network, nn.ReLU()), 1) == 3


def test_measuring_leaves_the_network_as_it_is() -> None:
    network = build_model(NETWORKS["dncnn"], 0).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}

    measure_halo(network, 1)

    after = network.state_dict()
    assert network.training
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_network_that_averages_over_the_image_is_refused_until_it_averages_locally() -> None:
    network = Averaging(1)

    with pytest.raises(ValueError, match="averages over the whole image"):
        measure_halo(network, 1)

    average_locally(network, 8)
    assert measure_halo(network, 1) == 1 + 4 + 1


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("levels", [0, 1, 3])
def test_halo_of_a_grid_counts_from_its_cells_in_pixels_of_the_input(
    scale: int, levels: int
) -> None:
    network, multiple = Gridded(levels, scale), 2**levels

    halo = measure_halo(network, 1, scale=scale, multiple=multiple)

    # Each level looks one of its own pixels further; the last convolution at least a cell.
    assert halo == sum(2**level for level in range(levels)) + multiple


@pytest.mark.parametrize("network", [Pooled(), stack(9, 3, dilation=120)], ids=["pooled", "wide"])
def test_network_without_a_limit_is_refused(network: nn.Module) -> None:
    with pytest.raises(ValueError, match="further than 1024 pixels"):
        measure_halo(network, 1)


# --------------------------------------------------------------------- memory, files, formats


class Hungry(nn.Module):
    """A network whose machine has memory for small tiles only."""

    def __init__(self, inner: nn.Module, fits: int) -> None:
        super().__init__()
        self.inner = inner
        self.fits = fits

    def forward(self, degraded: Tensor) -> Tensor:
        # The probe of what it needs is 48 pixels wide.
        if degraded.shape[2] * degraded.shape[3] > self.fits and degraded.shape[2] != 48:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...")
        restored: Tensor = self.inner(degraded)
        return restored


@pytest.mark.parametrize("name", ["vdsr", "rednet colour"])
def test_memory_that_runs_out_makes_tiles_smaller_and_the_result_is_the_same(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    settings, device = NETWORKS[name], torch.device("cpu")
    network = network_of(settings, device)
    degraded = photo(150, 131, settings.input_channels)
    hungry = Restorer(Hungry(network, fits=50 * 50), device, tile=64, halo=6)

    restored = hungry.restore(degraded)

    assert hungry.tile == 32
    assert capfd.readouterr().err == "too little memory: restoring in tiles of 32 pixels\n"
    assert np.abs(restored - apply(degraded, network, device)).max() <= 1e-5


def test_memory_that_runs_out_in_the_middle_loses_no_row() -> None:
    settings, device = NETWORKS["vdsr"], torch.device("cpu")
    network = network_of(settings, device)
    degraded = photo(200, 90, 1)
    hungry = Hungry(network, fits=10**9)
    restorer = Restorer(hungry, device, tile=64, halo=6)

    rows = []
    for band in restorer.bands(ArrayRows(degraded)):
        rows.append(band.rows)
        hungry.fits = 45 * 45

    assert [len(some) for some in rows] == [50, *[29] * 5, 5]
    assert np.abs(np.concatenate(rows) - apply(degraded, network, device)).max() <= 1e-5


def test_the_next_rows_are_read_while_a_band_is_restored() -> None:
    second_read, restored_before = threading.Event(), []

    class Watched(ArrayRows):
        def read(self, first: int, last: int) -> Array:
            if first > 0:
                second_read.set()
            return super().read(first, last)

    class Waiting(nn.Module):
        def forward(self, degraded: Tensor) -> Tensor:
            # Only the first band can tell: whoever reads after it would never come here.
            restored_before.append(second_read.wait(timeout=30))
            return degraded

    restorer = Restorer(Waiting(), torch.device("cpu"), tile=64, halo=0)
    restorer._bytes_each = 1.0  # not asked of the network, which waits

    bands = list(restorer.bands(Watched(photo(128, 64, 1))))

    assert len(bands) == 2
    assert all(restored_before)


def test_memory_that_holds_no_tile_is_an_error_that_says_what_to_do() -> None:
    network = network_of(NETWORKS["vdsr"], torch.device("cpu"))
    hungry = Restorer(Hungry(network, fits=0), torch.device("cpu"), tile=64, halo=6)

    with pytest.raises(TooLittleMemoryError, match="at tiles of 16 pixels: free some"):
        hungry.restore(photo(100, 100, 1))


def test_tiles_that_would_not_fit_are_made_smaller_before_they_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings, device = NETWORKS["vdsr"], torch.device("cpu")
    network = network_of(settings, device)
    degraded = photo(900, 900, 1)
    monkeypatch.setattr("pipeline.tiling.restorer.free_memory", lambda _device: 10_000_000)
    poor = Restorer(network, device, tile=512, halo=6)

    restored = poor.restore(degraded)

    assert poor.tile == 256
    assert np.abs(restored - apply(degraded, network, device)).max() <= 1e-5


def test_errors_of_other_kinds_are_not_taken_for_a_lack_of_memory() -> None:
    network = network_of(NETWORKS["vdsr"], torch.device("cpu"))

    with pytest.raises(RuntimeError, match="to have 1 channels"):
        Restorer(network, torch.device("cpu"), tile=64, halo=6).restore(photo(60, 60, 3))


@pytest.mark.parametrize("by", ["itself", "a shared network"])
@pytest.mark.parametrize(("height", "width", "channels"), [(70, 61, 1), (33, 90, 3), (5, 4, 1)])
def test_a_file_is_restored_as_the_image_in_it(
    tmp_path: Path, height: int, width: int, channels: int, by: str
) -> None:
    name, device = ("vdsr" if channels == 1 else "vdsr colour"), torch.device("cpu")
    settings = (
        NETWORKS[name]
        if by == "itself"
        else NETWORKS["vdsr"].model_copy(update={"channels": "shared"})
    )
    network = network_of(settings, device)
    degraded = photo(height, width, channels)
    np.save(tmp_path / "degraded.npy", degraded)
    restorer = Restorer(network, device, tile=16, halo=5)

    restore_file(tmp_path / "degraded.npy", tmp_path / "out.npy", tmp_path / "out.png", restorer)

    restored = restorer.restore(degraded)
    assert np.array_equal(np.load(tmp_path / "out.npy"), restored)
    assert np.array_equal(read_image(tmp_path / "out.png"), from_8bit(to_8bit(restored)))


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 1)),
        np.zeros((4, 4), np.float32),
        np.asfortranarray(np.zeros((4, 5, 3), np.float32)),
    ],
    ids=["double", "flat", "fortran"],
)
def test_a_file_with_something_else_is_refused(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "degraded.npy", array)

    with pytest.raises(ValueError, match=r"degraded.npy: expected float32 \(H, W, C\)"):
        NpyRows(tmp_path / "degraded.npy")


def test_a_fault_while_writing_ends_the_restoration(tmp_path: Path) -> None:
    network = network_of(NETWORKS["vdsr"], torch.device("cpu"))
    np.save(tmp_path / "degraded.npy", photo(40, 40, 1))
    restorer = Restorer(network, torch.device("cpu"), tile=16, halo=5)

    with pytest.raises(OSError, match="No space left"):
        restore_file(tmp_path / "degraded.npy", Path("/dev/full"), tmp_path / "out.png", restorer)


@pytest.mark.parametrize("precision", [Precision.BFLOAT16, Precision.FLOAT16])
def test_short_formats_are_tiled_like_the_whole_image_and_their_loss_is_measured(
    tmp_path: Path, precision: Precision
) -> None:
    settings, device = NETWORKS["dncnn"], torch.device("cpu")
    network = fold_normalisation(network_of(settings, device))
    degraded = photo(80, 80, 1)
    np.save(tmp_path / "degraded.npy", degraded)
    short = Restorer(network, device, tile=16, halo=5, precision=precision)

    restored = short.restore(degraded)
    loss = precision_loss(tmp_path / "degraded.npy", short)

    whole = Restorer(network, device, tile=80, halo=5, precision=precision).restore(degraded)
    exact = apply(degraded, network, device)
    worst = 255 * np.abs(restored - exact).max()
    assert np.abs(restored - whole).max() <= 255 * loss["max_8bit"]
    assert 0 < loss["mean_8bit"] <= loss["rms_8bit"] <= loss["max_8bit"] <= worst + 1e-4
    assert loss["rms_8bit"] < 2
