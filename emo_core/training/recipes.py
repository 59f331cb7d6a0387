"""Named runs: a recipe is a value; its docstring says what it reproduces, on what, in what time."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from emo_core.errors import EmoError, name_choices
from emo_core.models.group import PAPER as GROUP_PAPER
from emo_core.models.group import POCKET as GROUP_POCKET
from emo_core.models.group import GroupConfig
from emo_core.models.jmt import PAPER as JMT_PAPER
from emo_core.models.jmt import POCKET as JMT_POCKET
from emo_core.models.jmt import SAMPLES as JMT_SAMPLES
from emo_core.models.jmt import JmtConfig
from emo_core.models.layers.whisper import WHISPER_MEL
from emo_core.models.mesm import FE2E_SIZES, MesmConfig
from emo_core.models.mesm import SIZES as MESM_SIZES
from emo_core.preprocess.augment import Augment
from emo_core.preprocess.log_mel import MelConfig
from emo_core.preprocess.sample import PAPER as PAPER_SAMPLE
from emo_core.preprocess.sample import SampleConfig
from emo_core.ranges import CountOrNone, OpenShare, Positive
from emo_core.synthetic.composed.pretraining import PretrainStage
from emo_core.tasks import MultiLabel, SingleLabel, Task, ValenceArousal
from emo_core.training.trainer import TrainConfig


class RecipeError(EmoError):
    """A recipe or a run folder that can't be used; the message says what to do."""


@dataclass(frozen=True)
class KeptFeatures:
    """Towers are fixed after pre-training and see each window once; what they saw is kept.

    Composed clips are then paired anew in every epoch out of so many pictures and sounds.
    """

    windows: bool = False
    videos: CountOrNone = 0
    audios: CountOrNone = 0
    more_faces: str = ""  # folder of the sources with photographs of unknown people
    more_videos: CountOrNone = 0  # pictures composed of them
    head_l2: Positive = 0.33  # of the towers' own heads, fitted before the rest learns
    precision: str = "float16"  # of kept values, or "bfloat16": coarser, of float32's range


PRECISIONS = ("float16", "bfloat16")  # of kept features
INIT_SCOPES = ("backbones", "model")  # of a checkpoint that a run starts from
DRAWN_FRAMES = PretrainStage(lr=3e-3, batch_size=128, smoothing=0.0)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run, beside the data and the seed."""

    corpus: str
    model: str = "group"
    settings: GroupConfig | MesmConfig | JmtConfig = field(default_factory=GroupConfig)
    sample: SampleConfig = field(default_factory=SampleConfig)
    task: Task = field(default_factory=SingleLabel)
    train: TrainConfig = field(default_factory=TrainConfig)
    augment: Augment = field(default_factory=Augment)
    held_out: OpenShare = 0.1  # share of train, by source, that early stopping looks at; 0 = val
    synthetic_scenes: CountOrNone = 0  # drawn scenes added to train without becoming files
    init_checkpoint: str = ""  # checkpoint that this run starts from
    init_scope: str = "backbones"  # of it, or "model": all but heads of other classes
    drawn_frames: PretrainStage = DRAWN_FRAMES  # first, single rendered frames: the video backbone
    faces: PretrainStage = PretrainStage()  # then photographs
    frames: PretrainStage = PretrainStage()  # and single frames of collages
    voices: PretrainStage = PretrainStage()  # the audio backbone: voices
    mixes: PretrainStage = PretrainStage()  # and what is heard in collages
    samples_on_the_fly: CountOrNone = 0  # collages composed anew in every epoch
    features: KeptFeatures = KeptFeatures()


def group_vgaf() -> Recipe:
    """R(2+1)D-18 and CNN14 with two-way cross-modal attention on VGAF (arXiv 2111.05890).

    Published: 60.37 % on Val. Hyper-parameters are assumed (docs/papers/group.md), so expect 58 to
    64 %. Not run here: VGAF is given out on request only. Needs a GPU; pretrained weights are
    downloaded at first use. `--set resize_mode=crop --set spec_stripes=0` reads frames and sound as
    version 0.1 did.
    """
    return Recipe(
        "vgaf",
        settings=replace(GROUP_PAPER, pretrained=True),
        sample=PAPER_SAMPLE,
        augment=Augment(spec_stripes=2),
    )


def group_vgaf_pocket() -> Recipe:
    """The pocket model on VGAF from scratch, for a laptop. No published score to compare with."""
    return Recipe(
        "vgaf",
        settings=GROUP_POCKET,
        train=TrainConfig(epochs=40, batch_size=32, lr=1e-3, backbone_lr=1e-3, patience=10),
        augment=Augment(modality_dropout=0.05, random_truncate=0.2),
    )


def group_staged() -> Recipe:
    """The shipped `group-staged`, trained on drawn groups (`emo data make staged`).

    The best possible accuracy is 0.767 with one modality, 0.900 with late fusion and 1.000 with
    sound and picture aligned in time; docs/results.md has what was reached. The video backbone is
    pre-trained on rendered scenes whose evidence is known. About half an hour on two CPU cores.
    """
    return Recipe(
        "staged",
        settings=GROUP_POCKET,
        train=TrainConfig(epochs=6, batch_size=32, lr=1e-3, backbone_lr=5e-4, patience=8),
        augment=Augment(zoom=0.0, modality_dropout=0.05, random_truncate=0.05, frame_subsample=2),
        synthetic_scenes=11_000,
        drawn_frames=replace(DRAWN_FRAMES, epochs=24),
    )


def group_collage() -> Recipe:
    """The shipped `group-collage`: the pocket model on composed groups of real people.

    After `emo data make collage`. It is pre-trained on photographs, single frames, voices and
    mixes, then trained on collages that are composed anew in every epoch, of which one frame in
    four is used. One attention block with much dropout, because a larger fusion overfits to the
    people of the training split. Frames are large and read at two sizes, because faces may be small
    or fill the frame, and without colour, because the photographs are grey. Chosen on people of val
    (docs/experiments/0102; its parts: 0071, 0082, 0087, 0091, 0092, 0101).
    """
    return Recipe(
        "collage",
        settings=replace(
            GROUP_POCKET,
            pyramid_levels=2,
            use_color=False,
            blocks=1,
            dropout=0.3,
            head_dropout=0.5,
            unimodal_heads=True,
        ),
        sample=SampleConfig(width=224, height=168),
        task=SingleLabel(smoothing=0.1, precision=0.9),
        train=TrainConfig(
            epochs=4,
            batch_size=32,
            lr=2e-4,
            backbone_lr=2e-5,
            backbone_modules=("backbone", "unimodal_head"),
            weight_decay=2e-2,
            ema_decay=0.995,
        ),
        augment=Augment(
            zoom=0.0,
            color_jitter=0.0,
            gain_db=0.0,
            modality_dropout=0.1,
            random_truncate=0.1,
            frame_subsample=4,
        ),
        held_out=0.0,
        init_checkpoint="group-staged",
        faces=PretrainStage(epochs=24, image_size=120, ema_decay=0.998),
        frames=PretrainStage(epochs=8, samples_per_epoch=5120, lr=1e-3, ema_decay=0.998),
        voices=PretrainStage(epochs=18, samples_per_epoch=3200, ema_decay=0.998),
        mixes=PretrainStage(epochs=6, samples_per_epoch=5120, lr=1e-3, ema_decay=0.998),
        samples_on_the_fly=4096,
    )


PEOPLE_SAMPLE = SampleConfig(
    frames=8, width=320, height=240, people=6, face_size=0, face_every=2, mel=WHISPER_MEL
)


def group_people() -> Recipe:
    """The shipped default, `group-people`: the pocket model with encoders of faces and speech.

    After `emo data make collage`. The face expression network and the first block of Whisper stay
    as shipped, the video backbone comes from `group-collage`, and the audio backbone is
    pre-trained. Then all four are fixed: each tower's head is fitted by logistic regression, and
    the fusion learns to combine them on new pairs of pictures and sounds, including photographs of
    unknown people. Chosen on people of val (docs/experiments/0138). About 40 minutes of one CPU
    thread.
    """
    return Recipe(
        "collage",
        settings=replace(
            GROUP_POCKET,
            pyramid_levels=2,
            use_color=False,
            blocks=1,
            dropout=0.3,
            head_dropout=0.5,
            mixture=True,
            people="expression",
            people_every=2,
            speech="whisper",
            speech_blocks=1,
            video_size=(224, 168),
            mel_pool=2,
        ),
        sample=PEOPLE_SAMPLE,
        task=SingleLabel(smoothing=0.1, precision=0.9),
        train=TrainConfig(
            epochs=3,
            batch_size=64,
            lr=3e-4,
            backbone_lr=3e-4,
            weight_decay=2e-2,
            ema_decay=0.99,
            num_workers=1,
        ),
        augment=Augment(flip=0.0, zoom=0.0, color_jitter=0.0, gain_db=0.0, modality_dropout=0.15),
        held_out=0.0,
        init_checkpoint="group-collage",
        voices=PretrainStage(epochs=14, samples_per_epoch=3200, ema_decay=0.998),
        mixes=PretrainStage(epochs=6, samples_per_epoch=5120, lr=1e-3, ema_decay=0.998),
        samples_on_the_fly=8192,
        features=KeptFeatures(
            windows=True, videos=3000, audios=10_000, more_faces="faces_fer", more_videos=2500
        ),
    )


CLIP_SAMPLE = SampleConfig(frames=5, width=224, height=224, resize_mode="clip")
KEPT = KeptFeatures(windows=True, precision="bfloat16")
STRONG_TRAIN = TrainConfig(epochs=30, batch_size=16, lr=1e-4, backbone_lr=1e-4, weight_decay=1e-2)


def group_clip() -> Recipe:
    """One CLIP ViT-L/14 over five frames, a plain mel network, and sound that queries picture.

    The form of the VGAF winner of 2023 (arXiv 2312.05265), who published 79.24 % on Val and 75.13 %
    on test; what differs and which defects of the published code are avoided:
    docs/papers/group.md#winner-2023. Not run here: VGAF is given out on request only. CLIP stays as
    it is and sees each clip once (`emo features`), so one GPU or a patient laptop is enough: a clip
    takes 2.8 s of one thread and 1.4 GB (docs/train.md#what-a-recipe-costs), on a GPU it is owed.
    Weights (MIT) are downloaded at first use.
    """
    return Recipe(
        "vgaf",
        settings=replace(
            GROUP_PAPER,
            video_backbone="clip_vit_l_14",
            audio_backbone="mel_cnn",
            fusion="audio_queries",
            frozen=True,
            pretrained=True,
        ),
        sample=CLIP_SAMPLE,
        train=STRONG_TRAIN,
        augment=Augment(flip=0.0, zoom=0.0, color_jitter=0.0, spec_stripes=2),
        features=KEPT,
    )


def group_siglip2() -> Recipe:
    """group-clip with SigLIP 2 (base, 16 x 16 patches, arXiv 2502.14786) in place of CLIP.

    No published score. Not run here: VGAF is given out on request only. Weights (Apache-2.0) are
    downloaded at first use; a third of group-clip's work. Hardware and memory: see group-clip.
    """
    recipe = group_clip()
    assert isinstance(recipe.settings, GroupConfig)
    return replace(
        recipe,
        settings=replace(recipe.settings, video_backbone="siglip2_base"),
        sample=replace(CLIP_SAMPLE, resize_mode="siglip2"),
    )


def group_wavlm() -> Recipe:
    """CLIP ViT-B/16 over five frames and WavLM Base+ (arXiv 2110.13900), two-way attention on VGAF.

    No published score. Not run here: VGAF is given out on request only. Both stay as they are and
    see each clip once (`emo features`), so the fusion trains on a laptop. `frozen=false
    features.windows=false lora_rank=8` trains adapters on a GPU; with `layer_decay` and
    `checkpoint_activations` all of it learns. Weights (MIT, CC BY-SA 3.0) are downloaded at first
    use.
    """
    recipe = group_clip()
    assert isinstance(recipe.settings, GroupConfig)
    settings = replace(
        recipe.settings,
        video_backbone="clip_vit_b_16",
        audio_backbone="wavlm_base_plus",
        fusion="two_way",
    )
    return replace(recipe, settings=settings, sample=replace(CLIP_SAMPLE, wave=True))


CREMAD_LABELS = ("anger", "disgust", "fear", "happy", "neutral", "sad")
RAVDESS_LABELS = ("neutral", "calm", "happy", "sad", "anger", "fear", "disgust", "surprise")
IEMOCAP_LABELS = ("ang", "exc", "fru", "hap", "neu", "sad")
# docs/papers/mesm.md#sound
MESM_MEL = MelConfig(16_000, 400, 200, 128, 0.0, 8_000.0, 1e-10, filters="htk")
# Two faces a second; longer utterances lose their end (docs/papers/mesm.md#a4).
MESM_SAMPLE = SampleConfig(
    window_s=10.0, frames=20, people=1, text_length=100, tokenizer="albert-base-v2", mel=MESM_MEL
)
# Text at a tenth of the rate; adds warm-up and cosine to Adam (docs/papers/mesm.md#training). As in
# the published command gradients are not cut; until 0.2 they were (`--set max_grad_norm=1`).
MESM_TRAIN = TrainConfig(
    epochs=40,
    batch_size=2,
    lr=5e-5,
    backbone_lr=5e-6,
    weight_decay=0.0,
    max_grad_norm=0.0,
    patience=6,
)
FE2E_TRAIN = replace(MESM_TRAIN, batch_size=8)
PLAIN = Augment(
    flip=0.0, zoom=0.0, color_jitter=0.0, gain_db=0.0
)  # none: docs/papers/mesm.md#training


def _emotions(corpus: str, model: str, keep: float, labels: tuple[str, ...]) -> Recipe:
    """FE2E or MESM at the paper's size on one of its corpora."""
    sizes = {"fe2e": FE2E_SIZES, "mesm": MESM_SIZES}[model]
    return Recipe(
        corpus,
        model,
        replace(sizes["paper"], keep=keep, pretrained=True),
        MESM_SAMPLE,
        MultiLabel(labels),
        FE2E_TRAIN if model == "fe2e" else MESM_TRAIN,
        PLAIN,
    )


def fe2e_iemocap() -> Recipe:
    """FE2E on IEMOCAP with one session held out (arXiv 2103.09666, table 3).

    Published: accuracy 84.5 %, F1 58.8, on a random split with every speaker in train and test,
    where answering no to everything has 83.3 %. `--set corpus=iemocap-published` uses that split.
    Not run here: IEMOCAP is given out on request only. The authors used one GTX 1080 Ti.
    """
    return _emotions("iemocap", "fe2e", 1.0, IEMOCAP_LABELS)


def mesm_iemocap() -> Recipe:
    """MESM with p = 0.7 on IEMOCAP with one session held out (arXiv 2103.09666, table 3).

    Published: accuracy 84.4 %, F1 57.4, on a random split and with attention that was never trained
    (`--set mode=faithful --set corpus=iemocap-published`); here it is trained. Not run here:
    IEMOCAP is given out on request only.
    """
    return _emotions("iemocap", "mesm", 0.7, IEMOCAP_LABELS)


def fe2e_mosei() -> Recipe:
    """FE2E on CMU-MOSEI (arXiv 2103.09666, table 4).

    Published: weighted accuracy 67.6 %, F1 47.4. Learning rates and batch size as for IEMOCAP
    (docs/papers/mesm.md#a1). Not run here: the videos are no longer given out. Published scores:
    docs/papers/mesm.md#published-scores.
    """
    return _emotions("mosei", "fe2e", 1.0, MultiLabel().labels)


def mesm_mosei() -> Recipe:
    """MESM with p = 0.5 on CMU-MOSEI (arXiv 2103.09666, table 4), with attention that is trained.

    Published, with attention that was never trained: weighted accuracy 66.8 %, F1 46.8. Not run
    here: the videos are no longer given out.
    """
    return _emotions("mosei", "mesm", 0.5, MultiLabel().labels)


def fe2e_meld() -> Recipe:
    """FE2E on MELD, which is open, instead of CMU-MOSEI: six emotions, neutral is none.

    That neutral is none of them is assumed. No published score; answering no to everything has an
    accuracy of 91.4 % on test. Not run here: the clips were not at hand.
    """
    return _emotions("meld", "fe2e", 1.0, MultiLabel().labels)


def mesm_meld() -> Recipe:
    """MESM with p = 0.5 on MELD, with attention that is trained; see fe2e-meld. Not run here."""
    return _emotions("meld", "mesm", 0.5, MultiLabel().labels)


def jmt_affwild2() -> Recipe:
    """The joint transformer on Aff-Wild2 with frozen backbones (arXiv 2403.10488, table 3).

    Published: CCC of valence 0.717 and arousal 0.614 on val, 0.472 and 0.443 on test. The authors'
    backbones, trained on Aff-Wild2, are not given out; weights from Kinetics and ImageNet replace
    them, so expect less (docs/papers/jmt.md#a3). AdamW instead of SGD. Not run here: Aff-Wild2 is
    given out on request only.
    """
    return Recipe(
        "affwild2",
        "jmt",
        replace(JMT_PAPER, frozen=True, pretrained=True),
        JMT_SAMPLES["paper"],
        ValenceArousal(),
        TrainConfig(
            epochs=5, batch_size=32, lr=3e-4, weight_decay=0.0, max_grad_norm=1.0, patience=5
        ),
        Augment(flip=0.0, zoom=0.0, color_jitter=0.2, gain_db=0.0),  # docs/papers/jmt.md#pictures
    )


def mesm_wavlm() -> Recipe:
    """MESM with the face expression network and WavLM Large as encoders, on MELD, which is open.

    No published score. Not run here: the clips were not at hand. Encoders stay as they are and see
    each clip once; text is read by ALBERT, which learns. Half of the tokens are kept. A GPU for
    ALBERT; weights (CC BY-SA 3.0, Apache-2.0) are downloaded at first use.
    """
    recipe = _emotions("meld", "mesm", 0.5, MultiLabel().labels)
    assert isinstance(recipe.settings, MesmConfig)
    settings = replace(
        recipe.settings, mode="structured", encoders=True, audio_encoder="wavlm_large"
    )
    return replace(
        recipe,
        settings=settings,
        sample=replace(
            PEOPLE_SAMPLE,
            window_s=MESM_SAMPLE.window_s,
            frames=MESM_SAMPLE.frames,
            people=1,
            text_length=MESM_SAMPLE.text_length,
            tokenizer=MESM_SAMPLE.tokenizer,
            wave=True,
        ),
        features=KEPT,
    )


def jmt_wavlm() -> Recipe:
    """The joint transformer on Aff-Wild2 with R(2+1)D-18 on faces and WavLM Large on the sound.

    As the published jmt-affwild2 (arXiv 2403.10488) but for the sound, whose spectrograms become
    WavLM's steps. No published score. Not run here: Aff-Wild2 is given out on request only. Both
    stay as they are; only WavLM's tokens are kept. A GPU for the faces; weights (CC BY-SA 3.0,
    BSD-3-Clause) are downloaded at first use.
    """
    recipe = jmt_affwild2()
    assert isinstance(recipe.settings, JmtConfig)  # a joint transformer's
    return replace(
        recipe,
        settings=replace(recipe.settings, audio_encoder="wavlm_large"),
        sample=replace(recipe.sample, mel=WHISPER_MEL, wave=True),
        augment=PLAIN,
        features=KEPT,
    )


def jmt_affwild2_end_to_end() -> Recipe:
    """The same as jmt-affwild2, but the backbones are trained together with the rest.

    No published score. Not run here: Aff-Wild2 is given out on request only; the memory it needs
    was not measured. Concordance is computed over a batch, so accumulating eight batches of 4 does
    not give the gradient of the paper's 32 windows (cosine 0.77); eight processes under torchrun
    do.
    """
    recipe = jmt_affwild2()
    assert isinstance(recipe.settings, JmtConfig)  # a joint transformer's
    return replace(
        recipe,
        settings=replace(recipe.settings, frozen=False, head_dropout=0.15),
        train=replace(recipe.train, batch_size=4, grad_accum_steps=8),
    )


STAGED_SAMPLE = SampleConfig(frames=8, people=1, text_length=64)
STAGED_TRAIN = TrainConfig(epochs=8, batch_size=32, lr=1e-3, backbone_lr=1e-3, patience=8)
STAGED_AUGMENT = Augment(zoom=0.0, color_jitter=0.1, modality_dropout=0.05)


def fe2e_staged() -> Recipe:
    """FE2E's pocket size on drawn groups: six emotions from one face, sound and transcript.

    It sees one face of a group, so F1 can't pass 0.67 (docs/experiments/0045). Measured scores:
    docs/claims.md. A quarter of an hour of one CPU core, after `emo data make staged`.
    """
    return Recipe(
        "staged-emotions",
        "fe2e",
        FE2E_SIZES["pocket"],
        STAGED_SAMPLE,
        MultiLabel(),
        STAGED_TRAIN,
        STAGED_AUGMENT,
        synthetic_scenes=4_000,
    )


def mesm_staged() -> Recipe:
    """MESM's pocket size on drawn groups, reading half of the faces and sound chunks.

    Measured scores: docs/claims.md. A quarter of an hour of one CPU core, after `emo data make
    staged`.
    """
    settings = replace(MESM_SIZES["pocket"], mode="structured", keep=0.5)
    return replace(fe2e_staged(), model="mesm", settings=settings)


def fe2e_utterances() -> Recipe:
    """FE2E's pocket size on composed utterances of real people (`emo data make utterances`).

    It is pre-trained on single faces and voices, then trained on utterances that are composed anew
    in every epoch. Sound is standardised over the whole utterance (docs/experiments/0077). Three
    seeds (docs/experiments/0089), test people: F1 0.409 ± 0.031, AUC 0.734 ± 0.022; logistic
    regression on hand-made features 0.316 and 0.635, answering yes to all 0.256. Ten minutes of one
    CPU thread.
    """
    return Recipe(
        "utterances",
        "fe2e",
        replace(FE2E_SIZES["pocket"], sound="level", dropout=0.3),
        STAGED_SAMPLE,
        MultiLabel(),
        TrainConfig(
            epochs=3,
            batch_size=32,
            lr=5e-4,
            backbone_lr=5e-5,
            backbone_modules=("backbone", "tower", "flatten"),
            weight_decay=2e-2,
            ema_decay=0.995,
        ),
        Augment(zoom=0.0, modality_dropout=0.1, frame_subsample=4),
        held_out=0.0,
        faces=PretrainStage(epochs=12, ema_decay=0.998),
        voices=PretrainStage(epochs=10, samples_per_epoch=3200, ema_decay=0.998),
        samples_on_the_fly=2048,
    )


# of the recipes for one face and one voice, whose encoders stay as they are shipped
ONE_PERSON_TRAIN = TrainConfig(batch_size=64, weight_decay=2e-2, ema_decay=0.99, num_workers=1)
ONE_PERSON_FEATURES = KeptFeatures(
    windows=True, videos=1500, audios=5000, more_faces="faces_fer", more_videos=1000
)


def emotions_people() -> Recipe:
    """FE2E with the face expression network and Whisper in place of its own towers.

    After `emo data make utterances`. The encoders stay as shipped; projections, transformers and
    heads are trained on new pairs of pictures and sounds, including photographs of unknown people.
    The transcript is not read, since every emotion says the same sentences. `--set model=mesm --set
    mode=structured --set keep=0.5` is MESM. One seed, test people: F1 0.539, AUC 0.851; of fear
    0.18 and 0.70 (docs/experiments/0139). A minute and a half, once features are kept.
    """
    return Recipe(
        "utterances",
        "fe2e",
        replace(
            FE2E_SIZES["pocket"],
            encoders=True,
            modalities=("video", "audio"),
            hidden=96,
            layers=1,
            dropout=0.3,
        ),
        replace(PEOPLE_SAMPLE, people=1),
        MultiLabel(),
        replace(ONE_PERSON_TRAIN, epochs=10, lr=1e-3),
        replace(PLAIN, modality_dropout=0.15),
        held_out=0.0,
        samples_on_the_fly=8192,
        features=ONE_PERSON_FEATURES,
    )


def affect_people() -> Recipe:
    """The joint transformer with the face expression network and Whisper as backbones.

    After `emo data make utterances`. Valence and arousal are mapped from the acted emotion and
    intensity by published ratings of words (docs/papers/affect.md); the clips themselves were never
    rated. One seed, test people: CCC with the mapped values 0.709 (docs/experiments/0140).
    """
    return Recipe(
        "utterances-affect",
        "jmt",
        replace(JMT_POCKET, encoders=True, steps=PEOPLE_SAMPLE.frames, head_dropout=0.5),
        replace(PEOPLE_SAMPLE, people=1),
        ValenceArousal(),
        replace(ONE_PERSON_TRAIN, epochs=8, lr=3e-4),
        replace(PLAIN, modality_dropout=0.15),
        held_out=0.0,
        samples_on_the_fly=8192,
        features=ONE_PERSON_FEATURES,
    )


def mesm_utterances() -> Recipe:
    """MESM's pocket size on composed utterances of real people, reading half of the input.

    One seed, test people: F1 0.378, AUC 0.709, below fe2e-utterances. Nine minutes of one CPU
    thread.
    """
    recipe = fe2e_utterances()
    assert isinstance(recipe.settings, MesmConfig)  # FE2E is MESM that keeps all
    settings = replace(recipe.settings, mode="structured", keep=0.5)
    return replace(recipe, model="mesm", settings=settings)


def jmt_staged() -> Recipe:
    """The joint transformer's pocket size on drawn groups: valence and arousal at 16 moments.

    Measured scores: docs/claims.md. Minutes on two CPU cores, after `emo data make staged`.
    """
    return Recipe(
        "staged-affect",
        "jmt",
        JMT_POCKET,
        JMT_SAMPLES["pocket"],
        ValenceArousal(),
        STAGED_TRAIN,
        STAGED_AUGMENT,
    )


def _acted(corpus: str, model: str, labels: tuple[str, ...]) -> Recipe:
    """FE2E or MESM at the pocket's size, from scratch, on an open corpus of acted emotions."""
    settings = FE2E_SIZES["pocket"]
    if model == "mesm":
        settings = replace(MESM_SIZES["pocket"], mode="structured", keep=0.5)
    return Recipe(
        corpus,
        model,
        replace(settings, classes=len(labels), sound="level", dropout=0.3),
        STAGED_SAMPLE,
        MultiLabel(labels),
        TrainConfig(epochs=30, batch_size=32, lr=1e-3, backbone_lr=1e-3, patience=8),
        Augment(zoom=0.0, color_jitter=0.1, modality_dropout=0.05),
    )


def fe2e_cremad() -> Recipe:
    """FE2E's pocket size from scratch on CREMA-D: six acted emotions, actors held out.

    Not run here: the clips are 2.4 GB (`emo data get cremad`). People who rated the clips named the
    acted emotion in 40.9 % from the voice, 58.2 % from the face and 63.6 % from both
    (docs/papers/corpora.md#crema-d).
    """
    return _acted("cremad", "fe2e", CREMAD_LABELS)


def mesm_cremad() -> Recipe:
    """MESM's pocket size from scratch on CREMA-D, reading half of the faces and sound chunks.

    Not run here; see fe2e-cremad.
    """
    return _acted("cremad", "mesm", CREMAD_LABELS)


def group_cremad() -> Recipe:
    """The pocket model from scratch on CREMA-D: three classes, mapped from the acted emotion.

    Each clip shows one person, so it says nothing of groups (docs/data.md#open-corpora). Not run
    here.
    """
    return replace(group_vgaf_pocket(), corpus="cremad-polarity")


def fe2e_ravdess() -> Recipe:
    """FE2E's pocket size from scratch on RAVDESS: eight acted emotions, actors held out.

    Not run here: the archives are over 20 GB (`emo data get ravdess`).
    """
    return _acted("ravdess", "fe2e", RAVDESS_LABELS)


def mesm_ravdess() -> Recipe:
    """MESM's pocket size from scratch on RAVDESS, reading half of the faces and sound chunks.

    Not run here; see fe2e-ravdess.
    """
    return _acted("ravdess", "mesm", RAVDESS_LABELS)


def group_ravdess() -> Recipe:
    """The pocket model from scratch on RAVDESS: three classes, mapped from the acted emotion.

    Surprise is left out. Each clip shows one person, so it says nothing of groups
    (docs/data.md#open-corpora). Not run here.
    """
    return replace(group_vgaf_pocket(), corpus="ravdess-polarity")


def group_gavid() -> Recipe:
    """The pocket model from scratch on GAViD: groups on the web, three classes by majority.

    Published: CAGNet 63.2 % on the test clips, which are given out on request. Not run here.
    """
    return replace(group_vgaf_pocket(), corpus="gavid")


# of the recipes for own clips; `fit_recipe` leaves out what is composed, rendered or pre-trained
FOLDER_TRAIN = TrainConfig(
    epochs=12,
    batch_size=16,
    lr=5e-4,
    backbone_lr=2e-5,
    weight_decay=2e-2,
    patience=5,
    ema_decay=0.98,
)


def people() -> Recipe:
    """Your own clips, any classes: fine-tunes the shipped `group-people` in minutes on a laptop.

    Reads a folder with labels.csv, or with one sub-folder for each label (docs/own-clips.md), and
    of each clip the faces, whole frames, speech and other sound of the first 5 s. The four encoders
    stay as they are and read each clip once; heads and fusion learn from what they found.
    """
    return replace(
        group_people(),
        corpus="folder",
        train=replace(FOLDER_TRAIN, epochs=30, patience=10),
        init_checkpoint="group-people",
        init_scope="model",
        features=KeptFeatures(windows=True),
    )


def group_folder() -> Recipe:
    """Your own clips, any classes: fine-tunes the shipped `group-collage` with a new head.

    Reads a folder with labels.csv, or with one sub-folder for each label (docs/own-clips.md), and
    of each clip whole frames and sound of the first 5 s. Training stops by the score on the val
    split.
    """
    return replace(
        group_collage(),
        corpus="folder",
        train=FOLDER_TRAIN,
        init_checkpoint="group-collage",
        init_scope="model",
    )


def fe2e_folder() -> Recipe:
    """Your own clips, one or several labels each: fine-tunes the shipped `fe2e-utterances`.

    Reads of each clip the largest face, the sound, and the column text of labels.csv.
    """
    recipe = fe2e_utterances()
    return replace(
        recipe,
        corpus="folder",
        train=replace(FOLDER_TRAIN, backbone_modules=recipe.train.backbone_modules),
        init_checkpoint="fe2e-utterances",
        init_scope="model",
    )


def mesm_folder() -> Recipe:
    """Your own clips with MESM, reading half of the faces and sound chunks.

    Starts from `mesm-staged`, which has seen drawn faces only; fe2e-folder starts from real ones.
    """
    return replace(
        mesm_staged(),
        corpus="folder",
        train=replace(FOLDER_TRAIN, backbone_modules=("backbone", "tower", "flatten")),
        held_out=0.0,
        init_checkpoint="mesm-staged",
        init_scope="model",
    )


def jmt_folder() -> Recipe:
    """Your own clips with valence and arousal: fine-tunes `jmt-staged`, which saw drawn faces only.

    Values may be of a whole clip, of moments in the table, or in a file beside each clip.
    """
    return replace(
        jmt_staged(),
        corpus="folder-affect",
        train=FOLDER_TRAIN,
        held_out=0.0,
        init_checkpoint="jmt-staged",
        init_scope="model",
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "group-vgaf": group_vgaf,
    "group-vgaf-pocket": group_vgaf_pocket,
    "group-staged": group_staged,
    "group-collage": group_collage,
    "group-people": group_people,
    "group-clip": group_clip,
    "group-siglip2": group_siglip2,
    "group-wavlm": group_wavlm,
    "mesm-wavlm": mesm_wavlm,
    "jmt-wavlm": jmt_wavlm,
    "fe2e-iemocap": fe2e_iemocap,
    "mesm-iemocap": mesm_iemocap,
    "fe2e-mosei": fe2e_mosei,
    "mesm-mosei": mesm_mosei,
    "fe2e-meld": fe2e_meld,
    "mesm-meld": mesm_meld,
    "fe2e-staged": fe2e_staged,
    "mesm-staged": mesm_staged,
    "fe2e-utterances": fe2e_utterances,
    "mesm-utterances": mesm_utterances,
    "emotions-people": emotions_people,
    "affect-people": affect_people,
    "fe2e-cremad": fe2e_cremad,
    "mesm-cremad": mesm_cremad,
    "group-cremad": group_cremad,
    "fe2e-ravdess": fe2e_ravdess,
    "mesm-ravdess": mesm_ravdess,
    "group-ravdess": group_ravdess,
    "group-gavid": group_gavid,
    "jmt-affwild2": jmt_affwild2,
    "jmt-affwild2-end-to-end": jmt_affwild2_end_to_end,
    "jmt-staged": jmt_staged,
    "people": people,
    "group-folder": group_folder,
    "fe2e-folder": fe2e_folder,
    "mesm-folder": mesm_folder,
    "jmt-folder": jmt_folder,
}


def find_recipe(name: str) -> Recipe:
    """The recipe called `name`; raises RecipeError with the known names."""
    if name not in RECIPES:
        choices = name_choices(name, RECIPES, "emo list recipes")
        raise RecipeError("There is no recipe {name!r}; {choices}.", name=name, choices=choices)
    return RECIPES[name]()
