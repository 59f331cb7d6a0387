"""Wrong answers to lesson 5, and what the explanation must speak of."""

WRONG = {
    "late_ceiling": [
        (0.8, "half of the time"),
        (1.0, "only half"),
        (0.767, "one modality"),
        (90, "per cent"),
        (0.3, "share times chance"),
    ],
    "best_sum": [("Two", "training finds"), ("Four", "same total")],
    "stable_softmax": [
        (lambda scores: scores.exp() / scores.exp().sum(), "largest first"),
        (lambda scores: (scores - scores.max()).exp(), "sum to 1"),
        (lambda scores: scores * 0 + 1 / 3, "expected"),
        (lambda scores: 1.0, "shape"),
    ],
    "attend": [
        (lambda q, keys, values: (keys @ q).softmax(0) @ values, "root of D before"),
        (lambda q, keys, values: (keys @ q / 4).softmax(0) @ values, "not by D"),
        (lambda q, keys, values: (keys @ q / 2).softmax(0) @ keys, "mean of the keys"),
        (lambda q, keys, values: values.mean(0), "plain mean"),
        (lambda q, keys, values: keys @ q / 2 @ values, "Softmax is missing"),
        (lambda q, keys, values: (keys @ q / 2).softmax(0), "five weights"),
        (lambda q, keys, values: values, "one answer"),
        (lambda q, keys, values: values[0], "weighted mean"),
    ],
    "shuffled_tokens": [
        ("They fall to chance in `synced`, because the order of sounds is lost", "in its numbers"),
        ("They fall in all regimes, because the model was trained on ordered tokens", "places"),
    ],
}
