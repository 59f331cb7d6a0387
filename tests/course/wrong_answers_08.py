"""Wrong answers to lesson 8, and what the explanation must speak of."""

import math

import torch
from exercises import lesson_08, mymodel


def _from(start):
    def answer(done, warmup):
        if done < warmup:
            return done / warmup
        return start(done, warmup)

    return answer


def _forgets(what):
    def train_epoch(run, batches, loss_of):
        return lesson_08._epoch(run, batches, what)

    return train_epoch


def _evaluating(run, batches, loss_of):
    run.model.train = lambda mode=True: run.model
    run.model.modes.append(False)
    return lesson_08._epoch(run, batches)


def _last_loss(run, batches, loss_of):
    lesson_08._epoch(run, batches)
    return 5.0


def _fit(change):
    def fit(model, train, valid, loss_of, settings, device="cpu", checkpoint=None):
        return change(model, train, valid, loss_of, settings, device, checkpoint)

    return fit


def _no_patience(model, train, valid, loss_of, settings, device, checkpoint):
    from dataclasses import replace

    longer = replace(settings, patience=99)
    return mymodel.fit(model, train, valid, loss_of, longer, device, checkpoint)


def _last_weights(model, train, valid, loss_of, settings, device, checkpoint):
    records = mymodel.fit(model, train, valid, loss_of, settings, device, checkpoint)
    with torch.no_grad():
        model.head.weight += 1
    return records


def _no_checkpoint(model, train, valid, loss_of, settings, device, checkpoint):
    return mymodel.fit(model, train, valid, loss_of, settings, device)


def _only_weights(model, train, valid, loss_of, settings, device, checkpoint):
    if checkpoint and checkpoint.is_file():
        model.load_state_dict(torch.load(checkpoint, weights_only=True)["model"])
    records = mymodel.fit(model, train, valid, loss_of, settings, device)
    return records


def _scores_train(model, train, valid, loss_of, settings, device, checkpoint):
    return mymodel.fit(model, train, train, loss_of, settings, device, checkpoint)


def _unseeded(model, train, valid, loss_of, settings, device, checkpoint):
    run = mymodel.Run(model, settings, device)
    for _ in range(settings.epochs):
        loss = mymodel.train_epoch(run, train, loss_of)
        run.records.append({"loss": loss, "accuracy": mymodel.accuracy(model, valid, device)})
    return run.records


def _halved_once(step, batch):
    try:
        step(batch)
    except torch.cuda.OutOfMemoryError:
        batch //= 2
    return batch, 64 // batch


def _no_count(step, batch):
    wanted = batch
    while True:
        try:
            step(batch)
            return batch, 1 if batch < wanted else 2
        except torch.cuda.OutOfMemoryError:
            batch //= 2


def _wipes(model, batches, loss_of):
    for batch in batches:
        model.zero_grad()
        (loss_of(model, batch) / len(batches)).backward()


def _sums(model, batches, loss_of):
    model.zero_grad()
    for batch in batches:
        loss_of(model, batch).backward()


def _mean_of(change):
    @torch.no_grad()
    def move_mean(mean, model, keep):
        for old, new in zip(mean.state_dict().values(), model.state_dict().values(), strict=True):
            change(old, new, keep)

    return move_mean


WRONG = {
    "to_device": [
        (lambda batch, device: batch, "stayed behind"),
        (lambda batch, device: {"mel": batch["mel"].to(device)}, "names"),
        (lambda batch, device: list(batch.values()), "dictionary"),
    ],
    "move_mean": [
        (_mean_of(lambda old, new, keep: None), "did not move"),
        (_mean_of(lambda old, new, keep: old.copy_(keep * new + (1 - keep) * old)), "share"),
        (_mean_of(lambda old, new, keep: new.copy_(old)), "only the mean"),
        (_mean_of(lambda old, new, keep: old.lerp_(new, 1 - keep)), "stopped"),
    ],
    "train_epoch": [
        *((_forgets(what), words[:40]) for what, words in lesson_08.FORGOTTEN.items()),
        (_evaluating, "training mode"),
        (_last_loss, "weigh each"),
        (lambda run, batches, loss_of: 1.0, "never called"),
    ],
    "fit": [
        (_fit(_no_patience), "records"),
        (_fit(_last_weights), "best epoch"),
        (_fit(_no_checkpoint), "No checkpoint"),
        (_fit(_scores_train), "score `valid`"),
        (_fit(_unseeded), "Seed each epoch"),
        (lambda *_: 3, "list with a dictionary"),
    ],
    "batch_that_fits": [
        (_halved_once, "expected"),
        (_no_count, "such batches"),
        (lambda step, batch: (batch, 1), "never tried"),
    ],
    "accumulate": [
        (_wipes, "last batch"),
        (_sums, "too long"),
        (lambda model, batches, loss_of: None, "no gradients"),
    ],
    "learning_rate": [
        (lambda done, warmup: 1.0, "straight line"),
        (_from(lambda d, w: 0.5 * (1 + math.cos(math.pi * d))), "starts where"),
        (_from(lambda d, w: 1 - (d - w) / (1 - w)), "straight line down"),
        (_from(lambda d, w: 1.0), "expected"),
        (lambda done: 1.0, "TypeError"),
    ],
    "weights_only": [
        ("They do not: weights are all there is", "AdamW"),
        ("Because of rounding when saving", "bit for bit"),
    ],
}
