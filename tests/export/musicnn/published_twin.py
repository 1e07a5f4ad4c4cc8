"""The published networks once more, in NumPy and in TensorFlow's order of axes, from the names in a checkpoint."""

import numpy as np


def norm(x, w, number):
    """Batch norm over the last axis."""
    scope = f"batch_normalization_{number}" if number else "batch_normalization"
    mean, variance = w[f"{scope}/moving_mean"], w[f"{scope}/moving_variance"]
    return (x - mean) / np.sqrt(variance + 0.001) * w[f"{scope}/gamma"] + w[f"{scope}/beta"]


def conv(x, w, scope):
    """A valid convolution of (frames, bands, channels), and ReLU."""
    kernel = w[f"{scope}/kernel"].astype(np.float64)
    patches = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], (0, 1))
    frames, bands = patches.shape[:2]
    rows = patches.transpose(0, 1, 3, 4, 2).reshape(frames, bands, -1)
    return np.maximum(rows @ kernel.reshape(-1, kernel.shape[3]) + w[f"{scope}/bias"], 0)


def same(x, frames, bands=1):
    """Zeros around, as TensorFlow's padding "same" has them: the spare one after."""
    return np.pad(x, [((frames - 1) // 2, frames // 2), ((bands - 1) // 2, bands // 2), (0, 0)])


def musicnn(x, w):
    """(frames, 96) to logits (50,) and penultimate (200,)."""
    heard = norm(x[:, :, None].astype(np.float64), w, 0)
    front = [norm(conv(same(heard, 7), w, scope), w, n).max(1) for n, scope in ((1, "conv2d"), (2, "conv2d_1"))]
    for n, frames in ((3, 128), (4, 64), (5, 32)):
        front.append(norm(conv(same(heard, frames), w, f"conv2d_{n - 1}"), w, n).max(1))
    front = np.concatenate(front, 1)
    sums, below = [], front
    for n in (6, 7, 8):
        y = norm(conv(same(below[:, :, None], 7), w, f"conv2d_{n - 1}"), w, n)[:, 0]
        sums.append(below := y if n == 6 else y + below)
    everything = np.concatenate([front, *sums], 1)
    pooled = np.ravel([everything.max(0), everything.mean(0)], order="F")
    hidden = norm(np.maximum(norm(pooled, w, 9) @ w["dense/kernel"] + w["dense/bias"], 0), w, 10)
    return hidden @ w["dense_1/kernel"] + w["dense_1/bias"], hidden


def vgg(x, w):
    """(187, 96) to logits (50,) and what the head sees (256,)."""
    y = norm(x[:, :, None].astype(np.float64), w, 0)
    pools = ((4, 1, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2), (4, 4, 4))
    for n, (frames, bands, stride) in enumerate(pools, 1):
        y = norm(conv(same(y, 3, 3), w, f"{n}CNN"), w, n)
        y = np.lib.stride_tricks.sliding_window_view(y, (frames, bands), (0, 1))[::stride, ::stride].max((3, 4))
    return y.ravel() @ w["dense/kernel"] + w["dense/bias"], y.ravel()
