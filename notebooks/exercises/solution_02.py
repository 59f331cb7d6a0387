"""Solutions of lesson 2; its parts of `mymodel.py` are in that file."""

paper_columns = 5 * 32_000 // 320


def box_overlap(a, b):
    """Intersection over union of two boxes (left, top, right, bottom)."""
    wide = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return wide * high / (sum(areas) - wide * high)


def cut_out(frame, box):
    """The part of a frame (H, W, 3) inside a box (left, top, right, bottom), shares of 1."""
    height, width = frame.shape[:2]
    left, right = round(box[0] * width), round(box[2] * width)
    top, bottom = round(box[1] * height), round(box[3] * height)
    return frame[top:bottom, left:right]


picture_numbers = 16 * 72 * 96 * 3
