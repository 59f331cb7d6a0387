"""Text encoders: token ids -> one vector an utterance. Masked ids never reach it."""

from typing import Any

import torch
from torch import Tensor, nn

from emo_core.io.environment import offline
from emo_core.models.layers.attention import ClsTransformer
from emo_core.models.layers.published import BackboneError, load_errors


class ByteEncoder(nn.Module):
    """Pocket text encoder: bytes, n-grams of nine bytes by convolution, then a transformer.

    Order lives in the n-grams: beyond nine bytes a text is a bag of them, of any length.
    """

    def __init__(
        self,
        vocabulary: int,
        width: int,
        layers: int,
        heads: int,
        feed_forward: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.grams = nn.ModuleList(nn.Conv1d(width, width, 5, padding=2) for _ in range(2))
        self.cls_transformer = ClsTransformer(width, layers, heads, feed_forward, dropout)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, L) int64, (B, L) bool -> (B, D)."""
        real = mask.unsqueeze(1)  # (B, 1, L)
        x = self.embed(tokens).transpose(1, 2) * real  # (B, D, L)
        for layer in self.grams:
            x = layer(x).relu() * real
        return self.cls_transformer(x.transpose(1, 2), mask)[0]


class Albert(nn.Module):
    """Paper text encoder: ALBERT's last hidden state at its first token (Lan et al. 2020).

    The library counts a pooler among its weights that nothing here uses. Raises ImportError where
    transformers is not installed.
    """

    def __init__(
        self,
        vocabulary: int,
        width: int,
        layers: int,
        heads: int,
        feed_forward: int,
        dropout: float,
        pretrained: bool,
    ) -> None:
        super().__init__()
        try:
            from transformers import AlbertConfig, AlbertModel  # takes seconds
        except ImportError as error:
            raise ImportError(
                "the paper's text encoder needs the library transformers, which is not installed; "
                "install requirements.txt or choose the setting text_encoder=bytes."
            ) from error
        if pretrained:
            self.albert = _from_hub(AlbertModel, PRETRAINED)
        else:
            config = AlbertConfig(
                vocab_size=vocabulary,
                embedding_size=min(128, width),
                hidden_size=width,
                num_hidden_layers=layers,
                num_attention_heads=heads,
                intermediate_size=feed_forward,
                hidden_dropout_prob=dropout,
                attention_probs_dropout_prob=dropout,
            )
            self.albert = AlbertModel(config)
        self.albert.pooler.requires_grad_(False)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, L) int64, (B, L) bool -> (B, D)."""
        return self.albert(input_ids=tokens, attention_mask=mask).last_hidden_state[:, 0]


PRETRAINED = "albert-base-v2"


class HubText(nn.Module):
    """Any text encoder of transformers, by a hub name or a folder: the mean of its last states.

    Means of all tokens need no first token that was trained for it (Reimers & Gurevych 2019). Of a
    model with a decoder the encoder is taken, and a pooler is not used. Raises BackboneError.
    """

    def __init__(self, name: str, width: int, pretrained: bool) -> None:
        super().__init__()
        from transformers import AutoConfig, AutoModel  # takes seconds

        self.name = name
        if pretrained:
            model = _from_hub(AutoModel, name)
        else:
            try:
                model = AutoModel.from_config(AutoConfig.from_pretrained(name, **_where()))
            except load_errors() as error:
                raise _cannot_be_had(name, error) from error
        config = model.config
        if config.hidden_size != width:
            raise BackboneError(
                "text_width is {width}; {name} has {found}; give --set text_width={found}.",
                width=width,
                name=name,
                found=config.hidden_size,
            )
        self.model = model.get_encoder() if config.is_encoder_decoder else model
        if hasattr(self.model, "pooler") and self.model.pooler is not None:
            self.model.pooler.requires_grad_(False)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, L) int64, (B, L) bool -> (B, D)."""
        states = self.model(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
        real = mask.unsqueeze(-1)
        return (states * real).sum(1) / real.sum(1).clamp(min=1)


UNUSED = ("pooler.", "decoder.")


def _where() -> dict[str, bool]:
    return {"local_files_only": offline(), "trust_remote_code": False}


def _from_hub(kind: Any, name: str) -> Any:
    """A model of transformers with all its weights; raises BackboneError where there are not all.

    The library would put random numbers in the place of what is missing.
    """
    try:
        model, report = kind.from_pretrained(
            name, dtype=torch.float32, output_loading_info=True, **_where()
        )
    except load_errors() as error:
        raise _cannot_be_had(name, error) from error
    missing = sorted(n for n in report["missing_keys"] if not n.startswith(UNUSED))
    if missing:
        raise BackboneError(
            "{repository} lacks {count} weights of this backbone ({names}); expected all of "
            "them; take the revision that is pinned.",
            repository=name,
            count=len(missing),
            names=", ".join(missing[:3]),
        )
    return model


def _cannot_be_had(name: str, error: Exception) -> BackboneError:
    return BackboneError(
        "the text encoder {name!r} can't be had ({why}); expected it in the hub's cache "
        "folder, or a folder with its files; fetch it once online.",
        name=name,
        why=" ".join(str(error).split())[:120].rstrip(".") or type(error).__name__,
    )
