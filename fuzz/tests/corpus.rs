//! Every committed input, through its target, with the stable compiler.

use std::fs;
use std::path::Path;

use ssecast_fuzz::TARGETS;

#[test]
fn every_input_of_the_corpora_keeps_its_promises() {
    for (name, run) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut inputs = 0;
        for entry in fs::read_dir(&folder).expect("every target has a corpus") {
            let path = entry.expect("a folder can be read").path();
            println!("{}", path.display());
            run(&fs::read(&path).expect("a file can be read"));
            inputs += 1;
        }
        assert!(inputs >= 10, "{name} has only {inputs} inputs");
    }
}
