"""What keeps a GPU waiting, counted without one: host syncs, graph breaks, recompilations, slow attention.

Fake tensors have a device, a type and strides but no numbers, so whatever would have to read a number from the GPU, or
to learn a size from it, raises an error; copies between devices are counted.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import prepared, tiny
from torch._dynamo.utils import counters
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from benchmark.dataset.store import Split
from benchmark.errors import InputError
from reference_model.batch import Batch
from reference_model.config import Config
from reference_model.model import ReferenceModel
from reference_model.precision import kernels
from reference_model.registry import networks
from reference_model.run_folder import build_model
from reference_model.training.batches import INFO_STEP, UpdatePlan, Updates
from reference_model.training.checkpoint import find_checkpoint
from reference_model.training.distributed import World
from reference_model.training.trainer import Trainer, in_step
from reference_model.training.vocabulary import Vocabulary

Splits = dict[str, Split]

CUDA = torch.device("cuda", 0)
#: Operations that give Python a number, or a tensor whose size depends on numbers.
READS = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "is_nonzero", "equal", "bincount")
#: A tiny network with the backbone, the precision and the schedule of the paper's profile.
PAPER = (
    "model.backbone=resnet50",
    "model.backbone_weights=none",
    "model.freeze_backbone=false",
    "model.balanced_inputs=false",
    "inputs.pool=1",
    "inputs.image_side=256",
    "train.precision=bf16",
    "train.schedule=noam",
    "cm.batches=cycle",
)
VARIANTS = [name for network in networks().values() for name in network.variants]


class Operations(TorchDispatchMode):
    """Notes every operation with its arguments, before it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[tuple[str, tuple[Any, ...], Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.noted.append((func.overloadpacket.__name__, args, result))
        return result

    def named(self, *names: str) -> list[str]:
        return [name for name, _, _ in self.noted if name in names]

    @property
    def copies(self) -> list[tuple[str, str]]:
        """Devices of the copies from one device to another."""
        found = []
        for name, args, result in self.noted:
            if name in ("_to_copy", "copy_"):
                source = args[1] if name == "copy_" else args[0]
                if isinstance(source, torch.Tensor) and source.device.type != result.device.type:
                    found.append((source.device.type, result.device.type))
        return found


def made(config: Config, splits: Splits, vocabulary: Vocabulary, folder: Path, device: torch.device) -> Trainer:
    torch.manual_seed(1)
    data = prepared(splits["train"], config, vocabulary)
    with device:
        model = build_model(config, len(vocabulary))
    return Trainer(
        model,
        config,
        seed=1,
        data=data,
        validation=None,
        vocabulary=vocabulary,
        folder=folder,
        world=World(0, 1, device),
    )


@contextmanager
def fake_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTensorMode]:
    """Tensors that say they are on a GPU."""
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.nn.Module, "to", lambda module, _: module)  # modules are made there
    with FakeTensorMode() as mode:
        yield mode


@pytest.mark.parametrize("variant", ["full", "m4c-copy", "m2-tatt", "rstnet-tatt", "updown", "updown-tatt"])
def test_a_step_on_a_gpu_copies_the_batch_and_reads_nothing(
    variant: str, splits: Splits, vocabulary: Vocabulary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that is read, a size that is looked up, a small tensor that is copied over, in each update.

    The backward pass needs a real GPU; it is counted on the CPU below.
    """
    config = tiny(variant, *PAPER, "train.clip=1", "train.clip_value=1")
    tasks = one_of_each_task(config, splits, vocabulary)
    with fake_gpu(monkeypatch) as mode:
        trainer = made(config, splits, vocabulary, tmp_path, CUDA)

        def backward(loss: torch.Tensor) -> None:
            for parameter in trainer.model.parameters():
                parameter.grad = torch.empty_like(parameter)

        monkeypatch.setattr(torch.Tensor, "backward", backward)
        for pieces in tasks:
            fake = [piece._each(mode.from_tensor) for piece in pieces]
            tensors = sum(isinstance(value, torch.Tensor) for value in vars(fake[0]).values())
            with Operations() as seen:
                loss = trainer.step(trainer.model, fake)
            assert loss.device.type == "cuda"
            assert seen.copies == [("cpu", "cuda")] * tensors, "only the batch itself is copied"
            assert seen.named("_fused_adam_") == ["_fused_adam_"] * 2
            assert {args[0].dtype for name, args, _ in seen.noted if name == "convolution"} == {torch.bfloat16}


def one_of_each_task(config: Config, splits: Splits, vocabulary: Vocabulary) -> list[list[Batch]]:
    data = prepared(splits["train"], config, vocabulary)
    updates = Updates(UpdatePlan(config, data.n_images, data.n_boxes, 1), data)
    tasks = {updates.plan.is_matching(update): updates[update] for update in range(4)}
    assert len(tasks) == (2 if config.cm.strategy != "none" else 1)
    return list(tasks.values())


def before_steps(trainer: Trainer, look: Callable[[], None]) -> None:
    """Look at the gradients before the optimiser takes them."""
    step = trainer.optimiser.step

    def looked() -> None:
        look()
        step()

    trainer.optimiser.step = looked  # type: ignore[method-assign]


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_update_reads_no_number_and_every_parameter_has_a_gradient(
    variant: str, splits: Splits, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """A GPU that is waited for in the backward pass; devices that wait for a gradient which one of them never has."""
    config = tiny(variant, "cm.batches=cycle", "train.clip=1", "model.freeze_backbone=false")
    trainer = made(config, splits, vocabulary, tmp_path, torch.device("cpu"))
    trained = {name: p for name, p in trainer.model.named_parameters() if p.requires_grad}
    for pieces in one_of_each_task(config, splits, vocabulary):
        with Operations() as seen:
            trainer.step(trainer.model, pieces)
        assert seen.named(*READS) == []
        indices = [args[1] for name, args, _ in seen.noted if name in ("index", "index_put", "index_put_")]
        assert all(i is None or i.dtype != torch.bool for each in indices for i in each), "its size is not known"
        trainer.model(pieces[0]).backward()
        assert [name for name, p in trained.items() if p.grad is None] == []
        trainer.model.zero_grad()


def test_momentum_moves_nothing_that_the_task_leaves_out(
    splits: Splits, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """A matching head that drifts through the updates of Caption Generation, on one device as on many."""
    config = tiny("full", "cm.batches=cycle")
    trainer = made(config, splits, vocabulary, tmp_path, torch.device("cpu"))
    generation, matching = one_of_each_task(config, splits, vocabulary)
    head, bias = trainer.model.matching_head.weight, trainer.model.output_bias
    for pieces in (generation, matching):
        trainer.step(trainer.model, pieces)
    for pieces, still, moved in ((generation, head, bias), (matching, bias, head)):
        before = still.detach().clone(), moved.detach().clone()
        trainer.step(trainer.model, pieces)
        assert torch.equal(still, before[0])
        assert not torch.equal(moved, before[1])


def test_a_run_reads_its_losses_where_it_logs(splits: Splits, vocabulary: Vocabulary, tmp_path: Path) -> None:
    """A loss that is shown in each update; a log whose means leave an update out, or count one twice."""
    config = tiny("full", "cm.batches=cycle", "train.log_every=4", "train.validate_every=100", "train.save_every=100")
    run = made(config, splits, vocabulary, tmp_path, torch.device("cpu"))
    losses: list[torch.Tensor] = []
    reads: list[int] = []
    step, read = run.step, run._read

    def stepped(*args: Any) -> torch.Tensor:
        losses.append(step(*args))
        return losses[-1]

    def counted(seconds: float) -> None:
        reads.append(run.update)
        read(seconds)

    run.step, run._read = stepped, counted  # type: ignore[method-assign]
    run.train()
    assert reads == [4, 8, 10]
    matching = [run.plan.is_matching(update) for update in range(10)]
    expected = []
    for first, end in ((0, 4), (4, 8), (8, 10)):
        for task, name in enumerate(("cg", "cm")):
            some = [float(losses[u]) for u in range(first, end) if matching[u] == bool(task)]
            if some:
                expected.append((end, name, len(some), pytest.approx(sum(some) / len(some), rel=1e-6)))
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    found = [(entry["update"], entry["task"], entry["updates"], entry["loss"]) for entry in log]
    assert found == expected
    assert "cm" in {entry["task"] for entry in log}


def test_a_loss_that_is_no_number_ends_the_run_before_it_is_saved(
    splits: Splits, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """Weights of noise in the checkpoint, from which no run goes on."""
    run = made(tiny("context", "train.log_every=50"), splits, vocabulary, tmp_path, torch.device("cpu"))
    step = run.step

    def spoilt(*args: Any) -> torch.Tensor:
        return step(*args) * (torch.nan if run.update == 6 else 1)

    run.step = spoilt  # type: ignore[method-assign]
    with pytest.raises(InputError, match="not a number at one of the updates 7 to 8"):
        run.train()
    found = find_checkpoint(tmp_path / "checkpoint" / "last.safetensors", {})
    assert found is not None
    assert found.state["update"] == 6


@pytest.mark.parametrize(
    "variant",
    ["full", *(pytest.param(v, marks=pytest.mark.slow) for v in ("m4c-copy", "m2-tatt", "rstnet-tatt"))],
)
def test_compiled_code_is_whole_and_made_once_for_each_length(
    variant: str, splits: Splits, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """A network that falls back to Python in the middle, or is compiled anew for every batch."""
    config = tiny(variant, "train.compile=true", "cm.batches=cycle")
    trainer = made(config, splits, vocabulary, tmp_path, torch.device("cpu"))
    updates = Updates(trainer.plan, trainer.data)
    torch._dynamo.reset()
    counters.clear()
    network = torch.compile(trainer.model, fullgraph=True, backend="eager")
    shapes, eager, compiled = set(), [], []
    for update in range(4):
        length = INFO_STEP if update % 2 else 2 * INFO_STEP
        pieces = [replace(p, info=p.info[:, :length].contiguous()) for p in updates[update]]
        for piece in pieces:
            shapes.add((piece.labels is None, piece.info.shape[1], piece.captions.shape[1]))
            eager.append(trainer.model(piece).item())
        compiled.append(float(trainer.step(network, pieces)))
    assert {info for _, info, _ in shapes} == {INFO_STEP, 2 * INFO_STEP}
    assert {captions for _, _, captions in shapes} == {config.inputs.max_caption}
    assert counters["graph_break"] == {}
    assert counters["stats"]["unique_graphs"] <= len(shapes)
    # Weights were not the same any more after the first update.
    assert compiled[0] == pytest.approx(sum(eager[: len(updates[0])]), rel=1e-5)


def gradient(config: Config, splits: Splits, vocabulary: Vocabulary, folder: Path) -> torch.Tensor:
    """The gradient of the first update, as the optimiser finds it."""
    trainer = made(config, splits, vocabulary, folder, torch.device("cpu"))
    found: list[torch.Tensor] = []

    def keep() -> None:
        gradients = [p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None]
        found.append(torch.cat(gradients).clone())

    before_steps(trainer, keep)
    trainer.step(trainer.model, Updates(trainer.plan, trainer.data)[0])
    return found[0]


def test_how_an_update_is_cut_matters_to_batch_norms_unless_they_are_frozen(
    splits: Splits, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """Micro-batches, or more devices, that change what is trained, where the configuration says that they do not."""
    off = {}
    for kind in ("local", "frozen"):
        settings = (*PAPER, "train.precision=fp32", f"model.batch_norm={kind}", "inputs.image_side=64", "inputs.grid=2")
        whole, cut = (
            gradient(tiny("context", *settings, f"train.micro_batch={n}"), splits, vocabulary, tmp_path)
            for n in (0, 12)
        )
        off[kind] = float((whole - cut).norm() / whole.norm())
    assert off["frozen"] < 1e-5
    assert off["local"] > 1e-2


def test_batch_norms_in_step(splits: Splits, vocabulary: Vocabulary, tmp_path: Path) -> None:
    """A run that asks for synchronised batch norms and gets local ones; an error from deep inside on the first update.

    Their kernels are for GPUs alone, so here only the network is looked at.
    """
    config = tiny("context", *PAPER, "model.batch_norm=synced")
    kinds = [
        {type(module) for module in in_step(build_model(config, 50), config, World(0, size, CUDA)).modules()}
        for size in (1, 2)
    ]
    assert [torch.nn.SyncBatchNorm in kind for kind in kinds] == [False, True]
    assert [torch.nn.BatchNorm2d in kind for kind in kinds] == [True, False]
    with pytest.raises(InputError, match=r"model.batch_norm: got synced on 2 CPU processes"):
        in_step(build_model(config, 50), config, World(0, 2, torch.device("cpu")))
    with pytest.raises(InputError, match=r"train.micro_batch: got 5, expected 0 with model.batch_norm=synced"):
        tiny("context", "model.batch_norm=synced", "train.micro_batch=5")


class AttentionCalls(TorchFunctionMode):
    """Notes the arguments of every call of attention."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[dict[str, Any]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.nn.functional.scaled_dot_product_attention:
            self.noted.append(
                {**dict(zip(("query", "key", "value", "attn_mask"), args, strict=False)), **(kwargs or {})}
            )
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("variant", VARIANTS)
def test_masks_have_a_number_for_each_key(variant: str, splits: Splits, vocabulary: Vocabulary, tmp_path: Path) -> None:
    """A mask that is broadcast over the keys, which the CPU takes and the memory-efficient kernel of GPUs refuses."""
    config = tiny(variant, "cm.batches=cycle")
    trainer = made(config, splits, vocabulary, tmp_path, torch.device("cpu"))
    tasks = one_of_each_task(config, splits, vocabulary)
    with AttentionCalls() as calls:
        for pieces in tasks:
            trainer.step(trainer.model, pieces)
        trainer.model.eval()
        for beam in (1, 2):
            trainer.model.generate(tasks[0][0], beam=beam)
    assert calls.noted or variant.startswith("updown")
    for call in calls.noted:
        mask = call["attn_mask"]
        assert mask is None or (mask.shape[-1] == call["key"].shape[-2] and mask.stride(-1) == 1)


def test_attention_gets_what_its_fast_kernels_take(
    splits: Splits, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mask that every layer converts or copies, or that only the slow kernel takes, which keeps all weights.

    On a GPU the memory-efficient kernel takes a mask of the queries' type whose rows begin at multiples of 8 numbers
    as it is; PyTorch copies any other.
    """
    config = tiny("full", *PAPER, "model.width=64", "model.heads=4", "inputs.max_info=33")
    tasks = one_of_each_task(config, splits, vocabulary)
    with fake_gpu(monkeypatch) as mode, CUDA:
        model = ReferenceModel(config, len(vocabulary))
        with AttentionCalls() as seen, torch.autocast("cuda", torch.bfloat16):
            for pieces in tasks:
                model(pieces[0]._each(mode.from_tensor).to(CUDA))
    calls = seen.noted
    assert len(calls) == 2 * config.model.layers
    assert any(call["attn_mask"].shape[-1] % 8 for call in calls), "a length that shows it"
    for call in calls:
        query, mask = call["query"], call["attn_mask"]
        assert query.dtype == mask.dtype == torch.bfloat16
        assert query.shape[-1] % 8 == 0
        assert mask.stride(-1) == 1
        assert all(stride % 8 == 0 for stride in mask.stride()[:-1])


def test_norms_are_converted_once_for_all_products_that_read_them(
    splits: Splits, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conversion to bf16 for queries, keys and values each, and back in the backward pass: mere traffic of memory."""
    config = tiny("full", *PAPER, "cm.batches=cycle")
    tasks = one_of_each_task(config, splits, vocabulary)
    with fake_gpu(monkeypatch) as mode, CUDA:
        model = ReferenceModel(config, len(vocabulary))
        for pieces in tasks:
            with Operations() as seen, torch.autocast("cuda", torch.bfloat16):
                model(pieces[0]._each(mode.from_tensor).to(CUDA))
            normed = {id(result[0]) for name, _, result in seen.noted if name == "native_layer_norm"}
            casts = [args[0] for name, args, _ in seen.noted if name == "_to_copy" and id(args[0]) in normed]
            assert len(casts) == 2 * config.model.layers


def test_convolutions_stay_in_channels_last(splits: Splits, vocabulary: Vocabulary, tmp_path: Path) -> None:
    """A layer of the ResNet that turns its tensors around, forward or backward, and so all that come after it."""
    config = tiny("context", *PAPER, "train.precision=fp32", "inputs.image_side=64", "inputs.grid=2")
    trainer = made(config, splits, vocabulary, tmp_path, torch.device("cpu"))
    with Operations() as seen:
        trainer.step(trainer.model, one_of_each_task(config, splits, vocabulary)[0])
    forward = [(args[0], result) for name, args, result in seen.noted if name == "convolution"]
    backward = [args[:2] for name, args, _ in seen.noted if name == "convolution_backward"]
    assert len(forward) == len(backward) == 53
    tensors = [tensor for pair in (*forward, *backward) for tensor in pair]
    assert all(tensor.is_contiguous(memory_format=torch.channels_last) for tensor in tensors)


def test_a_deterministic_run_has_no_pooling_that_is_not(splits: Splits, vocabulary: Vocabulary, tmp_path: Path) -> None:
    """A run with `train.deterministic` that ends in an error: the backward pass of adaptive pooling repeats nowhere."""
    config = tiny("context", *PAPER, "train.deterministic=true", "inputs.image_side=64", "inputs.grid=2")
    trainer = made(config, splits, vocabulary, tmp_path, torch.device("cpu"))
    with kernels(config.train), Operations() as seen:
        assert torch.are_deterministic_algorithms_enabled()
        trainer.step(trainer.model, one_of_each_task(config, splits, vocabulary)[0])
    assert not torch.are_deterministic_algorithms_enabled()
    assert seen.named("_adaptive_avg_pool2d", "_adaptive_avg_pool2d_backward") == []


def test_attention_on_the_cpu_is_fused(splits: Splits, vocabulary: Vocabulary, tmp_path: Path) -> None:
    """A mask for which PyTorch falls back to separate products and a softmax."""
    config = tiny("full", "cm.batches=cycle")
    trainer = made(config, splits, vocabulary, tmp_path, torch.device("cpu"))
    for pieces in one_of_each_task(config, splits, vocabulary):
        with Operations() as seen:
            trainer.step(trainer.model, pieces)
        assert len(seen.named("_scaled_dot_product_flash_attention_for_cpu")) == config.model.layers
        assert seen.named("_safe_softmax", "_softmax") == []
