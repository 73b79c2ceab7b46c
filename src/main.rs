//! The binary: arguments, configuration, server, exit code.

fn main() {}
