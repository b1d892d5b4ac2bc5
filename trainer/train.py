"""Training, told from top to bottom: processes → data → network → optimiser → state → loop → checkpoint.

One loop serves two tasks. For Sat2Cap, overhead tiles learn to meet the frozen teacher's embeddings of the photos taken
there; for a teacher, photos learn to meet a frozen text tower's embeddings of their captions. Either way the targets
are computed once (`targets`), so that a step touches one tower only.

A run is a folder, and the same command goes on where the last one stopped. Every chance is drawn from the seed and the
number of the batch, so the second half is the very one that an unbroken run would have had. Under `torchrun` the batch
is shared by the processes, and negatives and queue are those of the joined batch.

Nothing here knows how shards, states, losses or checkpoints look inside, or who watches.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F

from trainer.checkpoint import Meta, read_meta
from trainer.errors import GroundcastError, SettingsError, UsageError
from trainer.neutral_prompts import BANK
from trainer.novelty import FEWEST, Novelty, write_novelty
from trainer.preprocess import Preprocess
from trainer.training import states
from trainer.training.augment import augmented
from trainer.training.clock import Clock
from trainer.training.config import TrainConfig, changed, to_toml
from trainer.training.loss import Queue, both_ways, queue_loss
from trainer.training.pairs import Batch
from trainer.training.photo_projection import learn_photo_projection
from trainer.training.preparation import Preparation
from trainer.training.processes import agreed, gathered, make_fabric, mean_over
from trainer.training.refit import refit_last_layers, vectors_of
from trainer.training.runlog import RunLog
from trainer.training.student import MAX_LOG_SCALE, Student, start
from trainer.training.validation import DECIDES, measure

logger = logging.getLogger(__name__)

MODEL, STATES, CONFIG = "model", "states", "config.toml"


class Watcher(Protocol):
    """Who is told how a run goes, in the first process only."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Targets are being embedded."""

    def stepped(self, step: int, pairs: int, numbers: Mapping[str, float]) -> None:
        """A step is done; `numbers` are the last known ones: loss, pairs_per_s, measures."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        step: Steps that the network has seen; of the best one, where there is a validation split.
        steps: Steps that were made.
        why: `done`, `early stop`, `time`, or `was done` where nothing was left to do.
        folder: The checkpoint; None where the run is to go on.
        meta: What the checkpoint says about itself.
        measures: On the validation split.
    """

    step: int
    steps: int
    why: str
    folder: Path | None = None
    meta: Meta | None = None
    measures: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Memory:
    """What a run remembers beside the network: it is stored with every state."""

    step: int = 0
    seconds: float = 0.0
    logged: int = 0  # step of the last row of the log
    loss_sum: float = 0.0  # of the steps since
    best: float = -1.0
    stale: int = 0  # measurements since the best
    measures: dict[str, float] = field(default_factory=dict)


def train(config: TrainConfig, watcher: Watcher | None = None) -> Outcome:  # noqa: PLR0912, PLR0915 -- one story
    """Train, or go on training.

    Raises:
        SettingsError: The configuration contradicts itself, the teacher, or the run that is there.
        SourceError: Shards that cannot be read, or with nothing to learn from.
        CheckpointError: The teacher cannot be read, or the disk refuses.
        GroundcastError: The loss is no number any more.
    """
    out = _named(config)
    if (out / MODEL).exists():
        return _was_done(config, out)

    begun = time.perf_counter()

    # Processes. Under torchrun each has its part of every batch; alone it has all of it.
    fabric = make_fabric(config.device, config.precision)
    rank, world = fabric.global_rank, fabric.world_size
    watching = watcher if rank == 0 else None

    # The network comes first, because the data must fit it: Sat2Cap, and a learnt temperature.
    beginning = start(config)
    student, expects = beginning.student, beginning.meta.overhead_input
    student.train().to(memory_format=torch.channels_last)  # convolutions are half as fast again
    if config.grad_checkpointing:
        student.sat2cap.overhead.set_grad_checkpointing(True)  # type: ignore[operator]  # every open_clip tower has it
    if config.compile:
        student.sat2cap.overhead.compile()

    # Data. Targets are embedded once and stored; pictures are decoded once, and held where they fit.
    prepare = Preparation(config, beginning, fabric, watching)
    pairs, card = prepare.pairs(config.train, size_px=config.image_px or expects.size_px)
    gallery, val_card = prepare.gallery(config.val, size_px=expects.size_px)
    panels = prepare.panels() if config.refit else None
    del prepare  # and with it the teacher
    logger.info("%d pairs to learn from, %d to measure on", len(pairs), len(gallery) if gallery else 0)

    # Optimiser. Temperature, norms and biases are not decayed, unless the paper is followed to the letter.
    adam = torch.optim.AdamW(_groups(student, config), betas=_two(config.betas), eps=config.eps, fused=True)
    network, optimiser = fabric.setup(student, adam)

    # The queue is filled before the first step; then the last state, if there is one, is put back.
    queue = Queue(min(config.queue, len(pairs)), beginning.meta.dim, pairs.id_columns, fabric.device)
    for vectors, ids in pairs.queue_filling(len(queue)):
        queue.push(vectors, ids)
    memory = _Memory()
    identity = {"shards": card["fingerprint"], "teacher": beginning.meta.origin.get("teacher", "")}
    state = states.load_last(out / STATES)
    if state is not None:
        _check_same(config, identity, state, out)
        student.load_state_dict(state["network"])
        adam.load_state_dict(state["optimiser"])
        queue.load_state_dict(state["queue"])
        memory = _Memory(**state["memory"])
        logger.info("going on after step %d of %s", memory.step, out)
    del state
    if rank == 0:
        _write_config(config, out)

    def store() -> None:
        """Store everything from which this run can go on."""
        if rank == 0:
            _check_finite(student, memory.step, out)
            whole = {"network": student.state_dict(), "optimiser": adam.state_dict(), "queue": queue.state_dict()}
            about = {"memory": asdict(memory), "config": asdict(config), "identity": identity}
            states.save_state(out / STATES, memory.step, whole | about)

    batches = pairs.batches(memory.step * config.accumulate, rank, world)
    clock = Clock(memory.seconds)
    losses: list[torch.Tensor] = []  # that the device has not been asked for yet
    shown: dict[str, float] = dict(memory.measures)
    why = "done" if memory.step >= config.steps else ""  # it was broken off just before the checkpoint
    with RunLog(out, memory.step, writes=rank == 0) as log:
        while not why:
            # One step: as many passes as asked for, gradients exchanged between processes in the last one only.
            memory.step += 1
            rate = _rate(memory.step, config)
            for group in adam.param_groups:
                group["lr"] = group["peak"] * rate
            for number in range(config.accumulate):
                batch = next(batches)
                torch.manual_seed(_seed(config, memory.step, number, rank))  # of what the tower itself draws
                with fabric.no_backward_sync(network, enabled=number + 1 < config.accumulate):
                    targets, ids = gathered(batch.targets), gathered(batch.ids)  # [n, d], [n, columns]
                    loss = _loss(network, batch, targets, ids, queue, config, expects, rank)
                    fabric.backward(loss / config.accumulate)
                queue.push(targets, ids)
                losses.append(loss.detach() / config.accumulate)
            if config.grad_clip:
                # without asking whether the norm is finite, for which a GPU would have to stop in every step
                fabric.clip_gradients(network, optimiser, max_norm=config.grad_clip, error_if_nonfinite=False)
            optimiser.step()
            optimiser.zero_grad()
            with torch.no_grad():
                student.logit_scale.clamp_(0, MAX_LOG_SCALE)
            clock.pairs += config.batch * config.accumulate

            # Now and then the device is asked how it goes, and the log gets a row.
            last = memory.step == config.steps
            logs, stores = (memory.step % every == 0 or last for every in (config.log_every, config.checkpoint_every))
            if logs or stores:
                memory.loss_sum += mean_over(fabric, torch.stack(losses).sum())
                losses.clear()
                if not math.isfinite(memory.loss_sum):
                    raise _not_a_number(memory.step, out)
            if logs:
                row = {"loss": memory.loss_sum / (memory.step - memory.logged), "lr": config.lr * rate}
                memory.loss_sum, memory.logged = 0.0, memory.step
                row |= {"temperature": math.exp(-student.logit_scale.item()), "pairs_per_s": clock.pairs_per_s()}
                shown |= row
                log.training(memory.step, row | {"seconds": clock.seconds})

            # More seldom, it is measured; the best network is kept, and the run ends when nothing gets better.
            if gallery is not None and (last or (config.eval_every and memory.step % config.eval_every == 0)):
                with clock.paused():
                    memory.measures = measure(fabric, student, gallery, expects)
                    memory.stale += 1
                    if memory.measures[DECIDES] > memory.best:
                        memory.best, memory.stale = memory.measures[DECIDES], 0
                        if rank == 0:
                            best = {"network": student.state_dict(), "step": memory.step, "measures": memory.measures}
                            states.save_best(out / STATES, best)
                    shown |= memory.measures
                    log.measured(memory.step, memory.measures)
                    log.draw()
            if last:
                why = "done"
            elif config.patience and memory.stale >= config.patience:
                why = "early stop"
            elif config.max_minutes and agreed(fabric, time.perf_counter() - begun > config.max_minutes * 60):
                why = "time"
            if stores or why == "time":
                with clock.paused():
                    memory.seconds = clock.seconds
                    store()
            if watching is not None:
                watching.stepped(memory.step, config.batch * config.accumulate, shown)
        log.draw()
    if why == "time":
        return Outcome(memory.step, memory.step, why, measures=memory.measures)

    # The checkpoint: the best network that was measured, else the last; refitted, if asked for.
    fabric.barrier()
    kept = states.load_best(out / STATES) if gallery is not None else None
    seen = memory.step
    if kept is not None:
        student.load_state_dict(kept["network"])
        memory.measures, seen = kept["measures"], kept["step"]
    if config.refit:
        # each process for itself: it is one pass
        texts = beginning.text_tower(fabric.device).embed(BANK)
        how = {"keep": config.refit_keep, "time": config.refit_time}
        refit_last_layers(student, pairs, expects, **how, texts=texts, panels=panels)
        if gallery is not None:
            memory.measures = measure(fabric, student, gallery, expects)
    if rank == 0:
        card["left_out"] = dict(pairs.problems)  # pictures that are decoded as they come may have turned out broken
        data = {"train": card, "val": val_card, "teacher": identity["teacher"]}
        data |= {} if panels is None else {"panels": panels.card}
        record = {"training": asdict(config), "step": seen, "metrics": memory.measures, "data_card": data}
        beginning.write(out / MODEL, record)
        # what is usual among its tiles, so that answers can say where imagery is unlike them
        if config.image == "overhead" and len(pairs) >= FEWEST:
            seen_o, cells = vectors_of(student, pairs, expects)  # [n, d], [n]
            if len(np.unique(cells)) >= FEWEST:  # many photos of few tiles tell nothing of others
                write_novelty(out / MODEL, Novelty.of(seen_o, cells))
        if panels is not None and config.encoding != "none":
            learn_photo_projection(out / MODEL, panels, device=str(fabric.device))
    fabric.barrier()
    return Outcome(seen, memory.step, why, out / MODEL, read_meta(out / MODEL), memory.measures)


def _loss(
    network: Callable[..., tuple[torch.Tensor, torch.Tensor]],
    batch: Batch,
    targets: torch.Tensor,
    ids: torch.Tensor,
    queue: Queue,
    config: TrainConfig,
    expects: Preprocess,
    rank: int,
) -> torch.Tensor:
    """The loss of one's own rows, with the targets and ids of all processes; scalar, float32."""
    pixels = augmented(batch.pixels, batch.view, expects).contiguous(
        memory_format=torch.channels_last
    )  # [b, 3, px, px]
    s, scale = network(pixels, batch.encoded, batch.usable)  # [b, d], scalar
    s = F.normalize(s.float(), dim=1)
    if config.loss == "queue":
        loss = queue_loss(s, batch.targets, scale, queue.vectors)
    else:
        loss = both_ways(s, gathered(s), targets, scale, ids, first=rank * len(s), queue=queue)
    if config.align_weight:
        loss = loss + config.align_weight * (1 - (s * batch.targets).sum(dim=1)).mean()
    return loss


def _named(config: TrainConfig) -> Path:
    """The run's folder; what must be named is."""
    for key in ("train", "out"):
        if not getattr(config, key):
            raise SettingsError(f"{key} = '': name a folder, as in {key}=PATH")
    return Path(config.out)


def _write_config(config: TrainConfig, out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / CONFIG).write_text(to_toml(config), "utf-8")
    except OSError as e:
        raise SettingsError(f"out = {config.out!r} cannot be written to ({e.strerror}): name another folder") from e


def _seed(config: TrainConfig, step: int, number: int, rank: int) -> int:
    """A seed of its own for every pass of every process, so that a run that goes on draws what it would have drawn."""
    return int(np.random.SeedSequence([config.seed, step, number, rank]).generate_state(1)[0])


def _two(betas: tuple[float, ...]) -> tuple[float, float]:
    return betas[0], betas[1]


def _groups(student: Student, config: TrainConfig) -> Iterator[dict[str, Any]]:
    """Parameter groups, each with its `peak` learning rate: tower and encoder, with decay and without."""
    for encoder in (False, True):
        for decays in (True, False):
            chosen = [
                p
                for name, p in student.named_parameters()
                if name.startswith("sat2cap.encoder.") == encoder and (config.decay == "all" or p.ndim >= 2) == decays
            ]
            if chosen:
                peak = (config.encoder_lr or config.lr) if encoder else config.lr
                decay = config.weight_decay if decays else 0.0
                yield {"params": chosen, "lr": peak, "peak": peak, "weight_decay": decay}


def _rate(step: int, config: TrainConfig) -> float:
    """Share of the peak learning rate in a step, counted from 1."""
    if step <= config.warmup:
        return step / config.warmup
    done = step - 1 - config.warmup
    if config.schedule == "restarts":
        return (1 + math.cos(math.pi * (done % config.restart_steps) / config.restart_steps)) / 2
    fall = (1 + math.cos(math.pi * done / max(1, config.steps - config.warmup))) / 2
    return config.final_lr + (1 - config.final_lr) * fall


def _check_same(config: TrainConfig, identity: Mapping[str, str], state: states.State, out: Path) -> None:
    """Refuse to go on with another run under the same name."""
    differing = changed(state["config"], config)
    differing += [f"{k} {state['identity'][k]}, now {v}" for k, v in identity.items() if state["identity"][k] != v]
    if differing:
        raise SettingsError(
            f"run {out} was begun differently ({'; '.join(differing)}): undo that, or name another out="
        )


def _was_done(config: TrainConfig, out: Path) -> Outcome:
    """The outcome of a run that is complete."""
    meta = read_meta(out / MODEL)
    differing = changed(meta.training or {}, config)
    if differing:
        raise UsageError(f"run {out} is done, and was another ({'; '.join(differing)}): name another out=")
    return Outcome(meta.step or 0, meta.step or 0, "was done", out / MODEL, meta, meta.metrics)


def _check_finite(student: Student, step: int, out: Path) -> None:
    if not all(bool(torch.isfinite(p).all()) for p in student.parameters()):
        raise _not_a_number(step, out)


def _not_a_number(step: int, out: Path) -> GroundcastError:
    return GroundcastError(
        f"the loss is no number any more, at or shortly before step {step}: make lr smaller, warmup longer or set "
        f"grad_clip; {states.last_good(out / STATES)}"
    )
