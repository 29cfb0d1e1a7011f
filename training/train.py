"""Train the embedded model: first to copy, then on generated conversations.

Copying heads form quickly on "a random sequence, then the same again" over a growing alphabet, and
very slowly on conversations alone; so that comes first. `python -m training.train --help`.

Does not do: judging the result (`python -m training.evaluate`).
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import queue
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import GenerationConfig, GlmConfig, GlmForCausalLM

from glm_agent.messages import Control
from glm_agent.protocol.rendering.glm4 import STOPS, render

from . import tokenizer as tok
from . import vectors, words
from .banks.values import held_words
from .conversations import Conversation, stream
from .pieces import Pieces

MAX_LENGTH = 1024
HEAD = 32  # the width of an attention head
COPIED = 0.05  # a loss at which sequences are copied, so that it need not be practised as often
RIVALS = 2000  # tokens drawn from the vocabulary that compete with those of a batch


def config(
    tokenizer: Tokenizer, hidden: int, layers: int, ffn: int, kv_heads: int = 2
) -> GlmConfig:
    """A GLM of glm-4-9b-chat's architecture: half-rotary attention, fused SwiGLU.

    With its two key and value heads, all that a layer of this width could look for would have to
    share 64 numbers; so there may be more.
    """
    ids = {name: tokenizer.token_to_id(name) for name in tok.CONTROL}
    return GlmConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=hidden, intermediate_size=ffn, num_hidden_layers=layers,
        num_attention_heads=hidden // HEAD, num_key_value_heads=kv_heads, head_dim=HEAD, attention_bias=True,
        max_position_embeddings=8192, rms_norm_eps=1e-6, tie_word_embeddings=True, pad_token_id=ids["<|endoftext|>"],
        eos_token_id=[ids[name] for name in STOPS], bos_token_id=None,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
    )  # fmt: skip


def encode(conversation: Conversation, tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Ids, and 1 for each id the model has to produce (its replies with their stop tokens)."""
    ids: list[int] = []
    mask: list[int] = []
    speaking = False
    pieces = [
        *render(conversation.messages(), conversation.tools, add_generation_prompt=False).pieces,
        Control("<|user|>"),
    ]
    for piece in pieces:
        if isinstance(piece, Control):
            ids.append(tokenizer.token_to_id(piece.token))
            mask.append(int(speaking))
            speaking = piece.token == "<|assistant|>"
        else:
            new = tokenizer.encode(str(piece), add_special_tokens=False).ids
            ids += new
            mask += [int(speaking)] * len(new)
    return ids, mask


def _produce(path: str, seed: int, out: Any, rows: int) -> None:
    """A process that makes batches of conversations, longest together with longest."""
    import os

    os.nice(5)
    tokenizer = Tokenizer.from_file(path)
    tokenizer.encode_special_tokens = True
    words.learn(tokenizer.get_vocab())
    pad = tokenizer.token_to_id("<|endoftext|>")
    source, rng, pieces = stream(seed), random.Random(seed), Pieces(tokenizer)
    while True:
        pool = [pieces.split(*encode(next(source), tokenizer), rng) for _ in range(600)]
        pool = sorted((p for p in pool if len(p[0]) <= MAX_LENGTH), key=lambda p: len(p[0]))
        batches, start = [], 0
        while start < len(pool):
            end = start + 1
            while end < len(pool) and (end + 1 - start) * len(pool[end][0]) <= rows:
                end += 1
            part = pool[start:end]
            start = end
            if len(part) == 1:  # a shape of its own, for which everything would be compiled again
                continue
            width = -(-len(part[-1][0]) // 16) * 16
            ids = np.full((len(part), width), pad, np.int64)
            mask = np.zeros((len(part), width), bool)
            for row, (i, m) in enumerate(part):
                ids[row, : len(i)] = i
                mask[row, : len(m)] = m
            batches.append((ids, mask))
        rng.shuffle(batches)
        for batch in batches:
            out.put(batch)


def copy_batch(
    rng: np.random.Generator, alphabet: np.ndarray, rows: int, half: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sequences without repeats, each followed by itself; only the second half is to be produced."""
    order = rng.random((rows, len(alphabet))).argpartition(half - 1, 1)[:, :half]
    first = alphabet[rng.permuted(order, axis=1)]
    ids = np.concatenate([first, first], 1)
    mask = np.zeros_like(ids, bool)
    mask[:, half + 1 :] = True
    return torch.from_numpy(ids), torch.from_numpy(mask)


def optimizers(model: GlmForCausalLM, lr: float, muon_lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside, AdamW for embeddings, norms and biases."""
    inner = [
        p
        for n, p in model.named_parameters()
        if p.ndim == 2 and "embed" not in n and "lm_head" not in n
    ]
    known = {id(p) for p in inner}
    rest = [p for p in model.parameters() if id(p) not in known]
    return [
        torch.optim.Muon(
            inner, lr=muon_lr, weight_decay=0.01, momentum=0.95, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def grown(state: dict[str, torch.Tensor], layers: int, kv_heads: int) -> dict[str, torch.Tensor]:
    """The weights of a smaller model in a larger one that computes the same at first.

    Inner layers are doubled; a copy's two projections into the residual stream are zero, so that it
    does nothing at first, and starts from features that are already of use. Heads for keys and
    values are repeated for each query head that shared them.
    """
    old = 1 + max(int(name.split(".")[2]) for name in state if name.startswith("model.layers."))
    if not old <= layers <= 2 * old - 1:
        raise SystemExit(f"--layers must be {old} to {2 * old - 1} to go on from {old} layers")
    # Layer 0 stays single; the layers in the middle are doubled first.
    doubled = sorted(range(1, old), key=lambda i: abs(i - old / 2))[: layers - old]
    sources = [
        (i, new) for i in range(old) for new in ((False, True) if i in doubled else (False,))
    ]
    made = {name: value for name, value in state.items() if not name.startswith("model.layers.")}
    for index, (source, new) in enumerate(sources):
        for name, value in state.items():
            if name.startswith(f"model.layers.{source}."):
                rest = name.removeprefix(f"model.layers.{source}.")
                if rest.startswith(("self_attn.k_proj", "self_attn.v_proj")):
                    heads = value.unflatten(0, (-1, HEAD))
                    if kv_heads % len(heads):
                        raise SystemExit(f"--kv-heads must be a multiple of {len(heads)}")
                    value = heads.repeat_interleave(kv_heads // len(heads), 0).flatten(0, 1)
                silent = new and rest in ("self_attn.o_proj.weight", "mlp.down_proj.weight")
                made[f"model.layers.{index}.{rest}"] = value * 0 if silent else value.clone()
    return made


def reworded(
    state: dict[str, torch.Tensor], tokenizer: Tokenizer, old: Tokenizer
) -> dict[str, torch.Tensor]:
    """The weights for another vocabulary; the same where it is the same."""
    if tokenizer.get_vocab() == old.get_vocab():
        return state
    rows = vectors.carried_over(tokenizer, old, state["model.embed_tokens.weight"])
    rows += vectors.start(tokenizer, rows)
    return state | {"model.embed_tokens.weight": rows, "lm_head.weight": rows}


def loss_of(
    model: GlmForCausalLM,
    body: Any,
    ids: torch.Tensor,
    mask: torch.Tensor,
    alphabet: torch.Tensor | None = None,
) -> torch.Tensor:
    """Mean cross-entropy over the tokens the model has to produce, among those of the alphabet.

    Tokens outside it get no gradient: Adam would push all that are never wanted into one direction,
    and they would have to be told apart again later.

    On CPUs float32 is as fast as bfloat16 here, and compiling is what pays: it joins the small
    operations between the matrix products, which cost more than the products.
    """
    with torch.autocast(ids.device.type, torch.bfloat16, enabled=ids.is_cuda):
        hidden = body(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
        wanted, targets = mask[:, 1:], ids[:, 1:]
        if alphabet is None:
            logits = model.lm_head(hidden[wanted])
            chosen = targets[wanted]
        else:
            logits = hidden[wanted] @ model.lm_head.weight[alphabet].T
            chosen = torch.searchsorted(alphabet, targets[wanted])
    return torch.nn.functional.cross_entropy(logits.float(), chosen)


def export(model: GlmForCausalLM, tokenizer: Tokenizer, folder: Path) -> None:
    """Write a folder that transformers loads: bf16 weights, config, tokenizer."""
    tok.save(tokenizer, folder)
    stops = [tokenizer.token_to_id(name) for name in STOPS]
    state = {
        name: value.detach().cpu().to(torch.bfloat16) for name, value in model.state_dict().items()
    }
    target = GlmForCausalLM(model.config).to(torch.bfloat16)
    target.load_state_dict(state)
    target.generation_config = GenerationConfig(
        do_sample=False, eos_token_id=stops, pad_token_id=stops[0], max_new_tokens=256
    )
    target.save_pretrained(folder)


def main() -> None:  # noqa: PLR0915 - one loop, top to bottom
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument(
        "--tokenizer", type=Path, help="folder with tokenizer.json; trained anew without"
    )
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--kv-heads", type=int, default=2)
    parser.add_argument("--ffn", type=int, default=640)
    parser.add_argument("--copy-minutes", type=float, default=6)
    parser.add_argument(
        "--mix-minutes",
        type=float,
        default=12,
        help="how long copying goes on at every second step, unless it is learnt before; later "
        "at every fourth, or it would be lost",
    )
    parser.add_argument("--minutes", type=float, default=110)
    parser.add_argument("--tokens", type=int, default=8192, help="tokens a batch")
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--muon-lr", type=float, default=3e-3)
    parser.add_argument(
        "--resume",
        type=Path,
        help="a checkpoint (.pt) to start the conversations from; it may be smaller",
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    args.out.mkdir(parents=True, exist_ok=True)
    if args.tokenizer:
        tokenizer = Tokenizer.from_file(str(args.tokenizer / "tokenizer.json"))
    else:
        tokenizer = tok.with_words(tok.build())
    tok.save(tokenizer, args.out)
    model = GlmForCausalLM(config(tokenizer, args.hidden, args.layers, args.ffn, args.kv_heads)).to(
        device
    )
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters on {device}", flush=True)
    if args.resume:
        state = torch.load(args.resume, weights_only=True)
        old = Tokenizer.from_file(str(args.resume.parent / "tokenizer.json"))
        model.load_state_dict(grown(reworded(state, tokenizer, old), args.layers, args.kv_heads))
        args.copy_minutes = 0
    else:
        embeddings = model.get_input_embeddings().weight.data
        embeddings += vectors.start(tokenizer, embeddings)
    rng = np.random.default_rng(args.seed)
    opts = optimizers(model, args.lr, args.muon_lr)
    body = torch.compile(model.model, dynamic=True)
    bases = [group["lr"] for opt in opts for group in opt.param_groups]
    log = (args.out / "log.jsonl").open("a")

    def step(
        ids: torch.Tensor,
        mask: torch.Tensor,
        scale: float,
        alphabet: torch.Tensor | None = None,
    ) -> float:
        loss = loss_of(model, body, ids.to(device), mask.to(device), alphabet)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        groups = [group for opt in opts for group in opt.param_groups]
        for group, base in zip(groups, bases, strict=True):
            group["lr"] = base * scale
        for opt in opts:
            opt.step()
            opt.zero_grad(set_to_none=True)
        return loss.item()

    held, controls = held_words(), np.array([tokenizer.token_to_id(c) for c in tok.CONTROL])
    usable = np.array(
        [i for w, i in sorted(tokenizer.get_vocab().items()) if w.lower() not in held]
    )
    everything = rng.permutation(np.setdiff1d(usable, controls))
    started, steps, size, smooth = time.time(), 0, 64, 5.0
    while (spent := (time.time() - started) / 60) < args.copy_minutes:
        alphabet = np.sort(everything[:size])
        ids, mask = copy_batch(
            rng, alphabet, max(1, args.tokens // 2 // 64), int(rng.integers(8, 48))
        )
        smooth = 0.9 * smooth + 0.1 * step(
            ids, mask, min(1.0, (steps + 1) / 50), torch.from_numpy(alphabet).to(device)
        )
        steps += 1
        if steps % 25 == 0:
            print(
                f"copy {spent:.1f} min step {steps} alphabet {size} loss {smooth:.3f}", flush=True
            )
        if smooth < 0.3 and size < len(everything):
            size, smooth = min(len(everything), size * 4), smooth + 1
        elif smooth < 0.03:
            break
    torch.save(model.state_dict(), args.out / "copy.pt")

    batches: multiprocessing.Queue[Any] = multiprocessing.Queue(maxsize=64)
    producer = multiprocessing.Process(
        target=_produce,
        args=(str(args.out / "tokenizer.json"), args.seed + 100, batches, args.tokens),
        daemon=True,
    )
    producer.start()
    started, steps, smooth, seen, saved, copied = time.time(), 0, 3.0, 0, time.time(), 1.0
    while (spent := (time.time() - started) / 60) < args.minutes:
        try:
            ids_array, mask_array = batches.get(timeout=120)
        except queue.Empty:
            raise SystemExit("the producer of conversations stopped") from None
        done = spent / args.minutes
        # Warm up, hold, then fall to nearly nothing over the last two thirds.
        scale = min(1.0, (steps + 1) / 50, max(0.02, (1 - done) / 0.65))
        # What is in the batch and a sample of the rest compete: a word that is never wanted, as held
        # out ones are, keeps the embedding that it started with.
        alphabet = np.unique(
            np.concatenate([ids_array.ravel(), rng.choice(usable, RIVALS), controls])
        )
        loss = step(
            torch.from_numpy(ids_array),
            torch.from_numpy(mask_array),
            scale,
            torch.from_numpy(alphabet).to(device),
        )
        if steps % (2 if copied > COPIED and spent < args.mix_minutes else 4) == 0:
            # Words of one token each and rare tokens alike: copying must not depend on which.
            copied = step(
                *copy_batch(
                    rng, everything, max(1, args.tokens // 2 // 64), int(rng.integers(8, 48))
                ),
                scale,
            )
        if not math.isfinite(loss):
            raise SystemExit("the loss is not a number; lower --muon-lr")
        smooth = 0.98 * smooth + 0.02 * loss
        steps += 1
        seen += ids_array.size
        if steps % 50 == 0:
            print(
                f"{spent:.1f} min step {steps} copy {copied:.2f} loss {smooth:.4f} lr x{scale:.2f} {seen / 60 / max(spent, 1e-3):,.0f} tokens/s",
                flush=True,
            )
            log.write(
                json.dumps({"minutes": spent, "step": steps, "loss": smooth, "tokens": seen}) + "\n"
            )
            log.flush()
        if time.time() - saved > 240:
            torch.save(model.state_dict(), args.out / "last.tmp")
            (args.out / "last.tmp").replace(args.out / "last.pt")
            export(model, tokenizer, args.out)
            saved = time.time()
    export(model, tokenizer, args.out)
    torch.save(model.state_dict(), args.out / "last.pt")
    producer.terminate()


if __name__ == "__main__":
    main()
