"""Pictures of annotations: overlays, outlines, skeletons, heatmaps, cut-outs."""
