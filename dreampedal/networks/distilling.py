"""`distil`: a student of many listeners, from soundfonts and folders to its model file."""

from __future__ import annotations

from dreampedal.console import interrupted
from dreampedal.console.console import print_json, say
from dreampedal.console.tables import print_table
from dreampedal.engine.model.library import library
from dreampedal.networks.options import Distil


def distil(options: Distil) -> None:
    """Distil a student and say who taught it."""
    from dreampedal.effects.spectral.carriers.frame import CARRIERS
    from dreampedal.export.train.distil.run.order import FAMILIES, Order, schedule
    from dreampedal.export.train.distil.run.running import distil

    if options.seed >= 2**32:
        raise ValueError(f"seed = {options.seed}: expected a whole number from 0 to 2^32 - 1")
    teachers = options.teachers or (["notes"] if options.soundfonts and not options.listeners else [])
    order = Order(
        targets=tuple(options.targets) or FAMILIES,
        soundfonts=tuple(options.soundfonts),
        recordings=tuple(options.sounds),
        teachers=tuple(library.find("model", name) for name in teachers),
        listeners=tuple(options.listeners),
        carriers=CARRIERS if options.carriers == ["all"] else tuple(options.carriers),
        schedule=schedule(1.0 if options.quick else options.hours),
        seed=options.seed,
        jobs=options.jobs,
    )
    run = options.run or options.out.with_name(f"{options.out.stem}_run")
    with interrupted.interruptible(lambda seen: interrupted.distillation(run, seen)) as progress:
        report = distil(order, options.out, run, options.cache, progress)
    if options.as_json:
        print_json(report)
        return
    size, minutes = report["bytes"] / 1e6, report["seconds"] / 60
    say(
        f"{report['model']}: a student of {len(report['teachers'])} teachers, {size:.2f} MB, verified, "
        f"{minutes:.1f} minutes"
    )
    say(f"it can be asked for {', '.join(report['targets'])}, and mixtures of them")
    if report["passed_over"]:
        say(f"recordings passed over: {report['passed_over']}; used: {report['recordings']}")
    rows = ((name, f"{share:.1%}") for name, share in report["listeners"].items())
    print_table(("listener", "names right, of phrases kept aside"), rows)
    say(f"all parts: {report['run']}")
