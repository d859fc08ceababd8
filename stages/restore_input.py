"""Stage ``restore_input``: restore the degraded samples of a recognition task."""

from pipeline.running.stage_runner import prepare_to_compute, run_stage

if __name__ == "__main__":
    prepare_to_compute()

from pathlib import Path

from pipeline.machine.devices import pick_device
from pipeline.machine.precision import choose_precision
from pipeline.models.parts.settings import Model
from pipeline.recognition.labelled.fidelity import mean_psnr
from pipeline.recognition.labelled.sample_restoration import restore_samples
from pipeline.recognition.labelled.samples import read_card, read_labelled, write_labelled
from pipeline.running.outputs import new_folder
from pipeline.tiling.trained_network import load_network


def restore_input(
    *,
    model: Model,
    model_name: str,
    weights: Path,
    degraded: Path,
    clean: Path,
    out: Path,
    threads: int,
    precision: str,
) -> None:
    """Write the restored version of every sample of an input.

    Args:
        model: Architecture and size.
        model_name: Both, such as ``dncnn.gray_8``.
        weights: Folder with ``weights.safetensors``, from stage ``train``.
        degraded: Folder of the degraded samples.
        clean: Folder of the task's clean samples: how like them the restored ones are goes onto
            the card.
        out: Folder to make, as ``pipeline/recognition/labelled/samples.py`` describes it; values
            are float32, not clipped.
        threads: CPU threads to compute with.
        precision: Format of the convolutions.

    Raises:
        ValueError: The network cannot restore such samples.
    """
    device = pick_device(threads)
    network = load_network(model, weights).to(device)
    labelled, card = read_labelled(degraded), read_card(degraded)
    restored = restore_samples(
        network,
        model,
        labelled,
        device=device,
        precision=choose_precision(precision, device),
        sigma_8bit=card["sigma_8bit"],
    )
    task = read_labelled(clean)
    card |= {
        "from": degraded.name,
        "restored_by": weights.name,
        "model": model_name,
        "psnr": mean_psnr(task, restored),
        "psnr_input": card["psnr"],
    }
    with new_folder(out) as folder:
        write_labelled(folder, labelled.with_values(restored), card)


if __name__ == "__main__":
    run_stage(restore_input)
