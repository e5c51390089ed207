// Nothing: a target of precompiled headers wants one file to compile.
