"""Runnable targets without a shell script: the program, and beside it a JSON file that tells it what to do."""

def rlocation(ctx, file):
    """The path of a file below the runfiles directory.

    Args:
      ctx: the rule's context.
      file: a File, or None.

    Returns:
      a string, "" for None.
    """
    if not file:
        return ""
    if file.short_path.startswith("../"):
        return file.short_path[len("../"):]
    return ctx.workspace_name + "/" + file.short_path

def launcher(ctx, program, spec, files, targets = []):
    """Makes the executable of a runnable target.

    Args:
      ctx: the rule's context.
      program: the executable File to run.
      spec: a dictionary that the program reads as JSON; paths in it are made by `rlocation`.
      files: Files that the program opens.
      targets: Targets whose runfiles the program needs.

    Returns:
      the DefaultInfo of the rule.
    """
    executable = ctx.actions.declare_file(ctx.label.name + ".exe")
    ctx.actions.symlink(output = executable, target_file = program, is_executable = True)

    # The program finds this file by its own path.
    spec_file = ctx.actions.declare_file(ctx.label.name + ".exe.json")
    ctx.actions.write(spec_file, json.encode(spec))

    runfiles = ctx.runfiles([program, executable, spec_file] + files)
    return DefaultInfo(
        executable = executable,
        files = depset([executable]),
        runfiles = runfiles.merge_all([target[DefaultInfo].default_runfiles for target in targets]),
    )
