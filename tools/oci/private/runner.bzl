"""runner: a program and what it reads, as one target to run."""

def runner(ctx, program, name = None, files = [], targets = [], outputs = [], environment = {}, inherited_environment = []):
    """Returns the providers of a target that runs a program under `bazel run` or `bazel test`.

    The executable is a link to the program, so that a hundred targets with one program cost nothing. A program finds its
    files by their rlocation paths, which it gets in variables.

    Args:
        ctx: the rule's context.
        program: Target of the program.
        name: file name of the link. Unset: the target's name.
        files: list of Files for the runfiles. Unset: none.
        targets: list of Targets whose runfiles the program needs. Unset: none.
        outputs: list of Files that `bazel build` makes beside the link. Unset: none.
        environment: dict of variables. Unset: none.
        inherited_environment: list of names of variables that a test takes from its caller. Unset: none.

    Returns:
        list of providers.
    """
    executable = ctx.actions.declare_file(name or ctx.label.name)
    ctx.actions.symlink(
        output = executable,
        target_file = program[DefaultInfo].files_to_run.executable,
        is_executable = True,
    )
    return [
        DefaultInfo(
            executable = executable,
            files = depset([executable] + outputs),
            runfiles = ctx.runfiles(files = [executable] + files).merge_all([
                target[DefaultInfo].default_runfiles
                for target in [program] + targets
            ]),
        ),
        RunEnvironmentInfo(environment = environment, inherited_environment = inherited_environment),
    ]
