"""A model that dreams on bands: one ONNX file, read safely, and the ascents that it plays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dreampedal.engine.model.ascent import Ascent
from dreampedal.engine.model.chains import Chains
from dreampedal.engine.model.device import chosen_device
from dreampedal.engine.model.format.manifest import Manifest, ModelError
from dreampedal.engine.model.sessions import Sessions
from dreampedal.engine.model.structure import read_model

if TYPE_CHECKING:
    from onnx import ModelProto


class Model:
    """A model as its file declares it. Sessions are made when first needed and shared by all that run it."""

    def __init__(self, path: Path, graph: ModelProto, manifest: Manifest, device: str) -> None:
        self.path, self.manifest = path, manifest
        self.device = chosen_device(device, manifest.runs_on == "window")
        self.chains = Chains(Sessions(path, graph), manifest)

    def __repr__(self) -> str:
        manifest = self.manifest
        return f"Model({manifest.name!r}, version={manifest.version!r}, layers={[x.name for x in manifest.layers]})"

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> Model:
        """The model in the file at `path`, its structure proved sound before anything of it runs.

        Args:
            device: "cpu", "cuda", or "auto": the GPU, where there is one, for models that see a whole window, and the
                CPU for models that move one column, which are done before a GPU has begun.

        Raises:
            ModelError: that names the file, the field, what was found and what was expected.
            DeviceError: if "cuda" is asked for and not there.
        """
        graph, manifest = read_model(path)
        if not isinstance(manifest, Manifest):
            raise ModelError(path, "manifest.kind", manifest.kind, "ascent, the only kind that dreams on bands")
        return cls(Path(path), graph, manifest, device)

    def ascent(self, channels: int = 1, steps: int = 4, columns: int = 1, device: str | None = None) -> Ascent:
        """A new ascent, warm, in the state of endless silence.

        Args:
            channels: rows of features, each with its own states.
            steps: steps of a run, 0 (only listen) or more; `Ascent.run` takes others too.
            columns: moving columns, 1 + `lookahead_frames`, up to `manifest.context_frames`. A model that runs on the
                window moves all of it.
            device: another than the model's own.
        """
        manifest = self.manifest
        if manifest.runs_on == "window":
            columns = manifest.context_frames
        if not 1 <= columns <= manifest.context_frames:
            raise ValueError(f"columns = {columns}: {manifest.name} takes 1 to {manifest.context_frames}")
        if channels < 1:
            raise ValueError(f"channels = {channels}: expected at least 1")
        chosen = chosen_device(device, manifest.runs_on == "window") if device else self.device
        return Ascent(self.chains, channels, steps, columns, chosen)
