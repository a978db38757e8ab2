"""A small moving scene with all passes that a control video needs: `blender -b -P blender_scene.py -- FOLDER FRAMES`.

Runs in Blender's own Python. Writes color.0001.png (Filmic), depth.0001.exr (metres), id.0001.png (the object's number)
and layers/beauty.0001.exr (all layers in one file, with Cryptomatte).
"""

from __future__ import annotations

import sys
from typing import Any

WIDTH, HEIGHT = 192, 108
# Name, number, colour, and where it is.
OBJECTS = (
    ("floor", 1, (0.35, 0.33, 0.3), (0, 0, 0)),
    ("crate", 2, (0.7, 0.05, 0.05), (-1.5, 0, 0.5)),
    ("ball", 3, (0.1, 0.3, 0.8), (1.2, -1, 0.6)),
)


def main() -> None:
    import bpy

    folder, frames = sys.argv[sys.argv.index("--") + 1], int(sys.argv[sys.argv.index("--") + 2])
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    for name, number, colour, place in OBJECTS:
        _add(bpy, name, number, colour, place)
    crate = bpy.data.objects["crate"]
    for frame, x in ((1, -1.5), (frames, 0.5)):
        crate.location.x = x
        crate.keyframe_insert("location", frame=frame)
    bpy.ops.object.light_add(type="SUN", rotation=(0.7, 0.2, 0.4))
    bpy.context.object.data.energy = 4
    bpy.ops.object.camera_add(location=(0, -7, 2.4), rotation=(1.35, 0, 0))
    scene.camera = bpy.context.object
    scene.world = bpy.data.worlds.new("sky")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs[0].default_value = (0.5, 0.65, 0.9, 1)
    scene.render.engine, scene.cycles.device, scene.cycles.samples, scene.cycles.seed = "CYCLES", "CPU", 4, 1
    scene.cycles.use_denoising = False
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.frame_start, scene.frame_end = 1, frames
    layer = scene.view_layers[0]
    layer.use_pass_z = layer.use_pass_object_index = layer.use_pass_cryptomatte_object = True
    _outputs(scene, folder)
    scene.render.filepath = f"{folder}/layers/beauty.####"
    scene.render.image_settings.file_format = "OPEN_EXR_MULTILAYER"
    scene.render.image_settings.color_depth = "16"
    bpy.ops.render.render(animation=True)


def _add(bpy: Any, name: str, number: int, colour: tuple[float, ...], place: tuple[float, ...]) -> None:
    if name == "floor":
        bpy.ops.mesh.primitive_plane_add(size=20, location=place)
    elif name == "crate":
        bpy.ops.mesh.primitive_cube_add(size=1, location=place)
    else:
        bpy.ops.mesh.primitive_uv_sphere_add(radius=0.6, location=place)
    thing = bpy.context.object
    thing.name, thing.pass_index = name, number
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (*colour, 1)
    thing.data.materials.append(material)


def _outputs(scene: Any, folder: str) -> None:
    """The compositor's nodes that write colour, depth and numbers beside the file of all layers."""
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    layers = tree.nodes.new("CompositorNodeRLayers")
    composite = tree.nodes.new("CompositorNodeComposite")
    tree.links.new(layers.outputs["Image"], composite.inputs["Image"])
    # A number n becomes n / 255, which an 8-bit file holds as n.
    share = tree.nodes.new("CompositorNodeMath")
    share.operation = "DIVIDE"
    share.inputs[1].default_value = 255
    tree.links.new(layers.outputs["IndexOB"], share.inputs[0])
    for name, socket, form, depth, mode, view in (
        ("color", layers.outputs["Image"], "PNG", "8", "RGB", "Filmic"),
        ("depth", layers.outputs["Depth"], "OPEN_EXR", "32", "RGB", ""),
        ("id", share.outputs[0], "PNG", "8", "BW", "Raw"),
    ):
        node = tree.nodes.new("CompositorNodeOutputFile")
        node.base_path = folder
        node.file_slots[0].path = f"{name}."
        node.format.file_format, node.format.color_mode, node.format.color_depth = form, mode, depth
        if view:
            node.format.color_management = "OVERRIDE"
            node.format.view_settings.view_transform = view
        tree.links.new(socket, node.inputs[0])


if __name__ == "__main__":
    main()
