"""Why a model said so: attributions, their checks, and what-ifs, all on the clip's clock."""
