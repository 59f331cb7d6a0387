"""Default names and label sets, import-free so that the command line starts fast."""

DEFAULT_MODEL = "group-people"  # a folder of emo_core/checkpoints
DEFAULT_CORPUS = "folder"  # your own clips
DEFAULT_METHOD, DEFAULT_PRESET = "integrated_gradients", "standard"  # best of docs/evidence.md
METHOD_NAMES = (  # of emo_core.attribution.methods
    "grad_cam",
    "saliency",
    "integrated_gradients",
    "occlusion",
    "ablation",
    "shapley",
    "token_shapley",
    "rollout",
)
PRESET_NAMES = ("fast", "standard", "thorough")  # of emo_core.attribution.types

POLARITIES = ("positive", "neutral", "negative")  # of a group; VGAF codes them 1, 2, 3
EMOTIONS = ("anger", "disgust", "fear", "happy", "sad", "surprise")  # of CMU-MOSEI, in its order
SPLITS = ("train", "val", "test")
MODALITIES = ("video", "audio", "text")
DRAWN_CORPORA = ("staged", "staged-emotions", "staged-affect")  # of drawn people
