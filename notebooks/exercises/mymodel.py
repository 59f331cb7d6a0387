"""What grows in the reader's `mymodel.py`: the code of every part, as the lessons ask for it."""

# %% log_mel
import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


def hz_to_mel(hz: Tensor) -> Tensor:
    """Slaney's mel scale: straight up to 1,000 Hz, logarithmic above."""
    above = 15 + (hz.clamp(min=1000) / 1000).log() * 27 / math.log(6.4)
    return torch.where(hz < 1000, 3 * hz / 200, above)


def mel_to_hz(mel: Tensor) -> Tensor:
    return torch.where(mel < 15, 200 * mel / 3, 1000 * ((mel - 15) * math.log(6.4) / 27).exp())


def mel_filters(bands: int = 64, low: float = 50.0, high: float = 7600.0) -> Tensor:
    """Triangles of area one over the 257 frequencies of a spectrum: (257, bands)."""
    hz = torch.linspace(0, 8000, 257).unsqueeze(1)
    ends = hz_to_mel(torch.tensor([low, high]))
    edges = mel_to_hz(torch.linspace(float(ends[0]), float(ends[1]), bands + 2))
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    triangles = torch.minimum((hz - left) / (centre - left), (right - hz) / (right - centre))
    return triangles.clamp(min=0) * 2 / (right - left)


def log_mel(wave: Tensor) -> Tensor:
    """Sound (B, S) at 16 kHz -> (B, S // 320, 64): natural log of the power in each mel band."""
    spectrum = torch.stft(wave, 512, 320, window=torch.hann_window(512), return_complex=True)
    power = spectrum.abs().square().transpose(1, 2)[:, : wave.shape[1] // 320]
    return (power @ mel_filters()).clamp(min=1e-5).log()


# %% dataset
FRAMES, HEIGHT, WIDTH = 16, 72, 96
SECONDS, RATE = 5, 16_000


def letterbox(frames: Tensor) -> Tensor:
    """Frames (T, 3, h, w) in the middle of black ones (T, 3, 72, 96)."""
    across, down = WIDTH - frames.shape[3], HEIGHT - frames.shape[2]
    margins = (across // 2, across - across // 2, down // 2, down - down // 2)
    return functional.pad(frames, margins)


class ClipDataset(torch.utils.data.Dataset):
    """The first five seconds of labelled clips; `rows` is a list of (path, label)."""

    def __init__(self, rows: list) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        from emo_core import load_clip

        path, label = self.rows[index]
        clip = load_clip(path)
        length_s = min(clip.duration_s, SECONDS)
        asked_s = (torch.arange(FRAMES) + 0.5) * SECONDS / FRAMES  # the middle of 16 equal parts
        asked_s = asked_s[asked_s < length_s]
        scale = min(WIDTH / clip.size[0], HEIGHT / clip.size[1])
        size = round(clip.size[0] * scale), round(clip.size[1] * scale)
        seen = clip.read_frames(asked_s.numpy(), size)
        video = letterbox(torch.from_numpy(seen.pixels).permute(0, 3, 1, 2))
        return {
            "video": video,  # (T, 3, 72, 96) bytes
            "video_times_s": torch.from_numpy(seen.times_s).float(),  # (T,)
            "wave": torch.from_numpy(clip.audio(RATE, 0, length_s)),  # (S,)
            "label": torch.tensor(label),
        }


def pad_to(length: int, values: Tensor) -> Tensor:
    """(n, ...) -> (length, ...): zeros at the end, or the end cut off."""
    values = values[:length]
    return torch.cat([values, values.new_zeros(length - len(values), *values.shape[1:])])


def collate(clips: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Clips of different length -> one batch, padded; masks are True where something is real."""

    def stack(name: str, length: int) -> Tensor:
        return torch.stack([pad_to(length, clip[name]) for clip in clips])

    mel = log_mel(stack("wave", SECONDS * RATE))  # (B, 250, 64)
    mel_times_s = (torch.arange(mel.shape[1]) * 320 / RATE).expand(len(clips), -1)
    frames, samples = (torch.tensor([len(c[n]) for c in clips])[:, None] for n in ("video", "wave"))
    return {
        "video": stack("video", FRAMES),  # (B, 16, 3, 72, 96)
        "video_mask": torch.arange(FRAMES) < frames,
        "video_times_s": stack("video_times_s", FRAMES),
        "mel": mel,
        "mel_mask": mel_times_s < samples / RATE,
        "mel_times_s": mel_times_s,
        "label": torch.stack([clip["label"] for clip in clips]),
    }


# %% tower
class Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut around them (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.skip = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.body(x) + self.skip(x))


class ConvNet(nn.Module):
    """A small residual network: a picture (B, channels, H, W) -> 128 feature maps."""

    def __init__(self, channels: int, strides: tuple) -> None:
        super().__init__()
        stem = nn.Sequential(
            nn.Conv2d(channels, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        )
        self.trunk = nn.Sequential(
            stem,
            Residual(16, 32, strides[0]),
            Residual(32, 64, strides[1]),
            Residual(64, 128, strides[2]),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.trunk(x)


class FrameNet(ConvNet):
    """Frames (B, T, 3, H, W) uint8 -> one token a frame (B, T, 256)."""

    MEAN, STD = (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)

    def __init__(self) -> None:
        super().__init__(3, (2, 2, 2))

    def forward(self, video: Tensor, mask: Tensor) -> Tensor:
        mean = torch.tensor(self.MEAN, device=video.device).view(3, 1, 1)
        std = torch.tensor(self.STD, device=video.device).view(3, 1, 1)
        image = (video / 255 - mean) / std * mask[..., None, None, None]
        maps = self.trunk(image.flatten(0, 1))  # (B * T, 128, h, w)
        tokens = torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1)
        return tokens.unflatten(0, mask.shape)


class MelNet(ConvNet):
    """Log-mel (B, F, 64) -> one token every 8 mel frames (B, N, 256)."""

    def __init__(self) -> None:
        super().__init__(1, (2, 2, (1, 2)))

    def forward(self, mel: Tensor, mask: Tensor) -> Tensor:
        image = ((mel + 4) / 4 * mask.unsqueeze(2)).unsqueeze(1)  # (B, 1, F, 64)
        maps = self.trunk(image)  # (B, 128, N, 4)
        return torch.cat([maps.mean(3), maps.amax(3)], 1).transpose(1, 2)


def time_encoding(times_s: Tensor, width: int) -> Tensor:
    """Seconds (B, N) as sines and cosines of periods from 0.4 to 20 s: (B, N, width)."""
    period_s = 0.4 * 50 ** torch.linspace(0, 1, width // 2, device=times_s.device)
    angle = 2 * math.pi * times_s.unsqueeze(-1) / period_s
    return torch.cat([angle.sin(), angle.cos()], -1)


class Tower(nn.Module):
    """A backbone, a projection to the common width, and what says when and by which sense."""

    def __init__(self, backbone: nn.Module, width: int = 96) -> None:
        super().__init__()
        self.backbone = backbone
        self.project = nn.Linear(256, width)
        self.modality = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor, mask: Tensor, times_s: Tensor) -> tuple[Tensor, Tensor]:
        """Returns tokens (B, N, width) and which of them are real (B, N)."""
        tokens = self.project(self.backbone(x, mask))
        count, width = tokens.shape[1:]
        # one token may stand for several inputs: real if any of them is, at their mean time
        real = functional.adaptive_max_pool1d(mask.float(), count) > 0
        times_s = functional.adaptive_avg_pool1d(times_s, count)
        return tokens + time_encoding(times_s, width) + self.modality, real


# %% attention
class Attention(nn.Module):
    """Multi-head scaled dot-product attention (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        """x (B, N, D) asks context (B, K, D), of which mask (B, K) is real -> (B, N, D)."""
        split = lambda tokens: tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # noqa: E731
        q, k, v = split(self.query(x)), split(self.key(context)), split(self.value(context))
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, heads, N, K)
        real = mask[:, None, None, :]
        weights = scores.masked_fill(~real, torch.finfo(scores.dtype).min).softmax(-1) * real
        answer = self.out((weights @ v).transpose(1, 2).flatten(-2))  # (B, N, D)
        return answer * mask.any(1)[:, None, None]  # nobody to ask: no answer


class CrossModalBlock(nn.Module):
    """Attention to the other stream, then a feed-forward net; each with norm and residual."""

    def __init__(self, width: int, heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.norm, self.context_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.norm(x), self.context_norm(context), mask))
        return x + self.dropout(self.feed_forward(x))


def masked_mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """Mean of the real tokens (B, N, D) -> (B, D); zero where none is real."""
    real = mask.unsqueeze(-1).float()
    return (tokens * real).sum(1) / real.sum(1).clamp(min=1)


# %% group
class CrossModalFusion(nn.Module):
    """Each stream asks the other one, twice; means over time; three scores."""

    def __init__(self, width: int = 96, heads: int = 4, blocks: int = 2, classes: int = 3) -> None:
        super().__init__()
        make = lambda: nn.ModuleList(CrossModalBlock(width, heads) for _ in range(blocks))  # noqa: E731
        self.blocks = nn.ModuleDict({"video": make(), "audio": make()})
        self.head = nn.Sequential(
            nn.LayerNorm(2 * width), nn.Dropout(0.2), nn.Linear(2 * width, classes)
        )

    def forward(self, video: Tensor, seen: Tensor, audio: Tensor, heard: Tensor) -> Tensor:
        x, y = video, audio
        for block in self.blocks["video"]:
            x = block(x, audio, heard)
        for block in self.blocks["audio"]:
            y = block(y, video, seen)
        return self.head(torch.cat([masked_mean(x, seen), masked_mean(y, heard)], 1))


class GroupModel(nn.Module):
    """Frames and log-mel -> scores of positive, neutral, negative."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.video, self.audio = Tower(FrameNet(), width), Tower(MelNet(), width)
        self.fusion = CrossModalFusion(width)

    def forward(self, batch) -> Tensor:
        video, seen = self.video(batch["video"], batch["video_mask"], batch["video_times_s"])
        audio, heard = self.audio(batch["mel"], batch["mel_mask"], batch["mel_times_s"])
        return self.fusion(video, seen, audio, heard)


# %% mesm
class TransformerLayer(nn.Module):
    """Self-attention and a feed-forward net, each followed by its norm (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.widen, self.narrow = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm, self.last_norm = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.norm(x + self.attention(x, x, mask))
        return self.last_norm(x + self.narrow(self.widen(x).relu()))


class ClsTransformer(nn.Module):
    """A learned first token reads a set of tokens and becomes their summary."""

    def __init__(self, width: int, layers: int, heads: int = 4, hidden: int = 128) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(width))
        self.layers = nn.ModuleList(TransformerLayer(width, heads, hidden) for _ in range(layers))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, N, D), (B, N) -> (B, D)."""
        x = torch.cat([self.cls_token.expand(len(tokens), 1, -1), tokens], 1)
        mask = torch.cat([mask.new_ones(len(mask), 1), mask], 1)
        for layer in self.layers:
            x = layer(x, mask)
        return x[:, 0]


class ByteEncoder(nn.Module):
    """Bytes of a transcript -> one vector: embedding, two convolutions, a small transformer."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.embed = nn.Embedding(260, width)
        self.grams = nn.ModuleList(nn.Conv1d(width, width, 5, padding=2) for _ in range(2))
        self.cls_transformer = ClsTransformer(width, layers=1)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        real = mask.unsqueeze(1)
        x = self.embed(tokens).transpose(1, 2) * real  # (B, D, L)
        for layer in self.grams:
            x = layer(x).relu() * real
        return self.cls_transformer(x.transpose(1, 2), mask)


class AdditiveAttention(nn.Module):
    """How well each candidate fits the query: w . tanh(W x + U query) (Bahdanau et al. 2015)."""

    def __init__(self, width: int, query_width: int) -> None:
        super().__init__()
        self.content = nn.Linear(width, width)
        self.query = nn.Linear(query_width, width, bias=False)
        self.energy = nn.Linear(width, 1)

    def forward(self, x: Tensor, query: Tensor) -> Tensor:
        """Candidates (n, C), the query of each (n, Q) -> (n,)."""
        return self.energy(torch.tanh(self.content(x) + self.query(query))).squeeze(-1)


def keep_strongest(weights: Tensor, real: Tensor, share: float) -> Tensor:
    """The `share` of each row's real candidates with the largest weights, at least one."""
    order = weights.masked_fill(~real, -1).argsort(dim=-1, descending=True, stable=True)
    count = (share * real.sum(-1, keepdim=True) - 1e-6).ceil().clamp(min=1)
    return (order.argsort(-1) < count) & real


def conv(inputs: int, outputs: int, size: int = 3) -> nn.Sequential:
    """A convolution that keeps height and width, batch norm, ReLU."""
    layer = nn.Conv2d(inputs, outputs, size, padding=size // 2)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU())


def pair(inputs: int, outputs: int) -> nn.Sequential:
    """A block of VGG: two 3x3 convolutions (Simonyan & Zisserman 2015)."""
    return nn.Sequential(conv(inputs, outputs), conv(outputs, outputs))


class Vgg(nn.Module):
    """Pictures (n, c, h, w) -> 128 feature maps (n, 128, h / 16, w / 16)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.low = nn.Sequential(conv(channels, 16, 5), nn.MaxPool2d(2), pair(16, 16), pair(16, 16))
        self.stages = nn.Sequential(
            nn.Sequential(pair(16, 32), nn.MaxPool2d(2)),
            nn.Sequential(pair(32, 64), nn.MaxPool2d(2)),
            nn.Sequential(pair(64, 128), nn.MaxPool2d(2)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(self.low(x))


class ThumbnailAttention(nn.Module):
    """Asks, before any convolution, which pictures the text is about."""

    def __init__(self, channels: int, query_width: int = 64) -> None:
        super().__init__()
        self.attention = AdditiveAttention(channels * 64, query_width)

    def forward(self, pictures: Tensor, query: Tensor) -> Tensor:
        small = functional.adaptive_avg_pool2d(pictures, 8).flatten(1)  # 8 x 8 pixels
        return self.attention(functional.layer_norm(small, small.shape[1:]), query)


class SparseTower(nn.Module):
    """Pictures of one modality -> six scores; only those that the text chooses are computed."""

    def __init__(self, channels: int, height: int, width: int, share: float = 0.5) -> None:
        super().__init__()
        self.share = share
        self.thumbnail_attention = ThumbnailAttention(channels)
        self.tower = Vgg(channels)
        places = 128 * (height // 16) * (width // 16)
        self.flatten = nn.Sequential(
            nn.Flatten(), nn.Linear(places, 128), nn.ReLU(), nn.Linear(128, 64)
        )
        self.cls_transformer = ClsTransformer(64, layers=2)
        self.head = nn.Linear(64, 6)

    def forward(self, pictures: Tensor, real: Tensor, query: Tensor) -> Tensor:
        """pictures (n, c, h, w) are those that are True in real (B, T); query (B, 64)."""
        owner = real.nonzero()[:, 0]  # whose picture it is, (n,)
        scores = query.new_full(real.shape, -1e9)
        scores[real] = self.thumbnail_attention(pictures, query[owner])
        weights = scores.softmax(-1) * real  # (B, T)
        kept = keep_strongest(weights, real, self.share)
        tokens = query.new_zeros(*real.shape, 64)
        tokens[kept] = self.flatten(self.tower(pictures[kept[real]]))  # the rest is never computed
        louder = (weights * real.sum(1, keepdim=True)).unsqueeze(-1)  # so that attention can learn
        return self.head(self.cls_transformer(tokens * louder, kept)) * real.any(1, keepdim=True)


def face_pictures(faces: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """One person's faces (B, T, 1, 3, h, w) -> real ones (n, 3, h, w), and which are (B, T)."""
    mean, std = (
        torch.tensor(values, device=faces.device).view(3, 1, 1)
        for values in ((159.0, 111.0, 102.0), (37.0, 33.0, 32.0))
    )
    return (faces[mask] - mean) / std, mask.squeeze(2)


def sound_pictures(mel: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Log-mel (B, F, M) -> chunks of 32 mel frames (n, 1, M, 32), mean 0 and spread 1 each."""
    more = -mel.shape[1] % 32
    chunks = functional.pad(mel, (0, 0, 0, more)).unflatten(1, (-1, 32))  # (B, T, 32, M)
    real = functional.pad(mask, (0, more)).unflatten(1, (-1, 32))  # (B, T, 32)
    where = real.any(2)  # (B, T)
    chunks, real = chunks[where], real[where].unsqueeze(-1)  # (n, 32, M), (n, 32, 1)
    count = real.sum((1, 2), keepdim=True) * mel.shape[2]
    mean = (chunks * real).sum((1, 2), keepdim=True) / count
    centred = (chunks - mean) * real
    spread = (centred.square().sum((1, 2), keepdim=True) / count).sqrt()
    pictures = centred / spread.clamp(min=0.5)  # silence must not become loud noise
    return pictures.transpose(1, 2).unsqueeze(1), where


class Mesm(nn.Module):
    """Words, one person's faces and sound -> six emotions that may hold at once."""

    def __init__(self) -> None:
        super().__init__()
        self.text = nn.Module()
        self.text.backbone = nn.ModuleDict({"encoder": ByteEncoder(), "head": nn.Linear(64, 6)})
        self.video, self.audio = SparseTower(3, 48, 48), SparseTower(1, 64, 32)
        self.fusion = nn.Module()
        self.fusion.weight = nn.Parameter(torch.ones(3))

    def forward(self, batch) -> Tensor:
        said = batch["token_mask"].any(1, keepdim=True)
        query = self.text.backbone["encoder"](batch["tokens"], batch["token_mask"] | ~said) * said
        text = self.text.backbone["head"](query) * said  # (B, 6)
        video = self.video(*face_pictures(batch["faces"], batch["face_mask"]), query)
        audio = self.audio(*sound_pictures(batch["mel"], batch["mel_mask"]), query)
        scores = torch.stack([text, video, audio])  # (3, B, 6)
        return (self.fusion.weight[:, None, None] * scores).sum(0)


# %% jmt
class JointFusion(nn.Module):
    """Video, audio and their joint tokens ask each other: six answers for each moment, then one."""

    PAIRS = (
        ("video", "audio"), ("audio", "video"), ("joint", "video"),
        ("video", "joint"), ("joint", "audio"), ("audio", "joint"),
    )  # fmt: skip

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        names = ("video", "audio", "joint")
        self.joint = nn.Linear(2 * width, width)
        self.encoders, self.cross_attention, self.readout = nn.Module(), nn.Module(), nn.Module()
        self.encoders.layers = nn.ModuleDict({n: TransformerLayer(width, 1, width) for n in names})
        self.cross_attention.layers = nn.ModuleDict({n: Attention(width, 1) for n in names})
        self.readout.mix = TransformerLayer(width, 1, width)
        self.readout.attention = Attention(width, 1)

    def forward(self, video: Tensor, seen: Tensor, audio: Tensor, heard: Tensor) -> Tensor:
        """Tokens (B, S, D) of both streams and which are real (B, S) -> (B, S, D)."""
        joint = self.joint(torch.cat([video, audio], -1))
        real = {"video": seen, "audio": heard, "joint": seen | heard}
        tokens = {"video": video, "audio": audio, "joint": joint}
        tokens = {n: layer(tokens[n], real[n]) for n, layer in self.encoders.layers.items()}
        answers, known = [], []
        for query, context in self.PAIRS:
            ask = self.cross_attention.layers[query]
            known.append(real[query] & real[context].any(1, keepdim=True))
            answer = ask(tokens[query], tokens[context], real[context])
            answers.append(answer * known[-1].unsqueeze(-1))
        rows = torch.stack(answers, 2).flatten(0, 1)  # (B * S, 6, D): of each moment six answers
        known = torch.stack(known, 2).flatten(0, 1)  # (B * S, 6)
        rows = self.readout.mix(rows, known)
        last = self.readout.attention(rows[:, -1:], rows, known)  # the last one asks all six
        return last.squeeze(1).unflatten(0, seen.shape)


def regressor(width: int = 96, hidden: int = 32) -> nn.Sequential:
    """A small net for one number of each token."""
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(0.0), nn.Linear(hidden, 1))


class Stream(nn.Module):
    """One token of width 96 for each of S steps."""

    def __init__(self, backbone: nn.Module, pool: str) -> None:
        super().__init__()
        self.backbone, self.pool, self.project = backbone, pool, nn.Linear(256, 96)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs of each step (B, S, n, ...), which are real (B, S, n)."""
        values = self.backbone(x.flatten(0, 1), mask.flatten(0, 1))  # (B * S, N, 256)
        real = functional.adaptive_max_pool1d(mask.flatten(0, 1).float(), values.shape[1]) > 0
        if self.pool == "max":
            peak = values.masked_fill(~real.unsqueeze(-1), -1e9).amax(1)
            pooled = peak * real.any(1, keepdim=True)
        else:
            pooled = masked_mean(values, real)
        tokens = self.project(pooled).unflatten(0, mask.shape[:2])
        return tokens * mask.any(-1, keepdim=True), mask.any(-1)


class Jmt(nn.Module):
    """One person's faces and log-mel -> valence and arousal at 16 moments: (B, 16, 2)."""

    STEPS = 16

    def __init__(self) -> None:
        super().__init__()
        self.video, self.audio = Stream(FrameNet(), "max"), Stream(MelNet(), "mean")
        self.fusion = JointFusion()
        self.valence_head, self.arousal_head = regressor(), regressor()

    def forward(self, batch) -> Tensor:
        faces, shown = batch["faces"].squeeze(2), batch["face_mask"].squeeze(2)  # (B, T, ...)
        faces, shown = (x.unflatten(1, (self.STEPS, -1)) for x in (faces, shown))
        video, seen = self.video(faces, shown)
        audio, heard = self.audio(*(self.steps(batch[name]) for name in ("mel", "mel_mask")))
        video, audio = (functional.normalize(x, dim=-1) for x in (video, audio))
        fused = self.fusion(video, seen, audio, heard)
        return torch.cat([self.valence_head(fused), self.arousal_head(fused)], -1)

    def steps(self, mel: Tensor) -> Tensor:
        """Mel frames (B, F, ...) -> 16 stretches of equal length (B, 16, F // 16, ...)."""
        starts = (torch.arange(self.STEPS) * mel.shape[1] / self.STEPS - 0.5).ceil().long()
        index = starts.unsqueeze(1) + torch.arange(mel.shape[1] // self.STEPS)
        return mel[:, index]


# %% loop
def learning_rate(done: float, warmup: float = 0.1) -> float:
    """The factor on the rate after the share `done` of a run: warm-up, then half a cosine."""
    if done < warmup:
        return done / warmup
    return 0.5 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))


def to_device(batch: dict[str, Tensor], device) -> dict[str, Tensor]:
    return {name: value.to(device, non_blocking=True) for name, value in batch.items()}


def precision(device) -> torch.dtype | None:
    """What autocast is to multiply in; None for float32."""
    device = torch.device(device)
    if device.type != "cuda":
        return None
    native = torch.cuda.get_device_capability(device) >= (8, 0)
    return torch.bfloat16 if native else torch.float16


@dataclass(frozen=True)
class Settings:
    """What decides a run, beside the model and the clips."""

    epochs: int = 5
    lr: float = 1e-3  # of new layers
    backbone_lr: float = 1e-3  # of pretrained ones: smaller
    weight_decay: float = 1e-3
    accumulate: int = 1  # batches whose gradients are summed for one step
    keep: float = 0.0  # of the running mean of the weights, a step; 0 = no mean
    patience: int = 99  # epochs without a better score before the run stops
    seed: int = 0


def parameter_groups(model, settings) -> list[dict]:
    """Two learning rates, and no weight decay for norms and biases."""
    groups = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            rate = settings.backbone_lr if "backbone" in name.split(".") else settings.lr
            decay = settings.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": p, "rate": r, "weight_decay": d} for (r, d), p in groups.items()]


class Run:
    """All that changes while a model learns; `state` is what a checkpoint must hold."""

    def __init__(self, model, settings, device="cpu") -> None:
        self.settings, self.device, self.amp = settings, torch.device(device), precision(device)
        self.model = model.to(self.device)
        self.mean = copy.deepcopy(self.model) if settings.keep else self.model
        self.optimizer = torch.optim.AdamW(parameter_groups(model, settings), settings.lr)
        self.scaler = torch.amp.GradScaler(
            self.device.type, enabled=self.amp is torch.float16, init_scale=2.0**12
        )
        self.records, self.best = [], {}

    def parts(self) -> dict:
        return {n: getattr(self, n) for n in ("model", "mean", "optimizer", "scaler")}

    def state(self) -> dict:
        own = {name: part.state_dict() for name, part in self.parts().items()}
        return own | {"records": self.records, "best": self.best}

    def load(self, state: dict) -> None:
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        self.records, self.best = state["records"], state["best"]


def loader(clips, batch: int, device="cpu", shuffle: bool = False, workers: int = 0):
    """Batches of a dataset: worker processes read ahead, pinned memory is copied meanwhile."""
    return torch.utils.data.DataLoader(
        clips, batch, shuffle, collate_fn=collate, num_workers=workers,
        pin_memory=torch.device(device).type == "cuda", persistent_workers=workers > 0,
    )  # fmt: skip


def optimizer_step(run, max_norm: float = 1.0) -> None:
    """One step on the gradients that have been summed, with their norm cut; then wipe them."""
    run.scaler.unscale_(run.optimizer)  # clipping must see the true gradients
    nn.utils.clip_grad_norm_(run.model.parameters(), max_norm)
    run.scaler.step(run.optimizer)  # leaves the step out where float16 overflowed
    run.scaler.update()
    run.optimizer.zero_grad(set_to_none=True)


@torch.no_grad()
def move_mean(mean, model, keep: float) -> None:
    """mean = keep * mean + (1 - keep) * weights; what is counted is copied. In place."""
    for old, new in zip(mean.state_dict().values(), model.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(new, 1 - keep)
        else:
            old.copy_(new)


def train_epoch(run, batches, loss_of) -> float:
    """One pass over the batches; returns the mean loss of a clip."""
    settings, steps = run.settings, len(batches)
    total = clips = 0
    run.model.train()
    for number, batch in enumerate(batches, start=1):
        batch = to_device(batch, run.device)
        with torch.autocast(run.device.type, run.amp, enabled=run.amp is not None):
            loss = loss_of(run.model, batch)
        run.scaler.scale(loss / settings.accumulate).backward()
        if number % settings.accumulate == 0 or number == steps:
            done = (len(run.records) + number / steps) / settings.epochs
            for group in run.optimizer.param_groups:
                group["lr"] = group["rate"] * learning_rate(done)
            optimizer_step(run)
            if settings.keep:
                move_mean(run.mean, run.model, settings.keep)
        total += loss.detach() * len(batch["label"])  # no .item(): a GPU would have to wait
        clips += len(batch["label"])
    return float(total / clips)


@torch.inference_mode()
def accuracy(model, batches, device="cpu") -> float:
    """The share of clips whose strongest score is that of their label."""
    model.eval()
    right = []
    for batch in batches:
        batch = to_device(batch, device)
        right.append(model(batch).argmax(-1) == batch["label"])
    return float(torch.cat(right).float().mean())


def fit(model, train, valid, loss_of, settings, device="cpu", checkpoint=None) -> list[dict]:
    """Trains `model` in place, goes on from `checkpoint` if it is there; returns the records.

    train, valid: batches; loss_of(model, batch) -> a loss. The model ends with its best weights.
    """
    run = Run(model, settings, device)
    if checkpoint and checkpoint.is_file():
        run.load(torch.load(checkpoint, map_location=device, weights_only=True))
    while len(run.records) < settings.epochs:
        scores = [record["accuracy"] for record in run.records]
        if scores and len(scores) - 1 - scores.index(max(scores)) >= settings.patience:
            break  # early stopping
        torch.manual_seed(1000 * settings.seed + len(run.records))  # order of clips, dropout
        record = {"loss": train_epoch(run, train, loss_of)}
        record["accuracy"] = accuracy(run.mean, valid, device)
        if record["accuracy"] > max(scores, default=-1):
            run.best = {n: value.clone() for n, value in run.mean.state_dict().items()}
        run.records.append(record)
        if checkpoint:
            torch.save(run.state(), checkpoint)
    model.load_state_dict(run.best)
    return run.records
