"""Schema of ``params.yaml``: the one description of what an experiment may change.

No value that could change a result has a default: what is not written in ``params.yaml`` is
invisible to DVC. ``pipeline/checking/params_file.py`` reads the file and explains its faults.
Nothing here imports NumPy or torch, so that the command line and the flow start at once.
"""

from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from pipeline.degradations.settings import Degradation
from pipeline.section import Name, Section, Source, Subfolder
from pipeline.settings.architectures import Architecture, Models, RecogniserArchitecture
from pipeline.settings.outside import Outside
from pipeline.settings.perceptual import Perceptual
from pipeline.settings.programs import Program
from pipeline.settings.tasks import DscmrLoss, Task

Colour = Literal["gray", "y", "rgb"]
"""Working colour space: BT.601 gray (full range), BT.601 luma (studio range), or RGB."""

TrialColour = Literal["gray", "y", "rgb", "y_of_rgb"]
"""A working colour space, rounded to 8 bits before the image is degraded; or ``y_of_rgb``, the
luma of an image that was degraded in RGB, neither rounded (the tests of DnCNN-3)."""


# ---------------------------------------------------------------------------- data sets


class SkimageDataset(Section):
    """Photographs that ship inside the scikit-image package."""

    kind: Literal["skimage"]
    source: Source
    """Catalogue with name and checksum of every image."""
    images: Annotated[list[str], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        repeated = sorted({name for name in self.images if self.images.count(name) > 1})
        if repeated:
            raise ValueError(f"images named more than once: {', '.join(repeated)}")
        return self


class CatalogueDataset(Section):
    """A published data set; a mirror is tried before its publisher."""

    kind: Literal["catalogue"]
    source: Source
    """Folder with all facts of the set: where its files are, their checksums, its terms."""


class FolderDataset(Section):
    """A folder of the user's own clean images."""

    kind: Literal["folder"]
    source: Source
    """The folder, absolute or relative to the project."""


class PairedDataset(Section):
    """Two folders of the user's own images, real degraded ones and their clean partners."""

    kind: Literal["paired"]
    source: Source
    """The folder that holds both; DVC watches it."""
    clean: Subfolder
    degraded: Subfolder

    @model_validator(mode="after")
    def _two_folders(self) -> Self:
        if self.clean == self.degraded:
            raise ValueError(f"clean and degraded must be two folders, both are '{self.clean}'")
        return self


Dataset = Annotated[
    SkimageDataset | CatalogueDataset | FolderDataset | PairedDataset, Field(discriminator="kind")
]


class Patches(Section):
    """A patch bank: how the training images of one data set are cut."""

    dataset: Name
    """The images, an entry of ``datasets``."""
    colour: Colour
    """What they are cut in: BT.601 gray (full range), BT.601 luma (studio range), or RGB."""
    size: PositiveInt
    """Side of a patch, in pixels."""
    stride: PositiveInt
    """Distance of neighbouring patches; equal to ``size`` when they do not overlap."""
    scales: Annotated[list[PositiveFloat], Field(min_length=1)]
    """Each image is also cut after downscaling by these factors; ``[1.0]`` for none."""


class TrainingPairs(Section):
    """A training set: the patches of a bank, and their degraded partners.

    Experiments that train on the same pairs share what was drawn for them.
    """

    bank: Name
    """The patches, an entry of ``patches``."""
    degradation: Name
    """What the network learns to undo, an entry of ``degradations``."""


Layout = Literal[
    "restore",
    "kair",
    "cszn",
    "saoyan",
    "twtygqyy",
    "lornatang",
    "matconvnet",
    "matconvnet_dag",
    "matconvnet_cells",
]
"""How a file of published weights is laid out; ``pipeline/exchange/foreign_weights`` reads it."""


# ------------------------------------------------------------------------------ recipes


class Adam(Section):
    """Adam; L2 ``weight_decay`` is added to the gradient."""

    kind: Literal["adam"]
    betas: Annotated[list[Annotated[float, Field(ge=0, lt=1)]], Field(min_length=2, max_length=2)]
    weight_decay: NonNegativeFloat


class Sgd(Section):
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"]
    momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: NonNegativeFloat


class Muon(Section):
    """Muon for the kernels within a network, Adam for biases and what meets an image.

    K. Jordan et al. 2024. A learning rate means what it means to Adam. In `docs/weights.md` is what
    it was worth.
    """

    kind: Literal["muon"]
    momentum: Annotated[float, Field(ge=0, lt=1)]
    betas: Annotated[list[Annotated[float, Field(ge=0, lt=1)]], Field(min_length=2, max_length=2)]
    """Of Adam."""


class Constant(Section):
    """The learning rate never changes."""

    kind: Literal["constant"]


class MultiStep(Section):
    """The learning rate is multiplied by ``factor`` at each of the named steps."""

    kind: Literal["multistep"]
    steps: Annotated[list[PositiveInt], Field(min_length=1)]
    factor: Annotated[float, Field(gt=0, lt=1)]


class Cosine(Section):
    """Half a cosine from the learning rate to ``final`` times it, after a linear warm-up."""

    kind: Literal["cosine"]
    warmup: NonNegativeInt
    """Steps of the warm-up."""
    final: Annotated[float, Field(ge=0, lt=1)]


class Linear(Section):
    """A straight line from the learning rate to ``final`` times it, after a linear warm-up."""

    kind: Literal["linear"]
    warmup: NonNegativeInt
    final: Annotated[float, Field(ge=0, lt=1)]


class NoClip(Section):
    """Gradients are left alone."""

    kind: Literal["none"]


class NormClip(Section):
    """The norm of the whole gradient is limited."""

    kind: Literal["norm"]
    limit: PositiveFloat


class ValueOverRateClip(Section):
    """Each gradient value is limited to ±``theta`` / learning rate (VDSR, section 3.2)."""

    kind: Literal["value_over_rate"]
    theta: PositiveFloat


Optimiser = Annotated[Adam | Muon | Sgd, Field(discriminator="kind")]
Schedule = Annotated[Constant | MultiStep | Cosine | Linear, Field(discriminator="kind")]
Clip = Annotated[NoClip | NormClip | ValueOverRateClip, Field(discriminator="kind")]


class Recipe(Section):
    """How a network is optimised."""

    steps: PositiveInt
    """Batches that the training takes."""
    batch: PositiveInt
    """Patches, or samples, of one step."""
    loss: Literal["mse", "l1", "half_sse", "cross_entropy"] | DscmrLoss
    """To restore: mean of squares, mean of absolutes, or half the sum of squares of a patch (DnCNN,
    VDSR). To recognise: cross entropy of the classes, or the losses of DSCMR for pairs."""
    optimiser: Optimiser
    learning_rate: PositiveFloat
    """The highest one; ``schedule`` says how it changes."""
    schedule: Schedule
    clip: Clip
    """What is done to large gradients."""
    precision: Literal["float32", "tf32", "bfloat16", "auto"]
    """Of the convolutions; weights and optimiser are float32 always. ``tf32`` is float32 with
    factors that a GPU rounds to 10 bits; ``auto`` takes bfloat16 where this machine computes faster
    in it."""
    compile: Literal["never", "always", "auto"]
    """Whether torch compiles the network; ``auto`` where that saves time on this machine."""
    augment: bool
    """Flip and turn each patch, or window of a cube, at random, eight ways in all; move and mirror
    each image to recognise as far as its task allows."""
    log_every: PositiveInt
    """Steps between two points of the curve."""
    checkpoint_every: PositiveInt
    """Steps between two checkpoints, from which an interrupted training goes on."""


# --------------------------------------------------------------- benchmarks, experiments


Protocol = Literal[
    "gray-uint8",
    "gray-float",
    "y-uint8",
    "y-float",
    "y-shave",
    "y-shave-float",
    "rgb-uint8",
    "rgb-float",
    "rgb-shave",
    "rgb-ntire",
    "sidd",
]
"""Named ways to measure; ``pipeline/measuring/metrics.py`` says what each means."""

Baseline = Literal["identity", "bicubic", "lanczos", "nl_means", "bayes_shrink", "tv", "bm3d"]
"""Classical methods beside the networks; ``pipeline/measuring/classical.py`` has them."""


class Trial(Section):
    """One data set, degraded in one way at one or several levels, and how to measure it."""

    dataset: Name
    """The test images, an entry of ``datasets``."""
    colour: TrialColour
    """What they are turned into, and rounded to 8 bits, before they are degraded; ``y_of_rgb`` is
    the luma of images that were degraded in RGB, neither rounded."""
    degradation: Degradation
    protocols: Annotated[list[Protocol], Field(min_length=1)]
    """Those that the report leads with; the tables have all that apply."""
    baselines: list[Baseline]
    """Classical methods that are measured beside the networks."""
    # Left out where there are none, so that the files of such trials stay as they are.
    perceptual: Annotated[
        Annotated[list[Perceptual], Field(min_length=1)] | None,
        Field(exclude_if=lambda value: value is None),
    ] = None
    """Measures of how natural images look, or how far from their clean ones, lower for the better,
    which cost time; without it none. They have a table of their own, and decide nothing about PSNR
    and SSIM."""


RANDOM = "random"
"""The ``start`` of an experiment that starts from no other one."""


class Experiment(Section):
    """One network trained on pairs of patches with one recipe, and what it is tested on."""

    arch: Architecture
    model: Name
    """The size of the network, an entry below its architecture in ``models``."""
    train_on: Name
    """The training set, an entry of ``pairs``."""
    recipe: Name
    """How it is trained, an entry of ``recipes``."""
    start: Name
    """``random`` weights, or those of another experiment, or of an entry of ``imported``, of the
    same architecture: its tensors of the same name and shape are where this training begins."""
    test_on: Name
    """What it is tested on, an entry of ``benchmarks``."""
    compare_with: str | None = None
    """System of ``pipeline/literature/published.csv`` put beside it; changes no result."""


class Imported(Section):
    """A network with published weights, measured like an experiment."""

    arch: Architecture
    model: Name
    source: Source
    """File of the weights, as their authors published it; or a folder of weights with their card,
    as `restore export` writes it."""
    layout: Layout
    entry: Annotated[str, Field(min_length=1)] | None = None
    """Which of several networks in the file it is, as `restore import` names them; without it the
    only one that fits, and of several the averaged one (EMA)."""
    test_on: Name
    compare_with: str | None = None
    """System of ``pipeline/literature/published.csv`` put beside it; changes no result."""


Way = Literal["plain", "self_ensemble", "local_averages", "patches"]
"""How a network restores a whole image: as it is; as the mean of the eight flips and quarter
turns of the image (EDSR+); with local averages as large as its training patches in place of those
over the whole image; or in patches without surroundings, put together again."""


class Applied(Section):
    """The weights of an experiment, applied to its test images in another way."""

    arch: Architecture
    model: Name
    weights: Name
    """The experiment, or the entry of ``imported``, that has them; arch, model and test_on are
    its own: DVC needs them here."""
    way: Way
    test_on: Name
    compare_with: str | None = None
    """System of ``pipeline/literature/published.csv`` put beside it; changes no result."""


class Input(Section):
    """The samples of a recognition task, degraded; the task's own name is its clean input."""

    task: Name
    degradation: Name
    """One with a single level."""


class RestoredInput(Section):
    """A degraded input, restored with the weights of an experiment."""

    task: Name
    input: Name
    """The degraded one; the task is its own: DVC needs it here."""
    arch: Architecture
    model: Name
    weights: Name
    """The experiment, or the entry of ``imported``, that has them; arch and model are its own."""


class Recognition(Section):
    """One network trained to recognise, which is tested on every input of its task."""

    arch: RecogniserArchitecture
    model: Name
    task: Name
    train_on: Name
    """The task itself, to train on clean samples, or one of its inputs."""
    recipe: Name
    keep: Literal["last", "best"]
    """The weights after the last step; or those of the step, of those that are logged, which
    recognised the validation part best."""
    compare_with: str | None = None
    """System of ``pipeline/literature/published_recognition.csv`` put beside it; changes
    no result."""


class AcceptedOverlap(Section):
    """Two data sets that share scenes, one trained on, one tested on, and why that may be."""

    train: Name
    test: Name
    why: Annotated[str, Field(min_length=1)]


class Inference(Section):
    """How whole images are restored."""

    tile: Annotated[int, Field(ge=16)]
    """Side of a tile's core, in pixels, without the halo; it can move the last bit of a result."""
    precision: Literal["float32", "tf32", "bfloat16", "float16"]
    """Of the convolutions; what the shorter formats cost is measured and reported."""


class TrainingResources(Section):
    """What one training of the stage ``train`` may use."""

    processes: PositiveInt
    """Processes that share each batch, on a machine with GPUs each on one of its own. They share
    the threads of the stage, and give what one process gives but for the last bits."""


class Resources(Section):
    """What one stage may use of the machine.

    It can move the last bit of a result, so DVC tracks it like any other value.
    """

    threads: PositiveInt
    """CPU threads of a stage that computes; stages run side by side while cores are left."""
    train: TrainingResources = TrainingResources(processes=1)
    """Without it a training is one process."""


class Params(Section):
    """The whole of ``params.yaml``."""

    seed: NonNegativeInt
    """Where all that is drawn begins; each draw has a name and a generator of its own."""
    datasets: Annotated[dict[Name, Dataset], Field(min_length=1)]
    """Image sets to train and to test on."""
    patches: dict[Name, Patches]
    """Banks of clean patches."""
    degradations: dict[Name, Degradation]
    """What networks learn to undo, and what samples to recognise are put through."""
    pairs: dict[Name, TrainingPairs]
    """Training sets: a bank of patches and a degradation."""
    models: Models
    """Networks: below each architecture its sizes, by names of your own."""
    recipes: dict[Name, Recipe]
    """How networks are trained."""
    benchmarks: Annotated[
        dict[Name, Annotated[list[Trial], Field(min_length=1)]], Field(min_length=1)
    ]
    """What networks are tested on: lists of trials."""
    experiments: dict[Name, Experiment]
    """A line each: what is trained, on what, how, and how it is tested."""
    imported: dict[Name, Imported]
    """Networks with published weights."""
    applied: dict[Name, Applied]
    """Weights of the two above, applied in another way."""
    programs: dict[Name, Program]
    """Networks of others, which run by themselves."""
    outside: dict[Name, Outside]
    """Images that were restored elsewhere."""
    tasks: dict[Name, Task]
    """Labelled data to recognise."""
    inputs: dict[Name, Input]
    """Samples of a task, degraded."""
    restored_inputs: dict[Name, RestoredInput]
    """The same, restored."""
    recognition: dict[Name, Recognition]
    """A line each: which network learns which task, and how."""
    accepted_overlaps: list[AcceptedOverlap]
    """Scenes that a training set and a test set may share, and why."""
    inference: Inference
    """How whole images are restored."""
    resources: Resources
    """What one stage may use of the machine."""
