"""PixMix: settings, draws, and the transform, data set, batch and sampler that apply them."""
