"""The catalogue of models; siblings know nothing of each other."""

from emo_core.models.group import SIZES as GROUP_SIZES
from emo_core.models.group import Group, GroupConfig

# name -> (class, settings class, {size: settings})
MODELS = {"group": (Group, GroupConfig, GROUP_SIZES)}
