"""The catalogue of models; siblings know nothing of each other."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from emo_core.models.group import SIZES as GROUP_SIZES
from emo_core.models.group import Group, GroupConfig
from emo_core.models.jmt import SIZES as JMT_SIZES
from emo_core.models.jmt import Jmt, JmtConfig
from emo_core.models.mesm import FE2E_SIZES, Mesm, MesmConfig
from emo_core.models.mesm import SIZES as MESM_SIZES

# name -> (class, settings class, {size: settings})
MODELS: dict[str, tuple[type[nn.Module], type[Any], Mapping[str, Any]]] = {
    "group": (Group, GroupConfig, GROUP_SIZES),
    "fe2e": (Mesm, MesmConfig, FE2E_SIZES),
    "mesm": (Mesm, MesmConfig, MESM_SIZES),
    "jmt": (Jmt, JmtConfig, JMT_SIZES),
}
