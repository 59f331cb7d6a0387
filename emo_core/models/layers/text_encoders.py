"""Text encoders: token ids -> one vector an utterance. Masked ids never reach it."""

from torch import Tensor, nn

from emo_core.models.layers.attention import ClsTransformer


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
            self.albert = AlbertModel.from_pretrained(PRETRAINED)
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
